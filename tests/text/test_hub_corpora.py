"""Text from the Hub, through `datasets` and the stand-in: what is fetched, how it is joined, what it costs."""

import json
from dataclasses import replace

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hub.faults import ALWAYS
from hub_text import parquet

from xsns_hf.errors import XsnsError
from xsns_hf.tasks import candidate_pool, load_task
from xsns_hf.tasks.rows import Words
from xsns_hf.text.catalogue import SOURCES, read_catalogue
from xsns_hf.text.hub import TASK_TEXT, hub_corpus, labelled_splits
from xsns_hf.text.streaming import PARQUET
from xsns_hf.transfer.data import DataError, TaskData

pytestmark = pytest.mark.usefixtures("empty_text_cache")


def publish(hub, corpus: str, configs: dict[str, bytes]) -> None:
    """Put a dataset on the stand-in as the Hub has it: with configurations in its card, or converted."""
    source = SOURCES[corpus]
    path = f"datasets/{source.id}"
    if source.converted:
        hub.create(path, {"script.py": b"raise SystemExit"})
        hub.repos[path].refs[PARQUET] = hub.repos[path].refs["main"]
        hub.commit(
            path, {f"{name}/{source.split}/0000.parquet": data for name, data in configs.items()}, revision=PARQUET
        )
        return
    lines = [
        f"- config_name: {name}\n  data_files:\n  - split: {source.split}\n    path: {name}/x.parquet"
        for name in configs
    ]
    card = "---\nconfigs:\n" + "\n".join(lines) + "\n---\n"
    hub.create(path, {"README.md": card.encode()} | {f"{name}/x.parquet": data for name, data in configs.items()})


def test_tokens_are_joined_and_only_so_many_rows_taken(hub):
    publish(hub, "wikiann", {"fi": parquet(tokens=[["Helsinki", "on", "kaupunki", str(i)] for i in range(50)])})
    corpus = hub_corpus("wikiann", ["fin"], limit=10)
    assert corpus.sentences("fin") == [f"Helsinki on kaupunki {i}" for i in range(10)]
    assert corpus.name == "wikiann"


def test_a_dataset_that_needs_a_script_is_read_from_its_converted_branch(hub):
    publish(hub, "ud", {"fi_tdt": parquet(tokens=[["Hyvää", "huomenta", "."]])})
    assert hub_corpus("ud", ["fin"]).sentences("fin") == ["Hyvää huomenta ."]


@pytest.mark.thorough
def test_pairs_are_joined_documents_cut_and_languages_told_apart(hub):
    publish(hub, "paws-x", {"de": parquet(sentence1=["Eins."], sentence2=["Zwei."])})
    assert hub_corpus("paws-x", ["deu"]).sentences("deu") == ["Eins. Zwei."]
    article = "Kurzes.\n\nEin Absatz von einiger Länge steht hier.\nNoch einer, der lang genug ist."
    publish(hub, "wikipedia", {"20231101.de": parquet(id=["1"], text=[article])})
    wikipedia = hub_corpus("wikipedia", ["deu"])
    assert wikipedia.sentences("deu") == article.split("\n")[2:]
    assert wikipedia.licences == {"deu": "CC-BY-SA-4.0"}
    rows = parquet(id=["finnish-1", "swahili-1"], question=["Missä?", "Wapi?"], context=["Täällä.", "Hapa."])
    publish(hub, "tydiqa", {"secondary_task": rows})
    assert hub_corpus("tydiqa", ["swh"]).sentences("swh") == ["Wapi? Hapa."]


def test_little_of_a_large_dataset_is_fetched_and_nothing_twice(hub):
    shards = [parquet(premise=[f"{shard} {line} {'x' * (line % 90)}" for line in range(3000)]) for shard in range(8)]
    publish(hub, "xnli", {"de": shards[0]})
    hub.commit("datasets/facebook/xnli", {f"de/y{number}.parquet": shard for number, shard in enumerate(shards)})
    hub.log.clear()
    first = hub_corpus("xnli", ["deu"], limit=100).sentences("deu")
    assert first == [f"0 {line} {'x' * (line % 90)}".strip() for line in range(100)]
    assert hub.sent("/resolve/") < sum(map(len, shards)) / 2
    hub.faults.drop("*", "", times=ALWAYS)
    assert hub_corpus("xnli", ["deu"], limit=100).sentences("deu") == first


def test_labels_go_by_the_names_that_the_dataset_gives_to_its_numbers(hub, tmp_path):
    names = ["NOUN", "_", "VERB"]  # another order than ours
    features = Features({"tokens": List(Value("string")), "upos": List(ClassLabel(names=names))})
    rows = Dataset.from_dict({"tokens": [["du", "bois", "pousse"]], "upos": [[1, 0, 2]]}, features=features)
    rows.to_parquet(tmp_path / "x.parquet")
    publish(hub, "ud", {"fr_gsd": (tmp_path / "x.parquet").read_bytes()})
    task, row = load_task("pos"), {"tokens": ["du", "bois", "pousse"], "upos": ["_", "NOUN", "VERB"]}
    assert labelled_splits(task, "fra", "train") == [row]
    train, dev = TaskData(replace(task, splits={"train": "train", "dev": "train"})).training("fra", 10, seed=0)
    labels = [None, task.classes.index("NOUN"), task.classes.index("VERB")]
    assert train == dev == [Words(row["tokens"], labels)]
    with pytest.raises(DataError, match="universal_dependencies has no training set for Finnish"):
        TaskData(replace(task, splits={})).training("fin", 10, seed=0)


def test_what_cannot_be_had_is_explained_and_nothing_left(hub, tmp_path):
    with pytest.raises(XsnsError, match=r"no corpus 'nothing': use one of wikiann, ud, xnli"):
        hub_corpus("nothing", ["fin"])
    with pytest.raises(XsnsError, match=r"paws-x has no text for Finnish \(fin\): it has"):
        hub_corpus("paws-x", ["fin"])
    with pytest.raises(XsnsError, match=r"can't be fetched from unimelb-nlp/wikiann .* text=…"):
        hub_corpus("wikiann", ["fin"])
    publish(hub, "wikiann", {"fi": parquet(words=["no tokens here"])})
    with pytest.raises(XsnsError, match=r"wikiann has no column tokens: choose one with column=…: words"):
        hub_corpus("wikiann", ["fin"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.thorough
def test_languages_that_the_catalogue_does_not_list_are_looked_up(hub):
    article = "A paragraph of some length stands here."
    publish(hub, "fineweb-2", {name: parquet(text=[article + name]) for name in ("fin_Latn", "fin_Latn_removed")})
    fineweb = hub_corpus("fineweb-2", ["fin"])
    assert fineweb.sentences("fin") == [article + "fin_Latn"]
    assert fineweb.licences == {"fin": "ODC-By-1.0"}
    hub.log.clear()
    assert hub_corpus("fineweb-2", ["fin"]).sentences("fin") == fineweb.sentences("fin")
    assert not hub.log
    with pytest.raises(
        XsnsError, match=r"has no configuration of the form \{code_Script\} for Swahili \(swh\): it has"
    ):
        hub_corpus("fineweb-2", ["swh"])


WHOLE = {"id": "a/b", "about": "text", "columns": ["text"], "languages": "fi sw"}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (WHOLE | {"id": ""}, "lacks id"),
        (WHOLE | {"columns": "text"}, "has no columns of that kind"),
        (WHOLE | {"colums": ["text"]}, "has colums, which no corpus has"),
        (WHOLE | {"languages": ""}, "lacks configs"),
        (WHOLE | {"pattern": "v1"}, "has a pattern without a placeholder"),
        (WHOLE | {"revision": "main"}, "has revision, which no corpus has"),
    ],
)
def test_an_entry_of_the_catalogue_is_checked(entry, problem, tmp_path):
    path = tmp_path / "catalogue.toml"
    path.write_text("[mine]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in WHOLE.items()))
    assert read_catalogue(path)["mine"].configs == {"fin": "fi", "swh": "sw"}
    path.write_text("[mine]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items()))
    with pytest.raises(XsnsError, match=f"The corpus mine in the catalogue {problem}: see the others"):
        read_catalogue(path)
    path.write_text("[mine")
    with pytest.raises(XsnsError, match="can't be read"):
        read_catalogue(path)


@pytest.mark.parametrize("task", TASK_TEXT)
def test_every_task_has_text_in_all_of_the_papers_languages(task):
    assert set(candidate_pool(task)) <= set(SOURCES[TASK_TEXT[task]].configs)
