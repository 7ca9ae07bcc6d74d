"""The command line as a user meets it: what it prints, where it writes, how it fails."""

import json
import sys

import pytest
from datasets import load_dataset

from xsns_hf.cli import main
from xsns_hf.repository import MaskRepository


@pytest.fixture
def xsns(monkeypatch, capsys):
    """Run `xsns …` and return exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xsns", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        output, errors = capsys.readouterr()
        return int(stopped.value.code or 0), output, errors

    return run


@pytest.fixture
def extract(xsns, tiny, text, tmp_path):
    """Run `xsns extract` on the tiny model with some options on top."""

    def run(*arguments: object, out=tmp_path / "masks", model=tiny, text=text) -> tuple[int, str, str]:
        usual = ["--processes", 1, "--examples", 16, "--seeds", 2]
        return xsns("extract", "--model", model, "--text", text, "--out", out, *usual, *arguments)

    return run


def test_extract_load_rank(extract, xsns, tmp_path):
    code, output, errors = extract()
    assert code == 0, errors
    assert "Finnish (fin)" in output
    masks = tmp_path / "masks"
    rows = load_dataset(str(masks), "text-mlm-pretrained-n16-p0.15.fin", split="train", cache_dir=str(tmp_path / "c"))
    assert set(rows["seed"]) == {0, 1}
    code, output, _ = xsns("rank", "Finnish", "--masks", masks)
    assert code == 0
    assert "English" in output
    assert "Russian" in output
    assert "Best source:" in output
    code, output, _ = xsns("rank", "fin", "--masks", masks, "--candidates", "ru,en", "--top", 1, "--json")
    answer = json.loads(output)
    assert answer["target"] == "fin"
    assert list(answer["sources"][0]) == ["language", "name", "similarity", "std", "as_good_as_best"]
    assert len(answer["sources"]) == 1
    code, output, _ = xsns("rank", "fin", "--masks", masks, "--task", "pi", "--json")
    assert [source["language"] for source in json.loads(output)["sources"]] == ["eng"]


def test_a_language_is_added_later_and_nothing_is_done_twice(extract, tmp_path):
    assert extract("--languages", "fin,en")[0] == 0
    masks = tmp_path / "masks" / "masks" / "text-mlm-pretrained-n16-p0.15"
    before = (masks / "fin.parquet").stat().st_mtime_ns
    code, output, _ = extract("--languages", "fin,en,Russian")
    assert code == 0
    assert "There already: fin, eng." in output
    assert (masks / "fin.parquet").stat().st_mtime_ns == before
    assert len(MaskRepository(tmp_path / "masks").similarity()) == 3 * 2 * 2


def test_replace_mends_a_damaged_mask(extract, xsns, tmp_path):
    extract()
    path = tmp_path / "masks" / "masks" / "text-mlm-pretrained-n16-p0.15" / "fin.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    assert extract("--languages", "fin", "--replace")[0] == 0
    assert MaskRepository(tmp_path / "masks").subnetwork("text-mlm-pretrained-n16-p0.15", "fin", 0).n_selected


def test_short_text_warns_and_the_true_number_is_recorded(extract, tmp_path, caplog):
    code, _, _ = extract("--examples", 64, "--languages", "fin")
    assert code == 0
    assert "fewer than |D| = 64" in caplog.text
    assert set(MaskRepository(tmp_path / "masks").index()["examples"]) == {40}


def test_languages_lists_the_sample_text(xsns):
    code, output, _ = xsns("languages", "--json")
    rows = json.loads(output)
    assert code == 0
    assert len(rows) >= 24
    assert all(row["sentences"] >= 300 and row["licence"] for row in rows)
    code, output, _ = xsns("languages")
    assert "swh" in output
    assert "Swahili" in output


def test_fit_head_then_extract_with_it(extract, xsns, headless, text, tmp_path, monkeypatch):
    monkeypatch.setattr("xsns_hf.heads.cached_assets_path", lambda **_: tmp_path)
    code, output, errors = xsns("fit-head", "--model", headless, "--text", text, "--steps", 3)
    assert code == 0, errors
    assert "--head fitted" in output
    code, output, errors = extract("--head", "fitted", "--languages", "fin", model=headless)
    assert code == 0, errors
    (recipe,) = MaskRepository(tmp_path / "masks").recipes().values()
    assert recipe.head.startswith("fitted-")


MISTAKES = {
    "empty file": (lambda text: (text / "fin.txt").write_text(" \n\n"), [], "holds no text"),
    "not UTF-8": (lambda text: (text / "fin.txt").write_bytes("päivä".encode("latin-1")), [], "isn't UTF-8 (byte 1)"),
    "file named by no language": (lambda text: (text / "qqq9.txt").write_text("x"), [], "isn't named by a language"),
    "unknown language": (None, ["--languages", "finish"], "did you mean Finnish (fin)"),
    "language without text": (None, ["--languages", "swh"], "has no text for Swahili (swh)"),
    "density": (None, ["--density", "1.5"], "must be in (0, 1)"),
    "masking": (None, ["--masking", "0"], "must be in (0, 1)"),
    "examples": (None, ["--examples", "0"], "at least one example"),
    "seeds": (None, ["--seeds", "0"], "use at least 1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_leaves_nothing(extract, text, tmp_path, mistake):
    spoil, arguments, message = MISTAKES[mistake]
    if spoil:
        spoil(text)
    code, _, errors = extract(*arguments)
    assert code == 2
    assert message in errors
    assert errors.startswith("xsns: ")
    assert errors.count("\n") == 1
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_model_without_a_head_names_both_remedies(extract, headless):
    code, _, errors = extract(model=headless)
    assert code == 2
    assert "--head tied" in errors
    assert "xsns fit-head" in errors


def test_another_checkpoint_is_refused_before_any_work(extract, headless, tmp_path):
    extract("--languages", "fin")
    before = (tmp_path / "masks" / "index.parquet").read_bytes()
    code, _, errors = extract("--head", "tied", model=headless)
    assert code == 2
    assert "holds masks of tiny-xlmr" in errors
    assert (tmp_path / "masks" / "index.parquet").read_bytes() == before


def test_changed_text_is_refused(extract, text):
    extract("--languages", "fin")
    with (text / "fin.txt").open("a") as file:
        file.write("\nYksi lause lisää.")
    code, _, errors = extract("--languages", "fin")
    assert code == 2
    assert "--replace" in errors
    assert extract("--languages", "fin", "--replace")[0] == 0


def test_output_that_cannot_be_written_or_holds_something_else(extract, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    code, _, errors = extract(out=tmp_path / "file" / "masks")
    assert code == 2
    assert "can't be written" in errors
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    code, _, errors = extract(out=tmp_path / "mine")
    assert code == 2
    assert "holds something other than masks" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rank", "fin", "--masks", "nowhere"], "There are no masks in nowhere"),
        (["languages", "--text", "nowhere"], "no folder nowhere"),
        (["rank", "fin", "--masks", "x", "--task", "pos", "--candidates", "de"], "give one of them"),
    ],
)
def test_other_mistakes(xsns, arguments, message):
    code, _, errors = xsns(*arguments)
    assert code == 2
    assert message in errors


def test_every_command_has_an_example(xsns):
    for command in ("demo", "languages", "fit-head", "extract", "rank"):
        code, output, _ = xsns(command, "--help")
        assert code == 0
        assert "xsns " + command in output


def test_auto_and_bfloat16_are_recipes_of_their_own(extract, tmp_path):
    code, output, errors = extract("--examples", "auto", "--agreement", 0.5, "--most", 40, "--seeds", 1)
    assert code == 0, errors
    assert "halves agree" in output
    assert extract("--precision", "bfloat16", "--seeds", 1)[0] == 0
    recipes = MaskRepository(tmp_path / "masks").recipes()
    assert sorted(recipes) == ["text-mlm-pretrained-auto0.5-40-p0.15", "text-mlm-pretrained-n16-p0.15-bfloat16"]
    assert recipes["text-mlm-pretrained-auto0.5-40-p0.15"].agreement == 0.5
    assert "There already: eng, fin, rus" in extract("--precision", "bfloat16", "--seeds", 1)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--examples", "many"), "--examples many is neither a number nor `auto`"),
        (("--examples", "auto", "--agreement", 1.5), "Agreement 1.5 is out of range"),
        (("--examples", "auto", "--fisher", "released"), "takes a fixed |D|"),
        (("--precision", "bfloat16", "--fisher", "released"), "and float32"),
    ],
)
def test_sample_sizes_and_precisions_that_make_no_sense(extract, tmp_path, arguments, message):
    code, _, errors = extract(*arguments)
    assert code == 2
    assert message in errors
    assert not (tmp_path / "masks" / "index.parquet").exists()
