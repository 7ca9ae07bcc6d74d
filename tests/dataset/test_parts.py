"""A large dataset's similarities are read a target at a time, and what isn't as recorded isn't used."""

from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import records
from datasets import load_dataset
from huggingface_hub import DatasetCard
from test_repository import RECIPE, a_mask

from xsns_hf.dataset import card, mask_files, schema
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.similarities import comparing, file
from xsns_hf.dataset.squares import squares_of
from xsns_hf.errors import XsnsError
from xsns_hf.gold import Gold
from xsns_hf.ranking.rank import rank_sources

LANGUAGES = {"deu": [0, 1], "eng": [0, 1], "fin": [0, 1], "nob": [0], "swe": [0, 1]}


def all_records() -> list:
    return [
        record
        for number, (language, seeds) in enumerate(LANGUAGES.items())
        for record in records(RECIPE, language, {seed: a_mask(10 * number + seed) for seed in seeds})
    ]


def filled(where) -> MaskRepository:
    """Put masks of several languages, one of which lacks a seed, into a repository."""
    repository = MaskRepository(where, create=True)
    repository.add(all_records())
    return repository


@pytest.fixture
def large(monkeypatch):
    """Take every dataset to be large."""
    monkeypatch.setattr(file, "WHOLE", 0)


@pytest.fixture
def repository(large, tmp_path) -> MaskRepository:
    return filled(tmp_path / "masks")


def read_whole(repository: MaskRepository) -> bool:
    """Return whether a repository has read all similarities."""
    return "squares" in vars(repository._tables)


def at(repository: MaskRepository, target: str) -> int:
    index = repository.index()
    return int(index.loc[index["language"] == target, "similarity_at"].iloc[0])


def spoil(repository: MaskRepository, byte: int) -> None:
    path = repository.store.folder / "similarity.parquet"
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


def test_a_part_says_what_the_whole_does(repository):
    for target in LANGUAGES:
        part, whole = MaskRepository(repository.name), MaskRepository(repository.name)
        whole.squares()
        tables = [each.masks().to_target(target) for each in (part, whole)]
        pd.testing.assert_frame_equal(*tables)
        assert tables[0].columns.tolist() == LANGUAGES[target]
        assert rank_sources(target, part) == rank_sources(target, whole)
        assert not read_whole(part)
    assert list(tables[0].index) == ["deu", "eng", "fin", "nob"]
    assert tables[0].loc["nob"].isna().tolist() == [False, True]


def test_all_parts_say_what_the_rows_do(repository):
    rows = schema.read_similarity(repository.store.read("similarity.parquet"))
    by_rows = squares_of(rows)
    assert {seed for _, seed in by_rows} == {0, 1}
    with patch("xsns_hf.dataset.tables.schema.read_similarity", side_effect=AssertionError("the rows were read")):
        squares = MaskRepository(repository.name).squares()
    assert squares.keys() == by_rows.keys()
    for key, table in squares.items():
        pd.testing.assert_frame_equal(table, by_rows[key])


def test_parts_that_are_not_symmetric_are_refused(repository, tmp_path):
    squares = {key: table.copy() for key, table in repository.squares().items()}
    for table in squares.values():
        table.loc["fin", "deu"] = 0.25
    parts = file.write_similarity(tmp_path / "similarity.parquet", squares)
    index = repository.index()
    found = [parts[key] for key in zip(index["recipe"], index["language"], strict=True)]
    index["similarity_at"], index["similarity_sha256"] = zip(*((part.at, part.sha256) for part in found), strict=True)
    with pytest.raises(ValueError, match="the other way round"):
        file.read_parts((tmp_path / "similarity.parquet").read_bytes(), index)


def test_other_readers_see_an_ordinary_table(repository, tmp_path):
    path = str(repository.store.folder)
    table = load_dataset(path, split="train", cache_dir=str(tmp_path / "cache")).to_pandas()
    pd.testing.assert_frame_equal(table, repository.similarity(), check_dtype=False)
    mine = pq.read_table(f"{path}/similarity.parquet", filters=[("target", "==", "fin"), ("seed", "==", 1)])
    assert mine["source"].to_pylist() == ["deu", "eng", "swe"]
    assert pq.read_metadata(f"{path}/similarity.parquet").row_group(0).column(3).statistics.min == "deu"


def test_a_part_that_is_not_as_recorded_is_refused(repository):
    spoil(repository, at(repository, "fin") + 3)
    assert rank_sources("eng", repository.name).sources
    with pytest.raises(XsnsError, match="isn't the file that the index records"):
        rank_sources("fin", repository.name)


@pytest.mark.parametrize("change", [{"similarity_at": 4}, {"similarity_sha256": "0" * 24}, {"similarity_at": -1}])
def test_a_wrong_place_is_found_out(repository, change):
    opened = MaskRepository(repository.name)
    for column, value in change.items():
        opened.index()[column] = value
    assert rank_sources("fin", opened) == rank_sources("fin", repository.name)
    assert read_whole(opened)


def test_who_read_the_index_before_a_change_reads_the_part_of_then(repository):
    reader = MaskRepository(repository.name)
    before = rank_sources("fin", repository.name)
    reader.index()
    repository.add(records(RECIPE, "rus", {0: a_mask(70), 1: a_mask(71)}))
    assert rank_sources("fin", reader) == before
    assert not read_whole(reader)
    assert len(rank_sources("fin", repository.name).sources) == len(before.sources) + 1


def test_scores_leave_parts_where_they_are(repository):
    rows = {"source": ["deu"], "target": ["fin"], "seed": [0], "score": [50.0]}
    gold = Gold("scores", pd.DataFrame(rows), [])
    where = at(repository, "fin")
    repository.add_scores(gold, "pos", origin="someone", metric="accuracy")
    opened = MaskRepository(repository.name)
    assert at(opened, "fin") == where
    assert rank_sources("fin", opened).sources
    assert not read_whole(opened)


def test_over_http_no_more_is_read(repository, hub):
    folder = repository.store.folder
    paths = [path for path in folder.rglob("*.parquet") if ".before" not in path.parts]
    hub.create("datasets/user/masks")
    hub.commit("datasets/user/masks", {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})
    ranked = rank_sources("fin", "user/masks")
    asked = hub.requests("GET", "similarity.parquet")
    assert [exchange.status for exchange in asked] == [206]
    assert asked[0].sent == 8 * (4 + 3)
    assert not hub.requests("GET", "/api/")  # what it says of a repository names all of its files
    assert ranked.sources == rank_sources("fin", folder).sources
    hub.faults.fail("GET", "similarity.parquet", 500, times=1)
    assert rank_sources("deu", "user/masks").sources == rank_sources("deu", folder).sources


def test_masks_are_compared_in_pieces_as_at_once(repository, monkeypatch, tmp_path):
    monkeypatch.setattr(comparing, "HELD", 1)
    monkeypatch.setattr(mask_files, "MOST_OPEN", 1)
    in_pieces = filled(tmp_path / "pieces")
    pd.testing.assert_frame_equal(in_pieces.similarity(), repository.similarity())
    table = repository.masks().by_seed[0].to_numpy(copy=True)
    np.fill_diagonal(table, 1)
    np.testing.assert_array_equal(table, in_pieces.masks().computed_similarity(0))


def test_the_card_of_many_languages_says_how_to_load_one(repository, monkeypatch, tmp_path):
    monkeypatch.setattr(card, "LISTED", 2)
    repository.add(records(RECIPE, "rus", {0: a_mask(70)}))
    folder = repository.store.folder
    written = DatasetCard.load(f"{folder}/README.md")
    assert [config["config_name"] for config in written.data.configs] == ["similarity", "index", "layout"]
    code = next(part.partition("```")[0] for part in written.text.split("```python\n") if "data_files" in part)
    names: dict = {}
    exec(code.replace('split="train"', f'split="train", cache_dir={str(tmp_path / "cache")!r}'), names)
    assert set(names["masks"]["language"]) == {"deu"}
    assert f"`{RECIPE.name}`: deu eng fin nob rus swe" in written.text
