"""A repository in a folder holds together whatever happens: kills, power cuts, flipped bits, lost files."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from conftest import records
from datasets import load_dataset
from early_format import as_first_format
from huggingface_hub import DatasetCard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xsns_hf.dataset.checking import check
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.sharing import pull, push
from xsns_hf.dataset.stores import folder as folder_store
from xsns_hf.errors import Damaged, XsnsError
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.recipe import Recipe

LAYOUT = ParameterLayout.of([("block.0.weight", (24, 16)), ("block.0.bias", (7,)), ("block.1.weight", (5, 3))])
RECIPE = Recipe("tiny", "abc123", "pretrained", "text", examples=40)
LANGUAGES = ("fin", "nob")


def a_mask(seed: int) -> SubNetwork:
    return select(np.random.default_rng(seed).random(LAYOUT.size, dtype=np.float32), LAYOUT, 0.15)


def put(folder: Path | str, language: str, number: int, *, replace: bool = False) -> None:
    entries = {seed: a_mask(100 * number + seed) for seed in (0, 1)}
    MaskRepository(folder, create=True).add(records(RECIPE, language, entries), replace=replace)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Two languages with two seeds each: too few for a picture, which takes a while to draw."""
    folder = tmp_path_factory.mktemp("whole") / "masks"
    for number, language in enumerate(LANGUAGES):
        put(folder, language, number)
    return folder


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "masks"))


def contents(where: Path | str) -> dict[tuple[str, int], str]:
    """Read everything a repository lists, and make sure that it fits together; return the masks' hashes."""
    repository = MaskRepository(where)
    index = repository.index()
    masks = {}
    for language, rows in index.groupby("language"):
        by_seed = repository.masks().subnetworks(str(language))
        masks |= {(str(language), seed): by_seed[seed] for seed in rows["seed"]}
    similarity = repository.similarity()
    pairs = {(row.source, row.target, row.seed): row.jaccard for row in similarity.itertuples()}
    assert pairs == {
        (one, other, seed): jaccard(masks[one, seed], masks[other, seed])
        for one, seed in masks
        for other, same_seed in masks
        if one != other and seed == same_seed
    }
    return {key: mask.sha256 for key, mask in masks.items()}


def listed(folder: Path) -> set[str]:
    """Return the files that the card names."""
    configs = DatasetCard.load(folder / "README.md").data.to_dict()["configs"]
    paths = [config["data_files"][0]["path"] for config in configs]
    return {path for several in paths for path in ([several] if isinstance(several, str) else several)}


anywhere = pytest.mark.parametrize(
    "every", [pytest.param(9, marks=pytest.mark.thorough), pytest.param(1, marks=pytest.mark.slow)]
)
"""Kill at each of so many steps: at all of them with --slow."""


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_after(steps: int) -> Iterator[list[str]]:
    """Kill whoever changes files after so many steps, before the next; tell which steps there were."""
    done: list[str] = []

    def counting(name: str, original: Callable) -> Callable:
        def step(*arguments, **options):
            if len(done) == steps:
                raise Killed
            done.append(name)
            return original(*arguments, **options)

        return step

    with (
        patch.object(folder_store, "sync", counting("sync", folder_store.sync)),
        patch.object(Path, "replace", counting("replace", Path.replace)),
        patch.object(Path, "rmdir", counting("rmdir", Path.rmdir)),
        patch.object(Path, "unlink", counting("unlink", Path.unlink)),
        patch.object(Path, "write_bytes", counting("write_bytes", Path.write_bytes)),
        patch.object(folder_store.os, "link", counting("link", os.link)),
        patch.object(folder_store.shutil, "rmtree", counting("rmtree", shutil.rmtree)),
    ):
        yield done


def crash_everywhere(
    folder: Path, change: Callable[[Path], object], intact: Callable[[Path], object], every: int
) -> int:
    """Kill a change before its steps, on a copy each time; return how many steps there are, about."""
    seen = []
    for steps in range(0, 500, every):
        copy = Path(shutil.copytree(folder, folder.parent / f"killed-{steps}"))
        try:
            with killed_after(steps):
                change(copy)
        except Killed:
            seen.append(intact(copy))
            change(copy)  # a repeat completes it
        else:
            after = intact(copy)
            assert set(map(str, seen)) <= {str(intact(folder)), str(after)}
            return steps
        finally:
            shutil.rmtree(copy, ignore_errors=True)
    raise AssertionError("The change never ended.")


def intact(folder: Path) -> dict[tuple[str, int], str]:
    """Return what a repository holds, which `datasets` must be able to read too."""
    found = contents(folder)
    assert {file for file in listed(folder) if not (folder / file).is_file()} == set()
    return found


@anywhere
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: put(folder, "nob", 9), id="adding"),
        pytest.param(lambda folder: put(folder, "fin", 7, replace=True), id="replacing"),
    ],
)
def test_a_change_that_is_killed_anywhere_is_there_or_not(tmp_path, change, every):
    put(tmp_path / "masks", "fin", 0)
    assert crash_everywhere(tmp_path / "masks", change, intact, every) > 15


@anywhere
def test_a_first_change_that_is_killed_anywhere_can_be_repeated(tmp_path, every):
    for steps in range(0, 200, every):
        folder = tmp_path / f"masks-{steps}"
        try:
            with killed_after(steps):
                put(folder, "fin", 1)
        except Killed:
            put(folder, "fin", 1)
        else:
            assert steps > 10
            return
        assert set(intact(folder)) == {("fin", 0), ("fin", 1)}


@anywhere
def test_converting_the_first_format_is_there_or_not(folder, every):
    as_first_format(folder)
    assert check(folder).problems == []
    assert crash_everywhere(folder, lambda copy: put(copy, "swe", 9), contents, every) > 15
    put(folder, "swe", 9)
    assert check(folder).sound
    assert MaskRepository(folder).index()["file_sha256"].notna().all()
    assert len(load_dataset(str(folder), f"{RECIPE.name}.fin", split="train")) == 2 * 3


@anywhere
@pytest.mark.parametrize("lost", ["similarity.parquet", pytest.param("layout.parquet", marks=pytest.mark.slow)])
def test_a_repair_that_is_killed_anywhere_can_be_repeated(folder, lost, every):
    before = contents(folder)
    (folder / lost).unlink()

    def intact_or_refused(copy: Path) -> object:
        try:
            return contents(copy)
        except XsnsError:
            return "refused"

    for steps in range(0, 200, every):
        copy = Path(shutil.copytree(folder, folder.parent / f"killed-{steps}"))
        try:
            with killed_after(steps):
                check(copy, repair=True)
        except Killed:
            assert intact_or_refused(copy) in (before, "refused")
            check(copy, repair=True)
            assert contents(copy) == before
            assert check(copy).sound
        else:
            assert steps > 10
            return
    raise AssertionError("The repair never ended.")


@anywhere
def test_a_pull_that_is_killed_anywhere_leaves_what_was_there(hub, folder, tmp_path, every):
    push(MaskRepository(folder), MaskRepository("user/masks", create=True))
    copy = tmp_path / "pulled"
    pull("user/masks", copy)
    put(folder, "swe", 9)
    put(folder, "fin", 7, replace=True)
    push(MaskRepository(folder), MaskRepository("user/masks"), replace=True)
    assert crash_everywhere(copy, lambda pulled: pull("user/masks", pulled), intact, every) > 15


def test_pulling_keeps_what_was_added_since(hub, folder, tmp_path):
    push(MaskRepository(folder), MaskRepository("user/masks", create=True))
    copy = tmp_path / "pulled"
    pull("user/masks", copy)
    put(copy, "swe", 9)
    with pytest.raises(XsnsError, match=r"holds masks of swe .* push them first, or pull into a new folder"):
        pull("user/masks", copy)
    push(MaskRepository(copy), MaskRepository("user/masks"))
    pull("user/masks", copy)
    assert {language for language, _ in contents(copy)} == {*LANGUAGES, "swe"}


@anywhere
def test_a_first_pull_that_is_killed_anywhere_can_be_repeated(hub, folder, tmp_path, every):
    push(MaskRepository(folder), MaskRepository("user/masks", create=True))
    for steps in range(0, 100, every):
        fresh = tmp_path / f"fresh-{steps}"
        try:
            with killed_after(steps):
                pull("user/masks", fresh)
        except Killed:
            pull("user/masks", fresh)
        else:
            assert steps > 10
            return
        assert intact(fresh) == contents(folder)


@pytest.mark.parametrize("name", ["index.parquet", "similarity.parquet", "layout.parquet", "masks"])
def test_any_flipped_bit_is_refused(folder, name):
    path = folder / name if name != "masks" else next((folder / "masks").rglob("fin-*.parquet"))
    original, before = path.read_bytes(), contents(folder)
    unseen = []
    for at in random.Random(0).sample(range(8 * len(original)), 16):
        flipped = bytearray(original)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        try:
            found = contents(folder)
        except XsnsError:
            continue
        unseen.append((at, found == before))
    assert unseen == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index.parquet", "similarity.parquet", "layout.parquet", "masks"])
def test_any_flipped_bit_is_mended_or_refused(folder, name):
    """Of 150 bits in each kind of file: what `check --repair` mends is what was there."""
    path = folder / name if name != "masks" else next((folder / "masks").rglob("fin-*.parquet"))
    original, before = path.read_bytes(), contents(folder)
    mended = 0
    for at in random.Random(1).sample(range(8 * len(original)), 150):
        copy = Path(shutil.copytree(folder, folder.parent / f"flipped-{at}"))
        flipped = bytearray(original)
        flipped[at // 8] ^= 1 << at % 8
        (copy / path.relative_to(folder)).write_bytes(flipped)
        findings = check(copy, repair=True)
        assert findings.problems
        assert check(copy).sound
        after = contents(copy)
        assert after == {key: value for key, value in before.items() if name != "masks" or key[0] != "fin"}
        mended += 1
        shutil.rmtree(copy)
    print(f"{name}: {mended} of 150 mended")


@pytest.mark.parametrize("lost", ["index.parquet", "similarity.parquet", "layout.parquet", "README.md"])
def test_a_lost_file_is_had_again(folder, xsns, lost):
    before = contents(folder)
    (folder / lost).unlink()
    if lost != "README.md":
        with pytest.raises(XsnsError, match=r"has lost .*mend it with `xsns check .* --repair`"):
            contents(folder)
    code, output, errors = xsns("check", folder)
    assert (code, errors.count("\n")) == (2, 1)
    assert lost in output
    code, output, _ = xsns("check", folder, "--repair")
    assert code == 0
    assert "Mended" in output
    assert contents(folder) == before
    assert xsns("check", folder)[0] == 0


def test_masks_that_are_lost_are_taken_out_and_made_again_by_what_is_printed(folder, xsns):
    (path,) = (folder / "masks" / RECIPE.name).glob("nob-*.parquet")
    path.unlink()
    with pytest.raises(XsnsError, match="has lost masks/"):
        MaskRepository(folder).subnetwork(RECIPE.name, "nob", 0)
    code, output, _ = xsns("check", folder, "--repair")
    assert code == 0
    assert "The masks of Norwegian Bokmål (nob)" in output
    assert "xsns extract --out" in output
    assert {language for language, _ in contents(folder)} == {"fin"}
    put(folder, "nob", 1)
    assert {language for language, _ in contents(folder)} == set(LANGUAGES)


def test_what_is_said_to_be_there_already_is_there(folder):
    """A file that a power cut emptied isn't taken for masks, and adding them again puts it right."""
    before = contents(folder)
    (path,) = (folder / "masks" / RECIPE.name).glob("fin-*.parquet")
    path.write_bytes(b"")
    assert MaskRepository(folder).seeds(RECIPE, "fin", "text-hash") == []
    put(folder, "fin", 0)
    assert contents(folder) == before


def test_an_index_that_was_lost_is_not_taken_for_a_new_folder(folder):
    (folder / "index.parquet").unlink()
    with pytest.raises(XsnsError, match=r"has lost index\.parquet"):
        put(folder, "swe", 3)
    assert len(list(folder.rglob("masks/**/*.parquet"))) == 2


def test_a_similarity_of_other_masks_is_not_read(folder, tmp_path):
    put(tmp_path / "other", "fin", 8)
    put(tmp_path / "other", "nob", 9)
    shutil.copyfile(tmp_path / "other" / "similarity.parquet", folder / "similarity.parquet")
    with pytest.raises(Damaged, match="isn't the file that the index records"):
        MaskRepository(folder).similarity()


def test_who_has_read_the_index_reads_what_belongs_to_it(folder):
    reader, before = MaskRepository(folder), contents(folder)
    reader.index()
    put(folder, "fin", 7, replace=True)
    assert reader.similarity()["jaccard"].notna().all()
    assert reader.subnetwork(RECIPE.name, "fin", 0).sha256 == before["fin", 0]
    assert contents(folder)["fin", 0] != before["fin", 0]


def test_leftovers_are_swept(folder, xsns):
    stray = folder / "masks" / RECIPE.name / "deu-0123456789abcdef.parquet"
    stray.write_bytes(b"half")
    (folder / ".unfinished-x").mkdir()
    (folder / ".unfinished-x" / "index.parquet").write_bytes(b"")
    assert xsns("check", folder)[0] == 2
    put(folder, "swe", 3)
    assert not stray.exists()
    assert not (folder / ".unfinished-x").exists()
    put(folder, "fin", 7, replace=True)
    put(folder, "fin", 8, replace=True)
    assert len(list((folder / "masks" / RECIPE.name).glob("fin-*.parquet"))) == 2  # that of the readers before, too
    assert xsns("check", folder)[0] == 2
    assert xsns("check", folder, "--repair")[0] == 0
    assert len(list((folder / "masks" / RECIPE.name).glob("fin-*.parquet"))) == 1


def test_a_newer_format_is_named(folder, xsns, monkeypatch):
    monkeypatch.setattr("xsns_hf.dataset.sealing.FORMAT", 3)
    put(folder, "swe", 3)
    monkeypatch.undo()
    code, _, errors = xsns("rank", "fin", "--masks", folder)
    assert (code, errors.count("\n")) == (2, 1)
    assert "newer xsns_hf" in errors


CHANGES = st.lists(
    st.tuples(st.sampled_from(LANGUAGES), st.integers(0, 3), st.booleans(), st.sampled_from(["add", "push", "pull"])),
    min_size=1,
    max_size=6,
)


@pytest.mark.thorough
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(CHANGES)
def test_any_history_is_what_a_plain_model_says(tmp_path, hub, changes):
    """Adding, replacing, pushing and pulling in any order, against dictionaries of numpy arrays."""
    work = Path(tmp_path / str(len(list(tmp_path.iterdir()))))
    repo = f"user/masks{work.name}"
    here: dict[tuple[str, int], str] = {}
    there: dict[tuple[str, int], str] = {}
    for language, number, replace, kind in changes:
        wanted = {(language, seed): a_mask(100 * number + seed).arranged(_layout(work)).sha256 for seed in (0, 1)}
        if kind == "add":
            other = any(here.get(key, value) != value for key, value in wanted.items())
            if other and not replace:
                with pytest.raises(XsnsError, match="holds another mask"):
                    put(work, language, number)
                continue
            put(work, language, number, replace=replace)
            here |= {key: a for key, a in contents(work).items() if key in wanted}
        elif kind == "push" and here:
            push(MaskRepository(work), MaskRepository(repo, create=True), replace=True)
            there |= here
            assert set(contents(repo)) == set(there)
        elif kind == "pull" and there:
            fresh = tmp_path / f"pulled-{len(list(tmp_path.iterdir()))}"
            pull(repo, fresh)
            assert contents(fresh) == contents(repo)
        if here:
            assert contents(work) == here


def _layout(folder: Path) -> ParameterLayout:
    """Return the layout of a repository; of one that isn't there, the masks' own."""
    return MaskRepository(folder).layout() if (folder / "index.parquet").exists() else LAYOUT
