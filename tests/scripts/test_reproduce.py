"""The script behind the README's tables, on a few sentences of a few languages."""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import load_script

from xsns_hf.text.folder import SAMPLE_TEXT, sample_corpus

CODES = ["eng", "fin", "swe"]


@pytest.fixture
def script(monkeypatch, in_this_process):
    module = load_script("reproduce_tables", monkeypatch)
    module.EXAMPLES, module.DENSITIES = 6, (0.15, 0.3)
    module.PREDICTORS = ["lang2vec", "lexical", "embedding", "xsns", "ensemble", "english"]
    return module


@pytest.fixture
def data(tmp_path) -> Path:
    """Folders as the script wants them: text, tagged sentences, gold scores."""
    for code in CODES:
        sentences = sample_corpus().sentences(code)[:30]
        rows = [{"tokens": each.split(), "upos": ["NOUN"] * len(each.split())} for each in sentences]
        tagged = [{"tokens": row["tokens"], "ner_tags": ["O"] * len(row["tokens"])} for row in rows]
        for path, lines in {
            f"text/{code}.txt": sentences,
            f"ud/{code}/train.jsonl": map(json.dumps, rows),
            f"ner/wikiann/{code}/train.jsonl": map(json.dumps, tagged),
        }.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "gold/xpos").mkdir(parents=True)
    gold = pd.read_csv(SAMPLE_TEXT.parent / "gold" / "xpos.csv")
    gold.to_csv(tmp_path / "gold/xpos/udpos-ft-10000.csv", index=False)
    return tmp_path


def test_tables_are_written_with_the_papers_rows_beside_ours(script, data, tiny, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    asked, make = [], script.make_predictors
    monkeypatch.setattr(script, "make_predictors", lambda names, inputs: asked.append(inputs) or make(names, inputs))
    script.main(data, out, "pos", "table1,table2,same-checkpoint,figure3", seeds=1, model=str(tiny))
    assert {inputs.model for inputs in asked} == {str(tiny)}, "embeddings and sub-words too are the model's own"
    table1, table2 = ((out / f"table{number}.md").read_text("utf-8") for number in (1, 2))
    assert [line.split("|")[2].strip() for line in table1.splitlines()[4:]] == ["T, L", "T, T", "W, L"]
    assert "(65.8)" in table1  # the paper's Pearson of T, T
    assert [line.split("|")[2].strip() for line in table2.splitlines()[4:]] == [*script.PREDICTORS, "evenness"]
    assert "| pos | ensemble | 6 |" in table2
    assert table2 in capsys.readouterr().out
    assert (out / "figure3.png").stat().st_size > 1000
    assert not (out / "same-checkpoint.md").exists(), "scores of the embedded checkpoint are of no other"


def test_gold_of_the_same_checkpoint_is_compared_with_the_published(script, data, tmp_path, monkeypatch):
    pairs = [(source, target) for source in CODES for target in CODES]
    rows = [{"task": "pos", "metric": "accuracy", "source": s, "target": t, "seed": 0} for s, t in pairs]
    pd.DataFrame(rows).assign(score=[90.0, 60, 70, 50, 91, 40, 80, 30, 92]).to_csv(tmp_path / "own.csv", index=False)
    monkeypatch.setattr(script, "OWN_GOLD", tmp_path / "own.csv")
    monkeypatch.setattr(script, "candidate_pool", lambda _: CODES)
    script.main(data, tmp_path / "out", "pos,ner", "same-checkpoint", seeds=1)
    table = (tmp_path / "out/same-checkpoint.md").read_text("utf-8")
    assert "1 seed(s)" in table and "| pos | xsns | 6 |" in table and "| ner |" not in table
    # Of English, Swedish is the better source (80 against 50) by our scores.
    assert "| English | 90.0 | Swedish 80.0 |" in table


def test_without_data_only_pos_has_gold(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script.Study, "corpus", lambda self, *_, **__: sample_corpus())
    study = script.Study(None, tmp_path / "out", 1)
    assert set(study.gold("pos").targets) <= set(script.candidate_pool("pos"))
    script.main(None, tmp_path / "out", "ner,nli", "table2", seeds=1)
    script.main(None, tmp_path / "out", "pos", "table3,low-resource", seeds=1)
    assert capsys.readouterr().out.count("is left out") == 3
    assert list((tmp_path / "out").glob("*.md")) == []
