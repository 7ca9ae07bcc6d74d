"""The notebook, run from top to bottom without a network, and what it would show."""

import ast
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "scripts" / "notebook.ipynb"


def cells() -> list[str]:
    told = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in told["cells"] if cell["cell_type"] == "code"]


def shown(code: str, names: dict) -> object:
    """Run a cell; return the value of the expression that it ends with, which a notebook shows."""
    *statements, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(statements, []), str(NOTEBOOK), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


def test_it_holds_no_outputs():
    told = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in told["cells"])


def run(tmp_path: Path, monkeypatch, checkpoint: str) -> dict:
    """Run all cells in an empty folder, on a checkpoint in place of the embedded one; return the names they made."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    first, *others = cells()
    assert '"embedded"' in first
    for code in [first.replace('"embedded"', repr(checkpoint)), *others]:
        value = shown(code, names)
        for form in ("__repr__", "_repr_html_", "_repr_png_"):
            assert getattr(value, form, lambda: "nothing of that form")()
    return names


@pytest.mark.thorough
def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch, tiny):
    monkeypatch.setattr("xsns_hf.models.embedded.embedded_checkpoint", lambda: tiny)
    names = run(tmp_path, monkeypatch, str(tiny))
    assert names["by_task"].ordered_by == "expectation"
    assert len(names["ranking"]) == 4


@pytest.mark.slow
def test_the_notebook_runs_as_it_is(tmp_path, monkeypatch):
    assert run(tmp_path, monkeypatch, "embedded")["by_task"].ordered_by == "expectation"
