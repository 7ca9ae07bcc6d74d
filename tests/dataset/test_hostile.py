"""What a stranger could publish: a command that reads it ends with an answer or a sentence, soon, in little memory."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import besieged
import hostile
import pyarrow.parquet as pq
import pytest

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.ranking.rank import rank_sources

ATTACKS = hostile.attacks()
SAMPLE = [
    *("index.parquet-language-ansi-first", "index.parquet-checkpoint-ansi-every", "index.parquet-corpus-option-first"),
    *("index.parquet-licence-long-first", "index.parquet-seed-null", "index.parquet-density-nan", "created-old"),
    *("scores.parquet-origin-markup-first", "scores.parquet-task-path-first", "scores.parquet-score-infinite"),
    *("similarity.parquet-jaccard-nan", "similarity.parquet-jaccard-null", "one-way-only", "other-the-other-way"),
    *("similarity.parquet-source-of-bytes", "index.parquet-with-a-column-twice", "layout-rows-repeated"),
    *("layout-shape-overflowing", "layout-columns-null", "mask-null", "mask-long", "index.parquet-cut-0.9"),
    *("index.parquet-footer-without-end", "layout.parquet-of-noise", "index.parquet-is-pipe", "format-newer"),
    *("bomb-similarity.parquet-texts", "bomb-nesting-50", "card-laughs", "card-deep", "card-names", "card-licenses"),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    return hostile.sound(tmp_path_factory.mktemp("sound") / "masks")


@pytest.fixture
def attacked(sound, tmp_path):
    """Make a hostile dataset."""

    def make(name: str) -> Path:
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(sound, folder)
        ATTACKS[name](folder)
        return folder

    return make


def test_there_are_enough():
    assert len(ATTACKS) > 700


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*SAMPLE[::3], "format-huge", "index.parquet-versions-null-every"])
def test_it_ends_with_an_answer_or_a_sentence(attacked, name, xsns):
    folder = attacked(name)
    for words in (
        "rank fin --task pos --masks {}",
        "evaluate --gold pos --predictors xsns --masks {}",
        "push {} {}-mine",
    ):
        code, output, errors = xsns(*words.replace("{}", str(folder)).split())
        assert code in (0, 2)
        assert errors.count("\n") <= 6
        assert all(line.isprintable() for line in [*output.splitlines(), *errors.splitlines()])
    assert besieged.python(besieged.ask, folder) == ""
    assert besieged.python(besieged.add, folder) == ""


@pytest.mark.thorough
def test_a_bad_row_is_left_out_and_told_and_the_rest_answers(attacked, sound, xsns):
    folder = attacked("index.parquet-language-html-first")
    code, output, errors = xsns("rank", "fin", "--masks", folder, "--json")
    assert code == 0
    assert "index.parquet: 1 row is left out, whose language isn't the code of one" in errors
    assert "<img src=x onerror=alert(1)>" in errors
    ranked = {source["language"] for source in json.loads(output)["sources"]}
    assert ranked == {source.language for source in rank_sources("fin", str(sound)).sources}
    repository = MaskRepository(folder)
    assert len(repository.index()) == len(pq.read_table(sound / "index.parquet")) - 1
    assert len(repository.notes) == 1


@pytest.mark.thorough
def test_a_recipe_with_a_similarity_that_can_not_be_is_refused_and_the_other_answers(attacked, sound):
    folder = attacked("similarity.parquet-jaccard-below")
    good, bad = (recipe.name for recipe in hostile.RECIPES[::-1])
    if pq.read_table(sound / "similarity.parquet")["recipe"][0].as_py() == good:
        good, bad = bad, good
    assert rank_sources("fin", str(folder), recipe=good) == rank_sources("fin", str(sound), recipe=good)
    with pytest.raises(XsnsError, match="or some that can't be used"):
        rank_sources("fin", str(folder), recipe=bad)


def test_masks_of_a_newer_version_say_so(attacked, xsns):
    code, _, errors = xsns("rank", "fin", "--masks", attacked("format-newer"))
    assert code == 2
    assert "was written by a newer xsns_hf than this: `pip install -U xsns-hf`" in errors
    assert "pip install -U xsns-hf" in errors


@pytest.mark.slow
def test_all_of_them_against_every_command():
    script = Path(besieged.__file__)
    environment = os.environ | {"PYTHONPATH": str(script.parents[2])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(ATTACKS), done.stderr[-2000:]
    assert [each for each in found if each["wrong"]] == []
    assert [each for each in found if each["megabytes"][0] > 1000] == []
