"""The command line as a user meets it: what it prints, where it writes, how it fails."""

import dataclasses
import json
from pathlib import Path

import pytest
from conftest import LANGUAGES
from datasets import load_dataset

from xsns_hf.cli import launching
from xsns_hf.cli.extraction_request import PAPER
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.recipe import Recipe


@pytest.fixture
def extract(xsns, tiny, text, tmp_path):
    """Run `xsns extract` on the tiny model with some options on top."""

    def run(*arguments: object, out=tmp_path / "masks", model=tiny, text=text) -> tuple[int, str, str]:
        usual = ["--processes", 1, "--examples", 16, "--seeds", 2]
        return xsns("extract", "--model", model, "--text", text, "--out", out, *usual, *arguments)

    return run


def test_what_is_wrong_with_a_command_is_said_before_any_work(xsns, monkeypatch, tmp_path):
    """Starting processes, each of which imports torch, takes seconds."""
    monkeypatch.setattr(launching, "run", lambda *_: pytest.fail("processes were started"))
    for arguments, message in [
        (["--text", tmp_path / "nowhere"], "there is no folder"),
        (["--density", "x"], "--density x isn't a number"),
        (["--examples", "many"], "--examples many is neither a number nor `auto`"),
        (["--languages", "Klingonese"], "is not a language we know"),
        (["--seeds", "0"], "--seeds 0 extracts nothing"),
        (["--share", "3/2"], "--share 3/2 is no share: give such as 3/8"),
        (["--share", "49/50"], "--share 49/50 is empty: make no more shares than languages, 48."),
        (
            ["--share", "2/2", "--languages", "fi,fin"],
            "--share 2/2 is empty: make no more shares than languages, 1.",
        ),
        (["--density", "0.15,7"], "7"),
        (["--max-length", "3"], "at most 3 tokens are too short"),
        (["--masking", "2"], "Masking ratio 2.0 is out of range"),
        (["--corpus", "paws-x", "--languages", "fin"], "paws-x has no text for Finnish (fin)"),
        (["--objective", "token-classification", "--head", "tied"], "takes a random head"),
    ]:
        code, _, errors = xsns("extract", "--processes", 2, "--out", tmp_path / "masks", *arguments)
        assert (code, errors.count("\n")) == (2, 1)
        assert message in errors
    assert not (tmp_path / "masks").exists()


@pytest.mark.thorough
def test_extract_load_rank(extract, xsns, tmp_path):
    code, output, errors = extract()
    assert code == 0, errors
    assert "Finnish (fin)" in output
    masks = tmp_path / "masks"
    rows = load_dataset(
        str(masks), "text-mlm-pretrained-n16-p0.15-capped.fin", split="train", cache_dir=str(tmp_path / "c")
    )
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
    code, output, _ = xsns("rank", "fin", "--masks", masks, "--task", "pi", "--candidates", "pool", "--json")
    assert [source["language"] for source in json.loads(output)["sources"]] == ["eng"]


@pytest.mark.thorough
def test_a_language_is_added_later_and_nothing_is_done_twice(extract, tmp_path):
    assert extract("--languages", "fin,en")[0] == 0
    masks = tmp_path / "masks" / "masks" / "text-mlm-pretrained-n16-p0.15-capped"
    (file,) = masks.glob("fin-*.parquet")
    before = file.stat().st_mtime_ns
    code, output, _ = extract("--languages", "fin,en,Russian")
    assert code == 0
    assert "There already: fin, eng." in output
    assert [*masks.glob("fin-*.parquet")] == [file]
    assert file.stat().st_mtime_ns == before
    assert len(MaskRepository(tmp_path / "masks").similarity()) == 3 * 2 * 2


@pytest.mark.thorough
def test_replace_mends_a_damaged_mask(extract, xsns, tmp_path):
    extract()
    (path,) = (tmp_path / "masks" / "masks" / "text-mlm-pretrained-n16-p0.15-capped").glob("fin-*.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    assert extract("--languages", "fin", "--replace")[0] == 0
    assert MaskRepository(tmp_path / "masks").subnetwork("text-mlm-pretrained-n16-p0.15-capped", "fin", 0).n_selected


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
    monkeypatch.setattr("xsns_hf.models.head_files.cached_assets_path", lambda **_: tmp_path)
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


@pytest.mark.thorough
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
        (["rank", "fin", "--masks", "x", "--candidates", "pool"], "say with --task of which"),
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


@pytest.mark.thorough
def test_auto_and_bfloat16_are_recipes_of_their_own(extract, tmp_path):
    code, output, errors = extract("--examples", "auto", "--agreement", 0.5, "--most", 40, "--seeds", 1)
    assert code == 0, errors
    assert "halves agree" in output
    assert extract("--precision", "bfloat16", "--seeds", 1)[0] == 0
    recipes = MaskRepository(tmp_path / "masks").recipes()
    assert sorted(recipes) == [
        "text-mlm-pretrained-auto0.5-40-p0.15-capped",
        "text-mlm-pretrained-n16-p0.15-capped-bfloat16",
    ]
    assert recipes["text-mlm-pretrained-auto0.5-40-p0.15-capped"].agreement == 0.5
    assert "There already: eng, fin, rus" in extract("--precision", "bfloat16", "--seeds", 1)[1]
    assert "There already: eng, fin, rus" in extract("--precision", "auto", "--seeds", 1)[1]  # in bfloat16
    code, output, errors = extract("--precision", "auto", "--seeds", 2)
    assert code == 0, errors
    assert "32 is used" in output or "bfloat16 is used" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--examples", "many"), "--examples many is neither a number nor `auto`"),
        (("--examples", "auto", "--agreement", 1.5), "Agreement 1.5 is out of range"),
        (("--examples", "auto", "--importance", "released"), "takes a fixed |D|"),
        (("--precision", "bfloat16", "--importance", "released"), "and float32"),
    ],
)
def test_sample_sizes_and_precisions_that_make_no_sense(extract, tmp_path, arguments, message):
    code, _, errors = extract(*arguments)
    assert code == 2
    assert message in errors
    assert not (tmp_path / "masks" / "index.parquet").exists()


@pytest.mark.thorough
def test_the_papers_settings_are_one_word_away(extract, tmp_path):
    code, _, errors = extract("--preset", "paper", "--languages", "fin")
    assert code == 0, errors
    (recipe,) = MaskRepository(tmp_path / "masks").recipes().values()
    assert (recipe.importance, recipe.density) == ("exact", 0.15)
    assert recipe.examples == 16, "what is given beside a preset counts"
    assert extract("--languages", "fin", out=tmp_path / "ours")[0] == 0
    (recipe,) = MaskRepository(tmp_path / "ours").recipes().values()
    assert recipe.importance == "capped"
    assert "importance capped against exact" in extract("--preset", "paper", out=tmp_path / "ours")[1]
    assert "--preset" in extract("--preset", "released")[2]


def test_the_papers_settings_are_those_of_a_recipe():
    defaults = {field.name: field.default for field in dataclasses.fields(Recipe)}
    paper = PAPER | {"examples": int(PAPER["examples"]), "density": float(PAPER["density"])}
    assert {name: defaults[name] for name in ("importance", "examples", "density")} | {"seeds": 3} == paper


@pytest.mark.thorough
def test_several_densities_from_one_extraction(extract, xsns, tmp_path):
    assert extract("--density", "0.15,0.3", "--languages", "fin,en")[0] == 0
    masks = MaskRepository(tmp_path / "masks")
    assert sorted(masks.recipes()) == [f"text-mlm-pretrained-n16-p{density}-capped" for density in ("0.15", "0.3")]
    assert extract("--density", "0.3", "--languages", "fin,en,ru", out=tmp_path / "alone")[0] == 0
    alone = MaskRepository(tmp_path / "alone").subnetwork("text-mlm-pretrained-n16-p0.3-capped", "fin", 1)
    together = masks.subnetwork("text-mlm-pretrained-n16-p0.3-capped", "fin", 1).arranged(alone.layout)
    assert alone.sha256 == together.sha256
    code, output, _ = xsns("rank", "fin", "--masks", tmp_path / "masks")
    assert code == 0
    assert "there are others. With --recipe: text-mlm-pretrained-n16-p0.3-capped." in output
    assert "There already: fin, eng" in extract("--density", "0.3,0.15", "--languages", "fin,en")[1]
    code, _, errors = extract("--density", "0.15,lots")
    assert (code, "--density 0.15,lots isn't a number" in errors) == (2, True)
    code, _, errors = extract("--density", "0.15,0.3", "--examples", "auto")
    assert (code, "auto depends on the density" in errors) == (2, True)


def test_a_task_s_own_labels_in_place_of_masked_tokens(extract, xsns, tmp_path):
    labelled = tmp_path / "pairs"
    labelled.mkdir()
    for language, sentence in {"eng": "It rains in the north", "fin": "Pohjoisessa sataa vettä"}.items():
        rows = [{"premise": f"{sentence} {n}.", "hypothesis": sentence, "label": n % 3} for n in range(20)]
        (labelled / f"{language}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code, output, errors = extract("--objective", "pair-classification", text=labelled)
    assert code == 0, errors
    assert "pairs-pair-classification-random-n16-p0.15-capped" in output
    assert xsns("rank", "fin", "--masks", tmp_path / "masks")[0] == 0
    relabelled = (labelled / "fin.jsonl").read_text("utf-8").replace('"label": 2', '"label": 1')
    (labelled / "fin.jsonl").write_text(relabelled, encoding="utf-8")
    code, _, errors = extract("--objective", "pair-classification", text=labelled)
    assert (code, "were made from another version" in errors) == (2, True)
    code, _, errors = extract("--objective", "pair-classification", "--head", "tied", text=labelled)
    assert (code, "takes a random head" in errors) == (2, True)
    code, _, errors = extract("--objective", "span-extraction", text=labelled, out=tmp_path / "others")
    assert (code, "isn't for span-extraction" in errors) == (2, True)


@pytest.fixture
def gold(tmp_path) -> Path:
    """Scores that follow the order of the alphabet, for the languages of the shared masks and one without."""
    path = tmp_path / "gold.csv"
    codes = [*LANGUAGES, "swh"]
    rows = [
        f"{source},{target},{90 - 5 * abs(one - other) + other / 7}"
        for one, source in enumerate(codes)
        for other, target in enumerate(codes)
    ]
    path.write_text("\n".join(["source,target,score", *rows, "elvish,eng,1"]), encoding="utf-8")
    return path


def test_predictors_are_listed(xsns):
    rows = json.loads(xsns("predictors", "--json")[1])
    assert {"xsns", "lang2vec", "ensemble", "random"} <= {row["predictor"] for row in rows}
    assert "sub-network similarity" in xsns("predictors")[1]


@pytest.mark.thorough
def test_evaluate(xsns, masks, gold):
    code, output, errors = xsns("evaluate", "--gold", gold, "--masks", masks, "--predictors", "xsns,random", "--json")
    assert code == 0, errors
    found = json.loads(output)
    assert list(found) == ["xsns", "random"]
    assert list(found["xsns"]) == ["pearson", "spearman", "top_1", "ndcg@3", "regret", "mrr", "targets"]
    assert found["xsns"]["targets"] == 7
    code, output, _ = xsns("evaluate", "--gold", gold, "--masks", masks, "--targets", "fin,swh", "--per-target")
    assert "Finnish (fin) is evaluated without swh" in " ".join(output.split())
    assert "Swahili (swh) isn't evaluated: predictors lack deu, eng, fin and 4 more" in " ".join(output.split())
    assert "elvish is no language that we know" in output
    output = xsns("evaluate", "--gold", gold, "--masks", masks)[1]
    assert "7 targets are evaluated without swh, which some predictor lacks." in " ".join(output.split())
    lines = xsns("evaluate", "--gold", gold, "--predictors", "english", "--csv", "--k", 1)[1].splitlines()
    assert lines[0] == "predictor,pearson,spearman,top_1,ndcg@1,regret,mrr"
    assert r"\begin{tabular}" in xsns("evaluate", "--gold", gold, "--predictors", "english,random", "--latex")[1]


@pytest.mark.thorough
def test_evaluate_with_text(xsns, masks, tiny, text, gold):
    arguments = ["--gold", gold, "--masks", masks, "--text", text, "--model", tiny, "--examples", 20]
    predictors = "xsns,lang2vec,lexical,evenness,embedding,genealogy,geography,ensemble,english"
    code, output, errors = xsns("evaluate", *arguments, "--predictors", predictors, "--json")
    assert code == 0, errors
    assert {each["targets"] for each in json.loads(output).values()} == {3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predictors", "magic"], "no predictor 'magic'"),
        (["--predictors", "lexical"], "needs --text"),
        (["--predictors", "random", "--json", "--csv"], "give one of them"),
        (["--predictors", "random", "--task", "pos", "--sources", "en"], "give one of them"),
        (["--predictors", "random", "--sources", "en"], "only one candidate"),
        (["--predictors", "random", "--k", 0], "a cut-off of at least 1"),
        (["--predictors", "random", "--seeds", 0], "samples no text"),
        (["--predictors", "random", "--targets", "klingon1"], "is not a language"),
    ],
)
def test_what_evaluate_refuses(xsns, gold, arguments, message):
    code, _, errors = xsns("evaluate", "--gold", gold, *arguments)
    assert code == 2
    assert message in errors


@pytest.mark.thorough
def test_rank_says_what_score_to_expect(xsns, masks, gold):
    code, output, errors = xsns("rank", "fin", "--masks", masks, "--predict-score", gold, "--json")
    assert code == 0, errors
    sources = json.loads(output)["sources"]
    assert all(source["lower"] < source["expected"] < source["upper"] for source in sources)
    assert "expected" in xsns("rank", "fin", "--masks", masks, "--predict-score", gold)[1]
    # The target's own scores are not looked at.
    others = gold.with_name("others.csv")
    others.write_text("\n".join(line for line in gold.read_text().split("\n") if ",fin," not in line))
    again = json.loads(xsns("rank", "fin", "--masks", masks, "--predict-score", others, "--json")[1])["sources"]
    assert again == sources


def in_words(output: str) -> str:
    return " ".join(output.split())


def codes_in(output: str) -> list[str]:
    return [source["language"] for source in json.loads(output)["sources"]]


@pytest.mark.thorough
def test_the_task_brings_its_scores_and_no_cage(xsns, masks):
    rank = ["rank", "fin", "--masks", masks, "--task", "ner"]
    code, output, errors = xsns(*rank, "--json")
    assert code == 0, errors
    answer = json.loads(output)
    assert {source["language"] for source in answer["sources"]} == {"deu", "eng", "fra", "rus", "swe", "vie"}
    assert answer["ordered_by"] == "expectation"
    assert answer["scores"]["name"] == "ner (f1, XLM-R base)"
    assert "2105.05975" in answer["scores"]["origin"]
    expected = [source["expected"] for source in answer["sources"]]
    assert expected == sorted(expected, reverse=True)
    assert all(0 <= source["lower"] <= source["expected"] <= source["upper"] <= 100 for source in answer["sources"])
    assert sum(source["probability_best"] for source in answer["sources"]) == pytest.approx(1, abs=1e-3)
    assert set(answer["best_set"]) <= {source["language"] for source in answer["sources"]}
    assert answer["best_set_probability"] >= 0.8
    pool = codes_in(xsns(*rank, "--candidates", "pool", "--json")[1])
    assert set(pool) == {"eng", "fra", "rus", "swe", "vie"}, "German is in no pool of NER"
    assert set(codes_in(xsns(*rank, "--candidates", "de,sv", "--json")[1])) == {"deu", "swe"}
    first = json.loads(xsns(*rank, "--top", 1, "--json")[1])
    assert first["sources"] == answer["sources"][:1], "the best of all, not the most similar"
    said = in_words(xsns(*rank)[1])
    assert "Ordered by expectation from ner (f1, XLM-R base)" in said
    assert "Expected from ner (f1, XLM-R base): Dolicki and Spanakis 2021" in said


@pytest.mark.thorough
def test_by_similarity_is_the_papers_order(xsns, masks):
    plain = codes_in(xsns("rank", "fin", "--masks", masks, "--json")[1])
    rank = ["rank", "fin", "--masks", masks, "--task", "ner"]
    answer = xsns(*rank, "--by", "similarity", "--json")[1]
    assert codes_in(answer) == plain
    assert json.loads(answer)["ordered_by"] == "similarity"
    assert "expected" in json.loads(answer)["sources"][0]
    assert "Ordered by similarity. Best source" in in_words(xsns(*rank, "--by", "similarity")[1])
    assert codes_in(xsns(*rank, "--json")[1]) != plain, "or the next line shows nothing"
    assert "By similarity alone number" in in_words(xsns(*rank)[1])
    assert "since on other targets" in in_words(xsns(*rank)[1])


@pytest.mark.thorough
def test_without_scores_the_order_is_by_similarity(xsns, masks):
    code, output, _ = xsns("rank", "fin", "--masks", masks, "--task", "pi")
    assert code == 0
    assert "No scores of pi are known: the order is by similarity." in output
    code, _, errors = xsns("rank", "fin", "--masks", masks, "--task", "pi", "--by", "expectation")
    assert (code, "--by expectation takes scores" in errors) == (2, True)
    code, output, _ = xsns("rank", "fin", "--masks", masks, "--task", "qa")
    assert code == 0
    assert "of too few languages with masks to learn from: the order is by similarity." in in_words(output)
    code, _, errors = xsns("rank", "fin", "--masks", masks, "--task", "qa", "--by", "expectation")
    assert (code, "at least 5 are needed" in errors) == (2, True)


@pytest.mark.parametrize("options", [[], ["--task", "ner"]])
def test_a_single_candidate_is_ahead_of_nobody(xsns, masks, options):
    _, output, _ = xsns("rank", "fin", "--masks", masks, "--candidates", "deu", *options)
    assert "German is the only candidate" in in_words(output)
    assert "ahead of all" not in output


def test_what_top_hides_still_counts(xsns, masks):
    whole = json.loads(xsns("rank", "fin", "--masks", masks, "--json")[1])["sources"]
    equal = [source["name"] for source in whole[1:] if source["as_good_as_best"]]
    output = in_words(xsns("rank", "fin", "--masks", masks, "--top", 1)[1])
    said = f"{', '.join(equal)} can't be told apart from it" if equal else "ahead of all others"
    assert said in output


@pytest.mark.thorough
def test_evaluate_expected_and_donor(xsns, masks):
    arguments = ["evaluate", "--gold", "ner", "--masks", masks, "--predictors", "xsns,donor,expected", "--json"]
    code, output, errors = xsns(*arguments)
    assert code == 0, errors
    itself = json.loads(output)
    assert set(itself) == {"xsns", "donor", "expected"}
    from_pos = json.loads(xsns(*arguments, "--learn-from", "pos")[1])
    assert from_pos["xsns"] == itself["xsns"]
    assert from_pos["donor"] != itself["donor"]


def test_too_few_scores_to_expect_one(xsns, masks, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("source,target,score\neng,deu,80\neng,fra,81\ndeu,fra,70\n")
    code, _, errors = xsns("rank", "fin", "--masks", masks, "--predict-score", few)
    assert (code, "at least 5 are needed" in errors) == (2, True)
