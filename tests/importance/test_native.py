"""What is compiled on first use: right or not used at all."""

import os
import subprocess
import tempfile

import pytest

from xsns_hf import native
from xsns_hf.importance.kernels import compiled
from xsns_hf.masks import similarity
from xsns_hf.masks import subnetwork as subnetworks

LIBRARIES = {
    "squares": compiled._right_in_float32,
    "hamming": similarity._computes_the_same,
    "radix": subnetworks._computes_the_same,
    **({"tile_squares": compiled._right_in_bfloat16} if compiled.has_tiles() else {}),
}
WRONG = {
    "squares": ("+= product[r][v] * product[r][v]", "+= product[r][v]"),
    "tile_squares": ("_mm512_fmadd_ps(row, row, squares[r])", "_mm512_add_ps(row, squares[r])"),
    "hamming": ("2 * count(twos)", "3 * count(twos)"),
    "radix": ("patterns[i] >> 16 == upper", "patterns[i] >> 16 >= upper"),
}


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Load as if for the first time."""
    monkeypatch.setattr(native, "cached_assets_path", lambda **_: tmp_path)
    return native.library.__wrapped__


def has_compiler() -> bool:
    return native.library("hamming", similarity._computes_the_same) is not None


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("switch", [{"XSNS_COMPILE": "0"}, {"CC": "/nowhere/cc", "PATH": "/nowhere"}, {"CC": "false"}])
def test_without_a_compiler_there_is_no_library_and_nothing_is_left(fresh, monkeypatch, tmp_path, name, switch):
    for variable, value in switch.items():
        monkeypatch.setenv(variable, value)
    assert fresh(name, LIBRARIES[name]) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_with_wrong_results_is_not_used(fresh, monkeypatch, tmp_path, caplog, name):
    if not has_compiler():
        pytest.skip("no compiler on this machine")
    right = (native.FOLDER / f"{name}.c").read_text()
    assert WRONG[name][0] in right
    (tmp_path / f"{name}.c").write_text(right.replace(*WRONG[name]))
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    assert fresh(name, LIBRARIES[name]) is None
    assert "wrong on this machine" in caplog.text


def test_it_is_compiled_once(fresh, tmp_path, monkeypatch):
    if not has_compiler():
        pytest.skip("no compiler on this machine")
    assert fresh("hamming", LIBRARIES["hamming"]) is not None
    monkeypatch.setattr(native.subprocess, "run", None)
    assert fresh("hamming", LIBRARIES["hamming"]) is not None
    assert [path.suffix for path in tmp_path.iterdir()] == [".so"]


TRAP = """
#include <stdio.h>
__attribute__((constructor)) static void run(void) { fclose(fopen("MARK", "w")); }
"""

CHANGES = {
    "others may write to it": lambda library: library.chmod(0o777),
    "a group may write to it": lambda library: library.chmod(0o775),
    "it is of another user": lambda library: os.chown(library, 12345, 12345),
    "its name says what it held": lambda library: None,
    "it is a link": lambda library: library.symlink_to(library.rename(library.parent.parent / "elsewhere.so")),
}


@pytest.mark.skipif(not has_compiler() or os.name == "nt", reason="no compiler on this machine")
@pytest.mark.parametrize("change", CHANGES)
def test_a_library_that_others_could_have_put_there_is_never_loaded(fresh, tmp_path, monkeypatch, change):
    if change == "it is of another user" and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    folder, mark = tmp_path / "native", tmp_path / "mark"
    folder.mkdir()
    monkeypatch.setattr(native, "cached_assets_path", lambda **_: folder)
    assert fresh("hamming", LIBRARIES["hamming"]) is not None
    (library,) = folder.iterdir()
    (tmp_path / "trap.c").write_text(TRAP.replace("MARK", str(mark)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "trap.c"], check=True)
    CHANGES[change](library)
    assert fresh("hamming", LIBRARIES["hamming"]) is not None
    assert not mark.exists()
    assert [path.name for path in folder.iterdir()] == [library.name]
    assert not library.is_symlink()


@pytest.mark.skipif(not has_compiler() or os.name == "nt", reason="no compiler on this machine")
def test_where_others_can_write_nothing_is_loaded_from(fresh, tmp_path, monkeypatch):
    shared, own = tmp_path / "shared", tmp_path / "own"
    (shared / "native").mkdir(parents=True)
    own.mkdir()
    shared.chmod(0o777)
    monkeypatch.setattr(native, "cached_assets_path", lambda **_: shared / "native")
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    assert fresh("hamming", LIBRARIES["hamming"]) is not None
    assert list(own.rglob("hamming-*.so"))
    own.chmod(0o777)
    assert fresh("hamming", LIBRARIES["hamming"]) is None, "and PyTorch does it"
    assert not list((shared / "native").iterdir())
