import re
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import records
from datasets import load_dataset
from early_format import as_first_format, rewrite
from huggingface_hub import DatasetCard

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.recipe import Recipe

LAYOUT = ParameterLayout.of([("block.0.weight", (24, 16)), ("block.0.bias", (7,)), ("block.1.weight", (5, 3))])
RECIPE = Recipe("tiny", "abc123", "pretrained", "text", examples=40)


def a_mask(seed: int, layout: ParameterLayout = LAYOUT) -> SubNetwork:
    return select(np.random.default_rng(seed).random(layout.size, dtype=np.float32), layout, 0.15)


def same(one: SubNetwork, other: SubNetwork) -> bool:
    return all((mine == theirs).all() for (_, mine), (_, theirs) in zip(one.masks(), other.masks(), strict=True))


@pytest.fixture
def repository(tmp_path) -> MaskRepository:
    """Three languages with two seeds each."""
    repository = MaskRepository(tmp_path / "masks", create=True)
    for number, language in enumerate(["fin", "nob", "srp_Latn"]):
        entries = {seed: a_mask(10 * number + seed) for seed in (0, 1)}
        repository.add(records(RECIPE, language, entries))
    return repository


@pytest.fixture
def cache(tmp_path) -> str:
    return str(tmp_path / "cache")


@pytest.mark.thorough
@pytest.mark.parametrize("streaming", [False, True])
def test_load_dataset_gives_back_identical_masks(repository, cache, streaming):
    config = f"{RECIPE.name}.nob"
    rows = load_dataset(str(repository.store.folder), config, split="train", streaming=streaming, cache_dir=cache)
    found = {(row["seed"], row["tensor"]): row for row in rows}
    assert len(found) == 2 * len(LAYOUT.tensors)
    for seed in (0, 1):
        for tensor, mask in a_mask(10 + seed).masks():
            row = found[seed, tensor.name]
            assert (repository.layout().unpack(tensor, np.frombuffer(row["mask"], np.uint8)) == mask).all()
            assert row["n_selected"] == mask.sum()
            assert row["language"] == "nob"


@pytest.mark.thorough
def test_load_dataset_opens_every_config_and_similarity_by_default(repository, cache):
    folder = str(repository.store.folder)
    similarity = load_dataset(folder, split="train", cache_dir=cache).to_pandas()
    assert len(similarity) == 3 * 2 * 2
    for row in similarity.to_dict("records"):
        one = repository.subnetwork(RECIPE.name, row["source"], row["seed"])
        other = repository.subnetwork(RECIPE.name, row["target"], row["seed"])
        assert row["jaccard"] == jaccard(one, other)
    assert load_dataset(folder, "index", split="train", cache_dir=cache).num_rows == 6
    assert load_dataset(folder, "layout", split="train", cache_dir=cache).num_rows == 3
    assert load_dataset(folder, RECIPE.name, split="train", cache_dir=cache).num_rows == 6 * 3


@pytest.mark.thorough
def test_load_dataset_sees_what_was_added_or_replaced_since(repository, cache):
    """Of a folder, datasets compares the card's configurations with its cache, and not the files."""
    folder, config = str(repository.store.folder), f"{RECIPE.name}.fin"
    before = load_dataset(folder, config, split="train", cache_dir=cache).to_pandas()
    load_dataset(folder, split="train", cache_dir=cache)
    repository.add(records(RECIPE, "swe", {0: a_mask(90)}))
    similarity = load_dataset(folder, split="train", cache_dir=cache)
    assert "swe" in similarity["source"]
    repository.add(records(RECIPE, "fin", {seed: a_mask(80 + seed) for seed in (0, 1)}), replace=True)
    after = load_dataset(folder, config, split="train", cache_dir=cache).to_pandas()
    assert list(before["mask"]) != list(after["mask"])
    assert "scores" not in DatasetCard.load(f"{folder}/README.md").data.to_dict()["configs"][0]["description"]


@pytest.mark.thorough
def test_a_table_that_is_replaced_meanwhile_is_read_as_it_was_or_is(repository):
    path = repository.store.folder / "index.parquet"
    versions = [path.read_bytes()]
    repository.add(records(RECIPE, "swe", {0: a_mask(90)}))
    versions.append(path.read_bytes())
    done = threading.Event()

    def write() -> None:
        for version in versions * 200:
            (path.parent / "new").write_bytes(version)
            (path.parent / "new").replace(path)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    found = set()
    while not done.is_set():
        found.add(len(MaskRepository(repository.name).index()))
    writer.join()
    assert found <= {6, 7}


@pytest.mark.thorough
def test_an_index_of_before_encoder_decoders_is_read_as_it_was_meant(repository):
    as_first_format(repository.store.folder)
    path = repository.store.folder / "index.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["stacks", "corpus_source"]), path)
    repository = MaskRepository(repository.name)
    assert repository.recipes() == {RECIPE.name: RECIPE}
    repository.add(records(RECIPE, "swe", {0: a_mask(90)}))
    assert set(pq.read_table(path)["stacks"].to_pylist()) == {"both"}
    assert set(pq.read_table(path)["corpus_source"].to_pylist()) == {None}


def test_reading_a_subnetwork_gives_back_what_was_added(repository):
    found = repository.subnetwork(RECIPE.name, "fin", 1)
    assert same(found, a_mask(1))
    assert found.threshold == a_mask(1).threshold
    assert repository.layout().tensors == LAYOUT.tensors
    assert repository.recipes() == {RECIPE.name: RECIPE}


@pytest.mark.thorough
def test_adding_a_language_computes_its_own_row_only(repository, monkeypatch):
    before = repository.similarity()
    compared = []
    from xsns_hf.dataset.similarities import comparing as module

    def counting(one, others, original=module.jaccard_row):
        compared.append(len(others))
        return original(one, others)

    monkeypatch.setattr(module, "jaccard_row", counting)
    repository.add(records(RECIPE, "swe", {seed: a_mask(90 + seed) for seed in (0, 1)}))
    assert sum(compared) == 3 * 2
    after = repository.similarity()
    kept = after[(after["source"] != "swe") & (after["target"] != "swe")].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [0, 1])
def test_the_similarity_is_what_the_streamed_masks_give(repository, seed):
    computed = repository.masks(RECIPE.name).computed_similarity(seed)
    stored = repository.similarity().query("seed == @seed").pivot(index="source", columns="target", values="jaccard")
    assert list(computed.index) == ["fin", "nob", "srp_Latn"]
    np.testing.assert_array_equal(computed, stored.fillna(1.0))


def test_streaming_a_damaged_file_is_noticed(repository):
    (path,) = (repository.store.folder / "masks" / RECIPE.name).glob("nob-*.parquet")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(XsnsError, match=r"nob-\w+\.parquet isn't the file that the index records"):
        repository.masks(RECIPE.name).computed_similarity(0)


@pytest.mark.thorough
def test_adding_seeds_keeps_those_there_and_replacing_replaces(repository):
    repository.add(records(RECIPE, "fin", {2: a_mask(77)}))
    assert repository.seeds(RECIPE, "fin", "text-hash") == [0, 1, 2]
    assert same(repository.subnetwork(RECIPE.name, "fin", 0), a_mask(0))
    repository.add(records(RECIPE, "fin", {0: a_mask(55)}), replace=True)
    assert same(repository.subnetwork(RECIPE.name, "fin", 0), a_mask(55))
    row = repository.similarity().query("seed == 0 and source == 'fin' and target == 'nob'")
    assert row["jaccard"].item() == jaccard(a_mask(55), a_mask(10))


@pytest.mark.thorough
def test_a_mask_without_an_index_row_is_not_there(repository):
    """What a process killed in the middle of `add` may leave behind does no harm and is taken over."""
    as_first_format(repository.store.folder)
    index = pq.read_table(repository.store.folder / "index.parquet")
    keep = [code != "nob" for code in index["language"].to_pylist()]
    pq.write_table(index.filter(keep), repository.store.folder / "index.parquet")
    repository = MaskRepository(repository.name)
    assert repository.seeds(RECIPE, "nob", "text-hash") == []
    assert set(repository.similarity()["source"]) == {"fin", "srp_Latn"}
    repository.add(records(RECIPE, "nob", {seed: a_mask(10 + seed) for seed in (0, 1)}))
    assert len(repository.similarity()) == 12


def test_the_card_is_valid_and_says_how_to_unpack(repository):
    card = DatasetCard.load(repository.store.folder / "README.md")
    names = [config["config_name"] for config in card.data.to_dict()["configs"]]
    assert names == [
        "similarity",
        "index",
        "layout",
        RECIPE.name,
        *(f"{RECIPE.name}.{c}" for c in ("fin", "nob", "srp_Latn")),
    ]
    assert card.data.language == ["fi", "nb", "sr"]
    assert re.search(r"covers 406 parameters and takes about \d+ kB", card.text)
    for expected in ("np.unpackbits", "abc123", "CC-BY-SA-4.0", RECIPE.name, "Serbian (Latin)"):
        assert expected in card.text


def test_the_lines_in_the_card_unpack_a_mask(repository, cache):
    text = DatasetCard.load(repository.store.folder / "README.md").text
    snippet = next(part for part in text.split("```python\n") if part.startswith("import numpy")).split("```")[0]
    masks = load_dataset(str(repository.store.folder), f"{RECIPE.name}.fin", split="train", cache_dir=cache)
    scope = {"masks": masks, "load_dataset": partial(load_dataset, cache_dir=cache)}
    exec(snippet.replace("FOLDER_OR_REPO", str(repository.store.folder)), scope)
    assert (scope["mask"] == next(mask for _, mask in a_mask(0).masks())).all()


def test_a_tampered_mask_is_noticed(repository):
    (path,) = (repository.store.folder / "masks" / RECIPE.name).glob("fin-*.parquet")
    table = pq.read_table(path).to_pylist()
    table[0]["mask"] = bytes([table[0]["mask"][0] ^ 1]) + table[0]["mask"][1:]
    pq.write_table(pq.read_table(path).from_pylist(table, pq.read_schema(path)), path)
    with pytest.raises(XsnsError, match=r"isn't the file that the index records.*mend it with `xsns check"):
        repository.subnetwork(RECIPE.name, "fin", 0)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["index.parquet", "similarity.parquet"])
def test_a_truncated_table_is_noticed(repository, name):
    path = repository.store.folder / name
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(XsnsError, match="damaged"):
        repository.similarity()


def rewritten(repository: MaskRepository, name: str, change) -> Path:
    """Change the rows of a table as a stranger might; return the repository's folder."""
    rewrite(repository.store.folder, name, change)
    return repository.store.folder


NO_CODES = ["../../x", "/etc/x", "fin/../deu", "Finnish", "fi", "fin\n", "", "x" * 500, "\x1b[31mfin", None]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=pytest.mark.slow if at % 4 else pytest.mark.thorough)
        for at, code in enumerate(NO_CODES)
    ],
)
@pytest.mark.parametrize(
    ("name", "column"),
    [("index.parquet", "language"), ("similarity.parquet", "source"), ("similarity.parquet", "target")],
)
def test_languages_that_are_no_codes_go_nowhere(repository, tmp_path, xsns, name, column, code):
    def change(row):
        return {column: code} if row[column] == "nob" else {}

    folder = rewritten(repository, name, change)
    before = {path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents}
    for command in (["push", folder, tmp_path / "mine"], ["rank", "fin", "--masks", folder]):
        status, output, errors = xsns(*command)
        if name == "similarity.parquet" and command[0] == "push":  # reads no similarities
            assert (status, errors) == (0, "")
            continue
        assert status == (0 if name == "index.parquet" else 2), "the other rows of the index are sound"
        assert status == 0 or not output
        assert "whose language isn't the code of one as xsns_hf writes it" in errors or f"which lack {column}" in errors
        assert errors.count("\n") == 1
        assert errors[:-1].isprintable()
        assert len(errors) < 500 + len(str(tmp_path))
    mine = tmp_path / "mine"
    after = {path for path in tmp_path.rglob("*") if path.is_file() and not {folder, mine} & {*path.parents}}
    assert after == before


@pytest.mark.parametrize("recipe", ["mine", "../x", "](http://x) `rm`", '"); import os; ("', "", None])
@pytest.mark.thorough
def test_recipes_that_are_not_called_what_they_are_go_nowhere(repository, tmp_path, xsns, recipe):
    folder = rewritten(repository, "index.parquet", lambda row: {"recipe": recipe})
    for command in (["push", folder, tmp_path / "mine"], ["rank", "fin", "--masks", folder]):
        status, _, errors = xsns(*command)
        assert (status, errors.count("\n")) == (2, 1)
        assert ("which lack recipe" if recipe is None else "whose recipe isn't called what it is") in errors
        assert "they weren't written by xsns_hf" in errors
    assert not list((tmp_path / "mine").glob("*.parquet"))


def test_recipes_out_of_range_in_a_dataset_are_refused(repository, xsns):
    folder = rewritten(repository, "index.parquet", lambda row: {"density": 7.0})
    assert xsns("rank", "fin", "--masks", folder)[0] == 2


def test_the_same_commit_is_the_same_checkpoint_also_when_it_was_renamed(tmp_path):
    repository = MaskRepository(tmp_path / "masks", create=True)
    sha = "0123456789" * 4
    for number, (checkpoint, language) in enumerate([("old/name", "fin"), ("new/name", "nob")]):
        recipe = Recipe(checkpoint, sha, "pretrained", "text", examples=40)
        repository.add(records(recipe, language, {0: a_mask(number)}))
    assert len(repository.recipes()) == 1
    assert len(repository.similarity()) == 2
    with pytest.raises(XsnsError, match="not of other/name at revision-of-a-folder"):
        other = Recipe("other/name", "revision-of-a-folder", "pretrained", "text", examples=40)
        repository.add(records(other, "deu", {0: a_mask(3)}))


def test_a_truncated_mask_file_is_noticed(repository):
    (path,) = (repository.store.folder / "masks" / RECIPE.name).glob("fin-*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(XsnsError, match="damaged"):
        repository.subnetwork(RECIPE.name, "fin", 0)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("recipe", "layout", "message"),
    [
        (Recipe("other", "abc123", "pretrained", "text", examples=40), LAYOUT, "a repository of its own"),
        (Recipe("tiny", "def456", "pretrained", "text", examples=40), LAYOUT, "at revision abc123"),
        (Recipe("tiny", "abc123", "pretrained-x", "text", examples=40), LAYOUT, "head pretrained against pretrained-x"),
        (RECIPE, ParameterLayout.of([("other", (400,))]), "other names or shapes"),
    ],
)
def test_masks_that_cannot_be_compared_are_refused_and_nothing_changes(repository, recipe, layout, message):
    before = {path: path.read_bytes() for path in repository.store.folder.rglob("*.parquet")}
    with pytest.raises(XsnsError, match=message):
        repository.add(records(recipe, "swe", {0: a_mask(1, layout)}))
    assert {path: path.read_bytes() for path in repository.store.folder.rglob("*.parquet")} == before


def test_changed_text_is_not_taken_for_done(repository):
    with pytest.raises(XsnsError, match="another version of text's text"):
        repository.seeds(RECIPE, "fin", "other-hash")


def test_what_a_killed_first_extraction_left_is_taken_over(tmp_path):
    (tmp_path / "masks" / ".unfinished-x").mkdir(parents=True)
    (tmp_path / "masks" / ".lock").touch()
    MaskRepository(tmp_path / "masks", create=True)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(XsnsError, match="holds something other than masks"):
        MaskRepository(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(XsnsError, match="There are no masks"):
        MaskRepository(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "field", [{"density": 0.0}, {"density": 1.0}, {"masking": 1.0}, {"examples": 0}, {"importance": "x"}]
)
def test_recipes_out_of_range_are_refused(field):
    with pytest.raises(XsnsError):
        Recipe("tiny", "abc123", "pretrained", "text", **field)


def test_recipe_names_tell_recipes_apart_and_are_valid_configs():
    variants = [
        {},
        {"examples": 64},
        {"density": 0.3},
        {"masking": 0.3},
        {"max_length": 96},
        {"importance": "released"},
    ]
    names = {Recipe("tiny", "abc123", "pretrained", "my text/é", **fields).name for fields in variants}
    assert len(names) == len(variants)
    assert not any(set(name) & set("<>:/\\|?* ") for name in names)
