"""What is compiled on first use: right or not used at all."""

import pytest

from xsns_hf import native
from xsns_hf.importance.kernels import compiled
from xsns_hf.masks import similarity
from xsns_hf.masks import subnetwork as subnetworks

LIBRARIES = {
    "squares": compiled._computes_the_same,
    "hamming": similarity._computes_the_same,
    "radix": subnetworks._computes_the_same,
}
WRONG = {
    "squares": ("+= product[r][v] * product[r][v]", "+= product[r][v]"),
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
