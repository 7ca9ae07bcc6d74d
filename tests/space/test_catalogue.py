"""The masks that a Space offers, and what it does when they change or can't be read."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta

import pyarrow as pa
import pytest
from bench.measuring import free_port
from browsing import await_page
from pyarrow import parquet

from xsns_hf import MaskRepository, XsnsError
from xsns_hf.dataset.sharing import push
from xsns_hf.errors import MasksMissing
from xsns_hf.extraction.build import build
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.space.answering.answers import answer
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf, datasets_in
from xsns_hf.space.handlers import Handlers
from xsns_hf.space.visitors import Visitors
from xsns_hf.text.folder import sample_corpus


def test_a_shelf_offers_what_is_on_its_list_only(masks):
    shelf = Shelf([str(masks)])
    (choice,) = shelf.choices()
    assert (choice.repository.name, choice.name) == ("masks", MaskRepository(masks).masks().name)
    assert shelf.choose() is shelf.choose("masks") is shelf.choose("masks", choice.name) is choice
    for elsewhere in (str(masks), f"{masks}/../masks", "user/masks"):
        assert shelf.find(elsewhere) is None
        with pytest.raises(MasksMissing, match="no masks called"):
            shelf.choose(elsewhere)
    with pytest.raises(MasksMissing, match="no masks of the recipe 'other': choose from"):
        shelf.choose("masks", "other")
    with pytest.raises(MasksMissing, match="XSNS_MASKS"):
        Shelf([]).choices()
    assert datasets_in(" user/a,\nuser/b@v1  folder,") == ["user/a", "user/b@v1", "folder"]
    assert datasets_in(None) == []


@pytest.mark.thorough
def test_a_shelf_prefers_the_masks_of_most_languages_and_the_usual_density(masks, tmp_path, tiny):
    copy = tmp_path / "masks"
    shutil.copytree(masks, copy)
    checkpoint = load_checkpoint(str(tiny))
    few = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, "sample", examples=8)
    build(MaskRepository(copy), checkpoint, sample_corpus(), few, ["fin", "deu"], [0], densities=[0.05])
    names = [choice.name for choice in Shelf([str(copy)]).choices()]
    assert [name.split("-pretrained-")[1] for name in names] == ["n16-p0.15", "n8-p0.15", "n8-p0.05"]


@pytest.mark.thorough
def test_a_shelf_keeps_the_last_good_copy_and_says_so(masks, hub):
    push(MaskRepository(masks), MaskRepository("user/masks", create=True))
    shelf = Shelf(["user/masks"], refresh=timedelta(0))
    before = answer(Query("fin"), shelf)
    assert before.notes == []
    hub.reset()  # as if it had been deleted
    shelf.refresh("user/masks")
    after = answer(Query("fin"), shelf)
    assert after.ranking == before.ranking
    assert "user/masks can't be read just now: this is the copy of it" in after.notes[0]
    push(MaskRepository(masks), MaskRepository("user/masks", create=True), ["deu", "fin"])
    shelf.refresh("user/masks")
    fresh = answer(Query("fin"), shelf)
    assert [source.language for source in fresh.ranking.sources] == ["deu"]
    assert fresh.notes == []


@pytest.mark.thorough
def test_a_shelf_reads_what_is_new_in_the_background(masks, tmp_path):
    copy = tmp_path / "masks"
    push(MaskRepository(masks), MaskRepository(copy, create=True), ["deu", "fin"])
    shelf = Shelf([str(copy)], refresh=timedelta(0))
    assert len(shelf.choose("masks").index) == 4
    push(MaskRepository(masks), MaskRepository(copy), ["swe"])
    for _ in range(100):
        if len(shelf.choose("masks").index) == 6:
            break
        os.sched_yield()
    shelf.refresh("masks")  # what runs in the background, to its end
    assert len(shelf.choose("masks").index) == 6


@pytest.mark.thorough
def test_a_dataset_that_was_never_readable_is_tried_again(masks, hub):
    shelf = Shelf(["user/unread", str(masks)], retry=timedelta(0))
    assert {choice.repository.name for choice in shelf.choices()} == {"masks"}
    assert "user/unread" in answer(Query("fin"), shelf).notes[0]
    patient = Shelf(["user/unread"], retry=timedelta(hours=1))
    with pytest.raises(XsnsError, match="user/unread"):
        patient.choices()
    push(MaskRepository(masks), MaskRepository("user/unread", create=True))
    with pytest.raises(XsnsError, match="user/unread"):  # too soon to look again
        patient.choices()
    shelf.refresh("user/unread")  # what a question has done in the background
    assert {choice.repository.name for choice in shelf.choices()} == {"masks", "user/unread"}
    assert answer(Query("fin"), shelf).notes == []


def broken(masks, place, damage: str):
    """Masks whose tables can't be answered from."""
    shutil.copytree(masks, place)
    index = place / "index.parquet"
    if damage == "no Parquet":
        index.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    elif damage == "other columns":
        parquet.write_table(pa.table({"recipe": [1], "language": [None]}), index)
    elif damage == "other types":
        table = parquet.read_table(index)
        column = table.schema.get_field_index("examples")
        parquet.write_table(table.set_column(column, "examples", pa.array([["x"]] * len(table))), index)
    else:
        (place / "similarity.parquet").write_bytes(b"")
    return place


@pytest.mark.parametrize("damage", ["no Parquet", "other columns", "other types", "no similarity"])
def test_a_dataset_that_cannot_be_read_stops_neither_the_others_nor_the_page(masks, tmp_path, damage):
    place = broken(masks, tmp_path / "broken", damage)
    shelf = Shelf([str(place), str(masks)])
    handlers = Handlers(shelf, Visitors())
    assert [choice.repository.name for choice in shelf.choices()] == ["masks"]
    found = answer(Query("fin"), shelf)
    assert "broken" in found.notes[0]
    assert str(tmp_path) not in found.notes[0]
    alone = Handlers(Shelf([str(place)]), Visitors())
    assert alone.offered[0] == {"choices": []}
    with pytest.raises(XsnsError, match="broken"):
        answer(Query("fin"), alone.shelf)
    assert [len(offer["choices"]) > 0 for offer in handlers.offered] == [True, True, True]


@pytest.mark.thorough
def test_a_page_with_nothing_but_a_broken_dataset_starts_and_says_so(masks, tmp_path):
    place, port, log = broken(masks, tmp_path / "broken", "no Parquet"), free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "xsns_hf", "space", "--masks", str(place), "--port", str(port), "--no-browser"]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        await_page(f"http://127.0.0.1:{port}", process, log)
        process.kill()
    assert "The page starts all the same" in log.read_text()
    assert "Traceback" not in log.read_text()
