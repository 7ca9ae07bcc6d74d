import pytest
from rich.console import Console

from xsns_hf.cli import demo
from xsns_hf.dataset.repository import MaskRepository


@pytest.mark.slow
def test_the_demo_ranks_and_compares_on_the_embedded_checkpoint(tmp_path):
    """The whole way from the embedded checkpoint and real text to an answer, at a smaller size."""
    console = Console(record=True, width=120)
    few = ["swe", "nob", "ukr", "rus"]
    demo.run_demo(tmp_path / "masks", console, languages=few, targets=["nob"], examples=12, seeds=1)
    printed = console.export_text()
    assert "Sources for Norwegian" in printed
    assert "Spearman" in printed
    assert 'load_dataset("' in printed
    index = MaskRepository(tmp_path / "masks").index()
    assert set(index["language"]) == {"swe", "nob", "ukr", "rus"}
    assert set(index["n_selected"]) == {round(0.15 * 21_293_568)}
    similarity = MaskRepository(tmp_path / "masks").similarity().groupby(["source", "target"])["jaccard"].mean()
    assert similarity["swe", "nob"] == similarity[:, "nob"].max(), "Swedish is the nearest to Norwegian"
    assert similarity["rus", "ukr"] == similarity[:, "ukr"].max(), "and Russian to Ukrainian"


def test_published_scores_are_percentages_of_known_languages():
    gold = demo.published_scores()
    assert gold["score"].between(0, 100).all()
    assert {"nob", "fin", "ukr"} <= set(gold["target"])
    own = gold[gold["source"] == gold["target"]].set_index("target")["score"]
    best = gold.groupby("target")["score"].max()
    assert (best.reindex(own.index) - own < 3).mean() > 0.9, "few languages have a much better source than themselves"
