"""What masks are asked from Python: the same answers as on the command line, in a notebook's forms."""

import json

import pandas as pd
import pytest
from conftest import noisy_masks

from xsns_hf import MaskDataset, MaskRepository, XsnsError, rank_sources
from xsns_hf.explanation.cover import Cover
from xsns_hf.explanation.overlap import Pair
from xsns_hf.explanation.overview import Overview

NOISE = {"fin": 0.1, "ekk": 0.2, "swe": 0.5, "deu": 0.7, "rus": 1.0, "tur": 2.0, "vie": 4.0}
SCORES = pd.DataFrame(
    [(s, t, 90 - 10 * NOISE[s] - 5 * NOISE[t]) for s in NOISE for t in NOISE if s != t],
    columns=["source", "target", "score"],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return noisy_masks(tmp_path_factory.mktemp("noisy") / "masks", NOISE)


@pytest.fixture(scope="module")
def masks(folder) -> MaskDataset:
    return MaskDataset.from_pretrained(folder)


def test_what_it_holds(masks, folder):
    assert masks.languages == sorted(NOISE)
    assert [recipe.checkpoint for recipe in masks.recipes.values()] == ["tiny"]
    assert repr(masks) == f"MaskDataset({folder!r}: 7 languages, 1 recipe)"
    assert masks.similarity().loc["fin", "fin"] == 1
    assert masks.similarity(seed=0).equals(masks.similarity())
    assert masks.subnetwork("Finnish").n_selected == 540
    with pytest.raises(XsnsError, match=r"seed 7"):
        masks.similarity(seed=7)
    with pytest.raises(XsnsError, match=r"seed 7"):
        masks.subnetwork("fin", seed=7)


def test_a_ranking_is_a_sequence_of_sources(masks, folder):
    ranking = masks.rank("Finnish")
    assert ranking.sources == rank_sources("fin", folder).sources
    assert (len(ranking), ranking[0], ranking[-2:]) == (6, ranking.sources[0], ranking.sources[-2:])
    assert [source.language for source in ranking] == list(ranking.to_frame()["language"])
    assert repr(ranking).startswith("Suggestions for Finnish (fin) by similarity: ekk 0.")
    assert repr(ranking).endswith(", … 6 in all")
    assert ranking.outlook is None
    assert ranking.advice[0].startswith("Best source: Estonian.")


@pytest.mark.parametrize("options", [{}, {"top": 2, "candidates": ["deu", "swe", "rus"]}])
def test_it_is_what_the_command_line_prints(masks, folder, xsns, options):
    arguments = [f"--{key}={','.join(v) if isinstance(v, list) else v}" for key, v in options.items()]
    _, printed, _ = xsns("rank", "fin", "--masks", folder, *arguments, "--json")
    assert json.loads(printed) == masks.rank("fin", **options).to_dict()


def test_scores_order_it_by_expectation(masks, folder, xsns, tmp_path):
    SCORES.to_csv(tmp_path / "scores.csv", index=False)
    ranking = masks.rank("fin", predict_score=SCORES)
    assert ranking.ordered_by == "expectation"
    assert [source.language for source in ranking] == ranking.outlook.order
    frame = ranking.to_frame()
    assert (frame["lower"] <= frame["expected"]).all()
    assert {"probability_best", "probability_within_a_point"} <= {*frame}
    _, printed, _ = xsns("rank", "fin", "--masks", folder, "--predict-score", tmp_path / "scores.csv", "--json")
    told, mine = json.loads(printed), ranking.to_dict()
    assert told["scores"].pop("name") != mine["scores"].pop("name")  # a file's and a table's
    assert told["sources"] == mine["sources"]
    assert masks.rank("fin", predict_score=SCORES, by="similarity").sources == masks.rank("fin").sources


def test_scores_of_too_few_languages_leave_the_order_by_similarity(tmp_path):
    masks = MaskDataset.from_pretrained(noisy_masks(tmp_path / "few", {"fin": 0.1, "swe": 0.2, "deu": 0.3}))
    ranking = masks.rank("fin", task="ner")
    assert ranking.ordered_by == "similarity"
    assert ranking.advice[-1] == (
        "The scores of ner are of too few languages with masks to learn from: the order is by similarity."
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "expectation"}, r"by='expectation' takes scores .* predict_score=…, or a task=…"),
        ({"by": "size"}, r"by='size' isn't known: use 'expectation' or 'similarity'"),
        ({"layers": "late"}, r"layers='late' isn't known"),
        ({"candidates": "pool"}, r"candidates='pool' means the paper's of a task: say with task=…"),
        ({"recipe": "none"}, r"choose one with recipe=…"),
        ({"top": 0}, r"at least 1 with top=…"),
        ({"task": "juggling"}, r"No scores of 'juggling'"),
    ],
)
def test_errors_speak_python(masks, options, said):
    with pytest.raises(XsnsError, match=said):
        masks.rank("fin", **options)


def test_a_string_of_candidates_is_a_list_of_them(masks):
    assert masks.rank("fin", candidates="deu,Swedish").sources == masks.rank("fin", candidates=["deu", "swe"]).sources


@pytest.mark.thorough
@pytest.mark.parametrize("options", [{}, {"predict_score": SCORES}])
def test_a_notebook_shows_a_table_and_a_picture(masks, options, tmp_path):
    ranking = masks.rank("fin", **options)
    html = ranking._repr_html_()
    assert html.count("<tr>") == 7
    assert all(source.name in html for source in ranking)
    picture = ranking.plot()
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert len(picture.figure.axes) == 1 + bool(options)
    assert [label.get_text() for label in picture.figure.axes[0].get_yticklabels()] == [each.name for each in ranking]
    for kind in ("png", "svg", "pdf"):
        picture.save(tmp_path / f"sources.{kind}")
        assert (tmp_path / f"sources.{kind}").stat().st_size > 1000
    with pytest.raises(XsnsError, match="can't be written"):
        picture.save(tmp_path / "none" / "sources.png")
    assert "Picture: Sources for Finnish (fin)" in repr(picture)


def test_what_comes_from_outside_is_escaped(folder):
    where = "user/<b>masks"
    masks = MaskDataset(MaskRepository(folder))
    masks.repository.name = where
    assert "user/&lt;b&gt;masks" in masks._repr_html_()
    assert "<b>" not in masks._repr_html_()


@pytest.mark.thorough
def test_explanations_of_two_of_one_and_of_all(masks):
    pair = masks.explain("Finnish", "et")
    assert isinstance(pair, Pair)
    assert (pair.one, pair.other) == ("fin", "ekk")
    assert isinstance(masks.explain("fin", languages=["swe", "deu", "rus"]), Cover)
    assert isinstance(masks.explain(), Overview)
    with pytest.raises(XsnsError, match=r"fin and Finnish are the same language \(fin\)"):
        masks.explain("fin", "Finnish")
    with pytest.raises(XsnsError, match="languages=… are for one language or all"):
        masks.explain("fin", "swe", languages=["deu"])


def test_an_evaluation_is_the_command_line_s(masks, folder, xsns, tmp_path):
    SCORES.to_csv(tmp_path / "scores.csv", index=False)
    evaluation = masks.evaluate(tmp_path / "scores.csv", ["xsns", "random"], targets=["fin", "Swedish"])
    arguments = ["--gold", tmp_path / "scores.csv", "--predictors", "xsns,random", "--targets", "fin,swe"]
    _, printed, _ = xsns("evaluate", "--masks", folder, *arguments, "--json")
    assert json.loads(printed) == evaluation.to_dict()
    assert masks.evaluate(SCORES, "xsns,random", targets=["fin", "swe"]).table.equals(evaluation.table)
    with pytest.raises(XsnsError, match="sources=… and task=… both say"):
        masks.evaluate(SCORES, task="pos", sources=["fin"])
    with pytest.raises(XsnsError, match=r"seeds=0, examples=256 sample no text"):
        masks.evaluate(SCORES, seeds=0)


def test_saved_to_a_folder_it_is_the_same(masks, tmp_path):
    masks.save_to_disk(tmp_path / "mine")
    again = MaskDataset.from_pretrained(tmp_path / "mine")
    assert again.similarity().equals(masks.similarity())
    assert again.path == tmp_path / "mine"
    with pytest.raises(XsnsError, match="revision=… out"):
        MaskDataset.from_pretrained(tmp_path / "mine", revision="main")
    with pytest.raises(XsnsError, match="is a folder: give a repository on the Hub"):
        masks.push_to_hub(str(tmp_path / "mine"))


@pytest.mark.thorough
def test_pushed_in_one_commit_or_as_a_pull_request(masks, hub):
    address = masks.push_to_hub("user/masks", languages=["Finnish", "swe"])
    assert address.endswith("/datasets/user/masks")
    pushed = MaskDataset.from_pretrained("user/masks", revision="main")
    assert pushed.languages == ["fin", "swe"]
    assert "discussions" in masks.push_to_hub("user/masks", create_pr=True)
    with pytest.raises(XsnsError, match="on the Hub and in no folder"):
        _ = pushed.path
