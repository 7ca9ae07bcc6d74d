"""Any dataset on the Hub as text, by its id, through `datasets` and the stand-in: what is typed, and what it says."""

import re
import subprocess
import sys

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hub.faults import ALWAYS
from hub_text import parquet

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify
from xsns_hf.text.choice import Choice
from xsns_hf.text.corpus import Sentences, revision
from xsns_hf.text.folder import sample_corpus
from xsns_hf.text.opening import TextRequest

SENTENCES = {"fin": "Hyvää huomenta.", "swh": "Habari ya asubuhi.", "srp_Latn": "Dobro jutro."}
STYLES = {
    "639-1": {"fin": "fi", "swh": "sw", "srp_Latn": "sr-Latn"},
    "639-3": {"fin": "fin", "swh": "swh", "srp_Latn": "srp-Latn"},
    "code_Script": {"fin": "fin_Latn", "swh": "swh_Latn", "srp_Latn": "srp_Latn"},
    "prefixed": {"fin": "20231101.fi", "swh": "20231101.sw", "srp_Latn": "20231101.sr_Latn"},
    "suffixed": {"fin": "fi_tdt", "swh": "sw_all", "srp_Latn": "srp_Latn_set"},
    "names": {"fin": "finnish", "swh": "Swahili", "srp_Latn": "sr_Latn"},
}


pytestmark = pytest.mark.usefixtures("empty_text_cache")


def files(configs: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    """Return the files of a dataset, with a card that says which are whose: by configuration and split."""
    card, found = ["---", "configs:"], {}
    for config, splits in configs.items():
        card += [f"- config_name: {config}", "  data_files:"]
        for split, data in splits.items():
            card += [f"  - split: {split}", f"    path: data/{config}/{split}.parquet"]
            found[f"data/{config}/{split}.parquet"] = data
    return found | {"README.md": "\n".join([*card, "---", ""]).encode()}


def publish(hub, configs: dict[str, dict[str, bytes]], name: str = "owner/name") -> str:
    hub.create(f"datasets/{name}", files(configs))
    return name


def opened(corpus: str, *languages: str, name: str | None = None, **choice: str):
    request = TextRequest(None, corpus, [identify(code) for code in languages], Choice(**choice), name)
    request.check()
    return request.open()


def fails(match: str, corpus: str, *languages: str, **choice: str) -> None:
    with pytest.raises(XsnsError) as raised:
        opened(corpus, *languages, **choice)
    assert re.search(match, raised.value.on_command_line()), raised.value.on_command_line()


@pytest.mark.thorough
@pytest.mark.parametrize("style", STYLES)
def test_the_configuration_of_a_language_is_found_by_its_name(hub, style):
    configs = {config: {"train": parquet(text=[SENTENCES[code]])} for code, config in STYLES[style].items()}
    publish(hub, configs)
    corpus = opened("owner/name", *SENTENCES)
    assert corpus.name == "owner-name"
    assert corpus.languages == sorted(SENTENCES)
    for code, sentence in SENTENCES.items():
        assert corpus.sentences(code) == [sentence]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("{639-1}", "fi"),
        ("{639-3}", "fin"),
        ("{code_Script}", "fin_Latn"),
        ("v2.{code}", "v2.fin"),
        ("v2.fin", "v2.fin"),
        ("{639-1}_old", "fi_old"),
    ],
)
def test_a_pattern_says_how_configurations_are_named(hub, pattern, sentence):
    names = ["fi", "fin", "fin_Latn", "v2.fin", "fi_old", "sv"]
    publish(hub, {name: {"train": parquet(text=[name])} for name in names})
    assert opened("owner/name", "fin", config=pattern).sentences("fin") == [sentence]
    fails(
        r"several configurations for Finnish \(fin\): choose one, or a pattern, with --config: fi, fin",
        "owner/name",
        "fi",
    )


@pytest.mark.thorough
def test_short_forms(hub):
    publish(hub, {"fin_Latn": {"train": parquet(text=["fin"])}, "news": {"train": parquet(text=["news"])}})
    assert opened("owner/name:fin_Latn").sentences("fin") == ["fin"], "its name tells the language"
    assert opened("owner/name:fi").sentences("fin") == ["fin"]
    assert opened("owner/name:news", "swe").sentences("swe") == ["news"]
    fails("configuration news of owner/name doesn't say its language: name it with --languages", "owner/name:news")
    fails("has no configuration sport: choose one with --config: fin_Latn, news", "owner/name:sport", "fin")
    publish(hub, {"sw": {"train": parquet(tokens=[["Habari", "."]])}}, "unimelb-nlp/wikiann")
    corpus = opened("wikiann:sw")
    assert (corpus.name, corpus.sentences("swh")) == ("wikiann", ["Habari ."])
    fails("--corpus wikiann:sw is swh, not fin", "wikiann:sw", "fin")


@pytest.mark.thorough
def test_languages_in_a_column(hub):
    publish(
        hub, {"default": {"train": parquet(body=["Yksi.", "Moja.", "Kaksi.", "?"], lang=["fi", "sw", "fin", None])}}
    )
    corpus = opened("owner/name", "fin", "swh", language_column="lang")
    assert corpus.sentences("fin") == ["Yksi.", "Kaksi."]
    assert corpus.sentences("swh") == ["Moja."]
    assert opened("owner/name", "fin", column="lang", language_column="lang").sentences("fin") == ["fi", "fin"]
    fails(
        r"one configuration \(default\) for 2 languages: name the column .* --language-column", "owner/name", "fi", "sw"
    )
    fails(
        "has no column language: choose one with --language-column: body, lang",
        "owner/name",
        "fi",
        language_column="language",
    )
    fails(r"no text for Swedish \(swe\) by its column lang", "owner/name", "swe", column="body", language_column="lang")


@pytest.mark.thorough
def test_one_configuration_is_of_the_language_that_its_card_says(hub):
    data = {"default": {"train": parquet(text=["Moja."])}}
    publish(hub, data)
    fails(
        r"has one configuration \(default\) and doesn't say its language: name the column .* --language-column, or, if "
        r"all of it is Swahili \(swh\), pass --config default",
        *("owner/name", "swh"),
    )
    assert opened("owner/name", "swh", config="default").sentences("swh") == ["Moja."]
    card = files(data)["README.md"].decode()
    for said, languages in (("sw", []), ("\n- sw\n- fi", "sw, fi")):
        whole = card.replace("---\nconfigs", f"---\nlanguage: {said}\nconfigs").encode()
        hub.commit("datasets/owner/name", {"README.md": whole})
        if languages:
            fails(f"and is in {languages} by its card", "owner/name", "swh")
        else:
            assert opened("owner/name", "swh").sentences("swh") == ["Moja."]


def test_languages_in_a_column_of_classes(hub, tmp_path):
    features = Features({"text": Value("string"), "lang": ClassLabel(names=["sw", "fi"])})
    Dataset.from_dict({"text": ["Yksi.", "Moja."], "lang": [1, 0]}, features=features).to_parquet(tmp_path / "x")
    publish(hub, {"default": {"train": (tmp_path / "x").read_bytes()}})
    assert opened("owner/name", "fin", language_column="lang").sentences("fin") == ["Yksi."]


@pytest.mark.thorough
def test_split_and_column(hub):
    rows = parquet(sentence=["One."], source=["web"], number=[1])
    publish(hub, {"en": {"dev": rows, "test": parquet(sentence=["Two."], source=["news"], number=[2])}})
    fails("has no split train: choose one with --split: dev, test", "owner/name", "eng")
    fails("has no split train2: choose one with --split", "owner/name", "eng", split="train2")
    assert opened("owner/name", "eng", split="test").sentences("eng") == ["Two."]
    assert opened("owner/name", "eng", split="test", column="source").sentences("eng") == ["news"]
    fails(
        "has no column title: choose one with --column: sentence, source, number",
        "owner/name",
        "eng",
        split="dev",
        column="title",
    )
    fails("number holds neither text nor tokens", "owner/name", "eng", split="dev", column="number")
    publish(hub, {"en": {"dev": parquet(a=["One."], b=["Two."])}}, "owner/two")
    fails("can't be told which column of owner/two is the text: name it with --column: a, b", "owner/two", "eng")
    publish(hub, {"en": {"dev": parquet(a=["One."], b=[2])}}, "owner/only")
    assert opened("owner/only", "eng").sentences("eng") == ["One."], "the only split, the only column of text"


def test_text_is_of_the_commit_that_was_first_looked_at(hub):
    publish(hub, {"fi": {"train": parquet(text=["Vanha."])}})
    before = hub.history("datasets/owner/name")[0].oid
    changed = files({"fi": {"train": parquet(text=["Uusi."])}})
    hub.faults.before("POST", "/paths-info/", lambda _: hub.commit("datasets/owner/name", changed))
    first = opened("owner/name", "fin")
    assert first.sentences("fin") == ["Vanha."]
    assert hub.history("datasets/owner/name")[0].oid != before, "it has moved on meanwhile"
    assert opened("owner/name", "fin").sentences("fin") == ["Uusi."]
    assert before in str(first.files["fin"]), "what is kept is kept by its commit"
    assert first.sources == {"fin": f"owner/name@{before}:fi"}
    old = opened(f"owner/name@{before}", "fin", name="Mine")
    assert (old.name, revision(old, "fin")) == ("mine", revision(first, "fin"))
    hub.faults.drop("*", "parquet", times=ALWAYS)
    assert opened(f"owner/name@{before}", "fin").sentences("fin") == ["Vanha."], "nothing is fetched twice"


@pytest.mark.thorough
def test_what_cannot_be_had_is_explained(hub):
    fails("There is no dataset owner/nothing on the Hub", "owner/nothing", "fin")
    fails("There is no corpus 'nothing', nor a dataset of that name on the Hub: use one of wikiann", "nothing", "fin")
    fails("'a b' is no dataset|--corpus a b is no dataset", "a b", "fin")
    fails("say of which languages with --languages", "owner/name")
    fails("--column text is of other datasets: give the id unimelb-nlp/wikiann", "wikiann", "fin", column="text")
    hub.create("datasets/owner/scripted", {"scripted.py": b"raise SystemExit"})
    fails(
        r"scripted on the Hub is read by a script of its own \(scripted.py\), which isn't run", "owner/scripted", "fin"
    )
    hub.create("datasets/owner/SCRIPTED-2", {"scripted-2.py": b"raise SystemExit", "data/fi.jsonl": b"{}"})
    fails(r"is read by a script of its own \(scripted-2.py\)", "owner/SCRIPTED-2", "fin")
    hub.create("datasets/owner/empty", {"notes.bin": b"none"})
    fails("owner/empty on the Hub can't be read as a dataset", "owner/empty", "fin")
    publish(hub, {"sw": {"train": parquet(text=["Moja."])}, "fi": {"train": parquet(text=["Yksi."])}})
    fails(r"has no configuration for Swedish \(swe\): it has configurations in fin, swh; say", "owner/name", "swe")
    fails(r"no configuration of the form \{639-3\} for Finnish", "owner/name", "fin", config="{639-3}")
    fails(r"--config \{iso\} is no pattern: it may have one of \{639-1\}", "owner/name", "fin", config="{iso}")
    hub.repos["datasets/owner/name"].gated = "manual"
    fails("owner/name on the Hub is gated", "owner/name", "fin")


@pytest.mark.thorough
def test_masks_of_any_dataset_from_the_command_line(hub, tiny, xsns, tmp_path):
    sample = sample_corpus()
    configs = {f"{code}_Latn": {"train": parquet(content=sample.sentences(code)[:40])} for code in ("fin", "eng")}
    publish(hub, configs)
    options = ["--examples", 16, "--seeds", 1, "--processes", 1, "--languages", "Finnish,en"]
    command = ["extract", "--model", tiny, "--corpus", "owner/name", "--config", "{code_Script}", *options]
    code, _, errors = xsns(*command, "--out", tmp_path / "masks")
    assert code == 0, errors
    index = MaskRepository(tmp_path / "masks").index()
    assert sorted(index["language"]) == ["eng", "fin"]
    assert set(index["corpus"]) == {"owner-name"}
    commit = hub.history("datasets/owner/name")[0].oid
    assert list(index["corpus_source"]) == [f"owner/name@{commit}:{code}_Latn" for code in index["language"]]
    code, _, errors = xsns("extract", "--corpus", "owner/name", "--processes", 2, "--out", tmp_path / "x")
    assert (code, errors.count("\n")) == (2, 1)
    assert "with --languages" in errors


@pytest.mark.slow
def test_processes_that_work_together_take_the_same_commit(hub, tiny, tmp_path):
    """The dataset moves on as soon as one process has looked at it."""
    sample = sample_corpus()
    rows = {code: parquet(text=sample.sentences(code)[:40]) for code in ("fin", "eng")}
    publish(hub, {code: {"train": rows[code]} for code in rows})
    moved = files({"fin": {"train": rows["eng"]}, "eng": {"train": rows["fin"]}})
    hub.faults.before("POST", "/paths-info/", lambda _: hub.commit("datasets/owner/name", moved))
    options = ["--examples", "16", "--seeds", "1", "--processes", "2", "--languages", "fin,eng"]
    command = [sys.executable, "-m", "xsns_hf", "extract", "--model", str(tiny), "--corpus", "owner/name", *options]
    environment = hub.environment(tmp_path / "home", hub.write_token) | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "masks")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(hub.requests("GET", "^/api/datasets/owner/name$")) == 1, "looked up once"
    index = MaskRepository(tmp_path / "masks").index().set_index("language")
    for code in rows:
        own = Sentences("own", {code: sample.sentences(code)[:40]})
        assert index.loc[code, "corpus_revision"] == revision(own, code)
