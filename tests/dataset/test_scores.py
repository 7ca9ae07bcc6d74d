"""Gold scores that travel with the masks: published, read by others, and what is refused."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import LANGUAGES
from datasets import load_dataset
from early_format import as_first_format
from huggingface_hub import DatasetCard
from hypothesis import given, settings
from hypothesis import strategies as st
from test_hub import PATH, WHERE, is_whole

import xsns_hf
from xsns_hf import XsnsError
from xsns_hf.dataset import schema
from xsns_hf.dataset.published import published_gold
from xsns_hf.dataset.repository import Added, MaskRepository
from xsns_hf.dataset.sharing import pull, push
from xsns_hf.gold import Gold, read_gold

XPOS = Path(xsns_hf.__file__).parent / "assets" / "gold" / "xpos.csv"
ORIGIN = "de Vries et al. 2022, https://aclanthology.org/2022.acl-long.529"


@pytest.fixture
def folder(masks, tmp_path) -> Path:
    """Masks of seven languages, to be changed at will."""
    return Path(shutil.copytree(masks, tmp_path / "masks"))


@pytest.fixture
def publish(xsns):
    """Run `xsns scores` on the real scores, with options on top."""

    def run(where: object, *arguments: object, file=XPOS, task="pos", origin=ORIGIN) -> tuple[int, str, str]:
        return xsns("scores", file, "--masks", where, "--task", task, "--origin", origin, *arguments)

    return run


@pytest.fixture
def other(tmp_path) -> Path:
    """The real scores with one of them changed."""
    table = pd.read_csv(XPOS, keep_default_na=False)
    table.loc[7, "score"] += 1
    table.to_csv(tmp_path / "other.csv", index=False)
    return tmp_path / "other.csv"


@pytest.fixture
def remote(hub, folder, monkeypatch) -> MaskRepository:
    """The seven languages on the Hub, without scores."""
    monkeypatch.setattr("xsns_hf.dataset.stores.hub.LONGEST_WAIT", 0.01)
    target = MaskRepository(WHERE, create=True)
    push(MaskRepository(folder), target)
    return target


def gold_of(scores: dict[tuple[str, str], list[float]], metric: str = "") -> Gold:
    rows = [(*pair, seed, score) for pair, runs in scores.items() for seed, score in enumerate(runs)]
    return Gold("gold", pd.DataFrame(rows, columns=["source", "target", "seed", "score"]), [], metric)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def card_of(folder: Path) -> DatasetCard:
    return DatasetCard.load(folder / "README.md")


def configs_in(files: dict[Path, bytes], folder: Path) -> list[str]:
    return configs(DatasetCard(files[folder / "README.md"].decode()))


def configs(card: DatasetCard) -> list[str]:
    return [config["config_name"] for config in card.data.to_dict()["configs"]]


def test_published_in_a_folder_and_opened_as_a_dataset(publish, folder, tmp_path):
    code, output, errors = publish(folder, "--model", "XLM-R base", "--metric", "accuracy")
    assert code == 0, errors
    assert "1,892 pairs, 43 sources and 44 targets; 42 pairs of two languages have masks of both" in output
    assert f"Next: xsns rank deu --masks {folder} --task pos\n" in output
    found = load_dataset(str(folder), "scores", split="train", cache_dir=str(tmp_path / "cache")).to_pandas()
    assert list(found.columns) == schema.SCORES.names
    expected = pd.read_csv(XPOS, keep_default_na=False).set_index(["source", "target"])["score"]
    assert found.set_index(["source", "target"])["score"].to_dict() == expected.to_dict()
    fixed = {"task": "pos", "metric": "accuracy", "model": "XLM-R base", "origin": ORIGIN, "licence": ""}
    assert found[list(fixed)].drop_duplicates().to_dict("records") == [fixed]
    similarity = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert similarity.column_names == schema.SIMILARITY.names


@pytest.mark.thorough
def test_the_card_tells_of_scores_where_there_are_any(publish, folder, xsns, tiny, text):
    assert "scores" not in configs(card_of(folder))
    assert "Transfer scores" not in card_of(folder).text
    size = card_of(folder).text.split("takes about")[1].split(".")[0]
    publish(folder, "--model", "XLM-R base", "--licence", "CC-BY-4.0")
    line = (
        "- pos (accuracy, XLM-R base): 1,892 pairs of 43 sources and 44 targets, from "
        + ORIGIN
        + "; licence: CC-BY-4.0"
    )
    card = card_of(folder)
    assert configs(card)[:4] == ["similarity", "index", "layout", "scores"]
    assert line in card.text
    assert f"--masks {folder} --predict-score pos" in card.text
    assert size == card.text.split("takes about")[1].split(".")[0]
    options = ["--text", text, "--languages", "fin", "--examples", 16, "--seeds", 1, "--processes", 1]
    code, _, errors = xsns("extract", "--model", tiny, "--out", folder, *options)
    assert code == 0, errors
    card = card_of(folder)
    assert line in card.text, "kept when masks are added"
    assert {"scores", "text-mlm-pretrained-n16-p0.15-capped.fin"} <= set(configs(card))
    assert len(MaskRepository(folder).scores()) == 1892


@pytest.mark.thorough
def test_ranking_says_what_to_expect_without_a_file(publish, folder, xsns):
    publish(folder, "--model", "XLM-R base")
    rank = ["rank", "Finnish", "--masks", folder, "--predict-score"]
    code, output, errors = xsns(*rank, "pos", "--json")
    assert code == 0, errors
    sources = json.loads(output)["sources"]
    assert sources == json.loads(xsns(*rank, XPOS, "--json")[1])["sources"], "the same as from the file"
    assert all(source["lower"] < source["expected"] < source["upper"] for source in sources)
    _, output, _ = xsns(*rank, "pos")
    assert "expected (90 %)" in output
    assert f"Expected from pos (accuracy, XLM-R base) in {folder}: {ORIGIN}" in output


@pytest.mark.thorough
def test_masks_are_held_against_published_scores(publish, folder, xsns):
    publish(folder)
    evaluate = ["evaluate", "--masks", folder, "--predictors", "xsns,english", "--json", "--gold"]
    code, output, errors = xsns(*evaluate, "pos")
    assert code == 0, errors
    assert output == xsns(*evaluate, XPOS)[1]


def test_a_file_of_a_tasks_name_comes_first_and_a_folder_does_not(publish, folder, xsns, tmp_path, monkeypatch):
    publish(folder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pos").mkdir()
    rank = ["rank", "fin", "--masks", folder, "--predict-score", "pos"]
    assert xsns(*rank)[0] == 0
    (tmp_path / "pos").rmdir()
    (tmp_path / "pos").write_text("source,target,score\neng,deu,80\n")
    code, _, errors = xsns(*rank)
    assert (code, "pos has scores of two sources or more" in errors) == (2, True)


@pytest.mark.thorough
def test_several_tasks_and_metrics_are_kept_apart(folder):
    masks = MaskRepository(folder)
    for task, metric, score in [("pos", "accuracy", 1.0), ("pos", "f1", 2.0), ("ner", "f1", 3.0)]:
        added = masks.add_scores(gold_of({("eng", "fin"): [score]}, metric), task, origin="us")
        assert added == Added([], [task])
    assert masks.scores()[["task", "metric", "score"]].to_numpy().tolist() == [
        ["ner", "f1", 3.0],
        ["pos", "accuracy", 1.0],
        ["pos", "f1", 2.0],
    ]
    assert published_gold(masks, "pos", "f1").rows["score"].tolist() == [2.0]
    assert published_gold(masks, "ner").metric == "f1"
    with pytest.raises(XsnsError, match=r"pos in .* several metrics: choose one with metric=…: accuracy, f1"):
        published_gold(masks, "pos")
    with pytest.raises(XsnsError, match="no scores by the metric mrr: it has accuracy, f1"):
        published_gold(masks, "pos", "mrr")


def test_a_task_that_nobody_published(publish, folder, xsns):
    rank = ["rank", "fin", "--masks", folder, "--predict-score"]
    code, _, errors = xsns(*rank, "scores.csv")
    assert code == 2
    assert f"No scores of 'scores.csv' are published with {folder}: publish some with `xsns scores`, or give" in errors
    publish(folder)
    code, _, errors = xsns(*rank, "pi")
    assert code == 2
    assert "choose from pos, or give the path of an existing CSV" in errors


@pytest.mark.thorough
def test_the_same_again_changes_nothing_and_others_need_replace(publish, folder, other):
    publish(folder)
    before = contents(folder)
    code, output, _ = publish(folder)
    assert (code, "There already: pos scores of 1,892 pairs" in output) == (0, True)
    for arguments in ({"file": other}, {"origin": "someone else"}):
        code, _, errors = publish(folder, **arguments)
        assert code == 2
        assert f"holds other scores of pos (accuracy), from {ORIGIN}: pass --replace" in errors
    assert contents(folder) == before
    assert publish(folder, "--replace", file=other)[0] == 0
    assert len(MaskRepository(folder).scores()) == 1892
    assert published_gold(MaskRepository(folder), "pos").matrix().equals(read_gold(other).matrix())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"origin": "  "}, "need an origin: say with --origin"),
        ({"task": "pos.csv"}, "'pos.csv' can't name a task"),
        ({"task": ""}, "'' can't name a task"),
        ({"file": "nowhere.csv"}, "There is no gold file nowhere.csv"),
        ({"task": "parsing"}, "The scores of parsing need a metric: say with --metric"),
    ],
)
def test_what_is_refused(publish, folder, arguments, message):
    before = contents(folder)
    code, _, errors = publish(folder, **arguments)
    assert code == 2
    assert message in errors
    assert contents(folder) == before


def test_an_origin_has_to_be_given(xsns, folder):
    code, _, errors = xsns("scores", XPOS, "--masks", folder, "--task", "pos")
    assert (code, "--origin" in errors) == (2, True)


def test_scores_are_taken_back(publish, folder, xsns, tmp_path):
    before = contents(folder)
    publish(folder, "--metric", "f1")
    publish(folder)
    remove = ["scores", "--masks", folder, "--remove"]
    assert xsns(*remove, "pos", "--metric", "f1")[:2] == (0, f"Removed scores of pos.\n{folder}\n")
    assert set(MaskRepository(folder).scores()["metric"]) == {"accuracy"}
    assert xsns(*remove, "pos")[0] == 0
    assert MaskRepository(folder).scores().empty
    assert configs(card_of(folder)) == configs_in(before, folder)
    code, _, errors = xsns(*remove, "pos")
    assert (code, "holds no scores of pos to remove: it has no scores at all" in errors) == (2, True)
    code, _, errors = xsns("scores", XPOS, "--masks", folder, "--remove", "pos")
    assert (code, "leave the CSV, --task and --origin out" in errors) == (2, True)


def test_scores_on_the_hub_are_taken_back(remote):
    remote.add_scores(gold_of({("eng", "fin"): [1.0]}), "pos", origin="us")
    remote.remove_scores("pos")
    assert MaskRepository(WHERE).scores().empty


def test_a_metric_without_a_name_is_no_choice(folder):
    """Older repositories have such scores: beside named ones they aren't meant."""
    masks = MaskRepository(folder)
    masks.add_scores(gold_of({("eng", "fin"): [1.0]}), "pos", origin="us")
    assert set(masks.scores()["metric"]) == {"accuracy"}, "a known task's own"
    as_first_format(folder)
    rows = pd.concat([masks.scores(), masks.scores().assign(metric="", score=2.0)])
    schema.write(folder / "scores.parquet", schema.from_frame(rows, schema.SCORES))
    assert published_gold(MaskRepository(folder), "pos").rows["score"].tolist() == [1.0]
    with pytest.raises(XsnsError, match=r"no scores by the metric f1: it has accuracy\."):
        published_gold(MaskRepository(folder), "pos", "f1")


def test_scores_need_masks_to_go_with(publish, tmp_path):
    code, _, errors = publish(tmp_path / "nothing")
    assert (code, "There are no masks in" in errors) == (2, True)
    with pytest.raises(XsnsError, match="no masks that scores could go with"):
        MaskRepository(tmp_path / "new", create=True).add_scores(gold_of({("eng", "fin"): [1.0]}), "pos", origin="us")


def test_languages_that_we_do_not_know_are_named(publish, folder, tmp_path):
    (tmp_path / "few.csv").write_text("source,target,score\nen,Finnish,80\nelvish,fin,1\n")
    _, output, _ = publish(folder, file=tmp_path / "few.csv")
    assert "elvish is no language that we know" in output
    assert "scores of 1 pairs" in output
    assert MaskRepository(folder).scores()[["source", "target"]].to_numpy().tolist() == [["eng", "fin"]]


@pytest.mark.thorough
@pytest.mark.parametrize("cut", [0, 100])
def test_a_damaged_file_is_noticed(publish, folder, xsns, cut):
    publish(folder)
    path = folder / "scores.parquet"
    path.write_bytes(path.read_bytes()[:cut])
    for run in (lambda: publish(folder), lambda: xsns("rank", "fin", "--masks", folder, "--predict-score", "pos")):
        code, _, errors = run()
        assert code == 2
        assert "scores.parquet isn't the file that the index records" in errors
        assert "--repair`" in errors
    assert xsns("rank", "fin", "--masks", folder)[0] == 0, "who doesn't ask for scores isn't hindered"
    code, output, _ = xsns("check", folder, "--repair")
    assert (code, "scores.parquet isn't as it was written" in output) == (0, True)
    assert publish(folder)[0] == 0


@pytest.fixture(scope="module")
def shared(masks, tmp_path_factory) -> MaskRepository:
    return MaskRepository(shutil.copytree(masks, tmp_path_factory.mktemp("shared") / "masks"))


SHOWN = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)
LANGUAGE = st.sampled_from([*LANGUAGES, "swh", "srp_Latn"])
SCORES = st.dictionaries(
    st.tuples(LANGUAGE, LANGUAGE), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3), min_size=1
)


@pytest.mark.thorough
@given(SCORES, SHOWN, SHOWN, st.randoms())
@settings(max_examples=12, deadline=None)
def test_what_is_added_is_read_back(shared, scores, metric, model, random):
    gold = gold_of(scores, metric)
    options = {"origin": "us, {here} | there", "model": model, "metric": metric, "replace": True}
    shared.add_scores(gold, "pos", **options)
    clean = " ".join(metric.split()) or "accuracy"  # the task's own
    found = shared.scores().query("metric == @clean", local_dict={"clean": clean})
    assert found.set_index(["source", "target"])["score"].to_dict() == pytest.approx(
        {pair: np.mean(runs) for pair, runs in scores.items()}, rel=1e-12, abs=1e-9
    )
    assert set(found["model"]) == {" ".join(model.split())}
    shuffled = gold.rows.sample(frac=1, random_state=random.randrange(1000))
    again = shared.add_scores(Gold("gold", shuffled, []), "pos", **options | {"replace": False})
    assert again == Added(), "in whatever order"
    assert r"us, {here} \| there" in card_of(shared.store.folder).text


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "x" * 501])
def test_what_could_not_be_shown_is_not_published(folder, text):
    before = (folder / "index.parquet").read_bytes()
    for column in ("model", "origin", "licence", "metric"):
        options = {"origin": "us", "metric": "f1"} | {column: text}
        with pytest.raises(XsnsError, match=f"The {column} of the scores, .* can't be shown"):
            MaskRepository(folder).add_scores(gold_of({("eng", "fin"): [1.0]}), "pos", **options)
    assert (folder / "index.parquet").read_bytes() == before


@pytest.mark.thorough
def test_scores_go_to_the_hub_with_the_masks_in_one_commit(publish, hub, folder, xsns, tmp_path):
    publish(folder)
    code, output, errors = xsns("push", folder, WHERE)
    assert code == 0, errors
    assert "Pushed scores of pos." in output
    assert hub.history(PATH)[0].title.endswith("; scores of pos")
    assert len(hub.history(PATH)) == 2
    found = load_dataset(WHERE, "scores", split="train", cache_dir=str(tmp_path / "cache")).to_pandas()
    pd.testing.assert_frame_equal(found, MaskRepository(folder).scores(), check_dtype=False)
    assert "Transfer scores" in hub.files(PATH)["README.md"].decode()
    assert "nothing to push" in xsns("push", folder, WHERE)[1]
    code, output, _ = xsns("rank", "fin", "--masks", WHERE, "--predict-score", "pos", "--json")
    local = xsns("rank", "fin", "--masks", folder, "--predict-score", "pos", "--json")[1]
    assert json.loads(output)["sources"] == json.loads(local)["sources"]
    assert len(pull(WHERE, tmp_path / "pulled").scores()) == 1892


@pytest.mark.thorough
def test_scores_are_published_on_the_hub_and_stay_when_masks_are_pushed(publish, hub, folder):
    push(MaskRepository(folder), MaskRepository(WHERE, create=True), LANGUAGES[:-1])
    code, output, errors = publish(WHERE)
    assert code == 0, errors
    assert "/datasets/user/masks" in output
    before, after = (hub.files(PATH, commit.oid) for commit in hub.history(PATH)[1::-1])
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {"scores.parquet", "index.parquet", "README.md"}
    added = push(MaskRepository(folder), MaskRepository(WHERE))
    assert ({language for _, language, _ in added.masks}, added.scores) == ({LANGUAGES[-1]}, [])
    assert is_whole(hub.files(PATH)) == set(LANGUAGES)
    assert ORIGIN in hub.files(PATH)["README.md"].decode()
    assert len(MaskRepository(WHERE).scores()) == 1892


@pytest.mark.thorough
def test_other_scores_on_the_hub_are_refused_unless_replaced(publish, remote, hub, folder, other, xsns):
    publish(WHERE)
    publish(folder, file=other)
    code, _, errors = xsns("push", folder, WHERE)
    assert (code, "user/masks holds other scores of pos" in errors) == (2, True)
    assert len(hub.history(PATH)) == 3
    assert xsns("push", folder, WHERE, "--languages", "fin")[0] == 0, "scores stay where they are"
    assert xsns("push", folder, WHERE, "--replace")[0] == 0
    pd.testing.assert_frame_equal(MaskRepository(WHERE).scores(), MaskRepository(folder).scores())


@pytest.mark.thorough
def test_a_pull_request_proposes_scores(publish, remote, hub):
    _, output, _ = publish(WHERE, "--create-pr")
    assert "/discussions/" in output
    assert "scores.parquet" not in hub.files(PATH)
    assert "scores.parquet" in hub.files(PATH, "refs/pr/1")


def _at_once(*actions) -> list:
    """Start all at the same moment; return what each gives, or its error."""
    together = threading.Barrier(len(actions))

    def one(action):
        together.wait()
        try:
            return action()
        except XsnsError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(one, actions))


@pytest.mark.thorough
def test_writers_at_once_lose_nothing(remote, hub):
    def adding(task: str):
        target = MaskRepository(WHERE)
        return lambda: target.add_scores(gold_of({("eng", "fin"): [1.0]}), task, origin="us")

    assert _at_once(*map(adding, ["pos", "ner", "nli"])) == [Added([], [task]) for task in ("pos", "ner", "nli")]
    assert sorted(MaskRepository(WHERE).scores()["task"]) == ["ner", "nli", "pos"]
    assert len(hub.history(PATH)) == 2 + 3
    card = hub.files(PATH)["README.md"].decode()
    assert all(f"- {task}: 1 pairs" in card for task in ("pos (accuracy)", "ner (f1)", "nli (accuracy)"))


@pytest.mark.thorough
def test_of_two_writers_of_one_task_the_second_is_told(remote):
    def adding(score: float):
        target = MaskRepository(WHERE)
        return lambda: target.add_scores(gold_of({("eng", "fin"): [score]}), "pos", origin="us")

    found = _at_once(adding(1.0), adding(2.0))
    refused = [answer for answer in found if isinstance(answer, XsnsError)]
    assert len(refused) == 1
    assert "holds other scores of pos (accuracy), from us" in str(refused[0])
    assert MaskRepository(WHERE).scores()["score"].tolist() == [1.0 if found[1] in refused else 2.0]
