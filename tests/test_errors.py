"""Errors: what they say in Python and on the command line."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

import xsns_hf
from xsns_hf.cli import app
from xsns_hf.errors import HubError, XsnsError, parameter
from xsns_hf.hub_errors import NoRepository

PACKAGE = Path(xsns_hf.__file__).parent


@pytest.mark.parametrize(
    ("named", "in_python", "as_option"),
    [
        (parameter("recipe"), "recipe=…", "--recipe"),
        (parameter("replace", "True"), "replace=True", "--replace"),
        (parameter("head", "tied"), "head='tied'", "--head tied"),
        (parameter("batch", "-1"), "batch=-1", "--batch -1"),
        (parameter("corpus_name"), "corpus_name=…", "--corpus-name"),
    ],
)
def test_a_parameter_is_an_option_on_the_command_line(named, in_python, as_option):
    error = XsnsError(f"It isn't there: pass {named}.")
    assert str(error) == f"It isn't there: pass {in_python}."
    assert error.on_command_line() == f"It isn't there: pass {as_option}."
    wider = XsnsError(f"No: {error.sentence}")
    assert wider.on_command_line() == f"No: It isn't there: pass {as_option}."


@given(st.text(st.characters(exclude_categories=["Co"])))
def test_what_names_no_parameter_is_said_as_it_is(text):
    assert str(XsnsError(text)) == XsnsError(text).on_command_line() == text


def test_each_parameter_that_an_error_names_is_an_option_of_a_command():
    options = {
        option for command in get_command(app).commands.values() for each in command.params for option in each.opts
    }
    named = {name for path in PACKAGE.rglob("*.py") for name in _named(path)}
    assert {"recipe", "replace", "head"} <= named
    assert {name for name in named if f"--{name.replace('_', '-')}" not in options} == set()


def test_who_handles_errors_of_the_hub_handles_a_missing_repository():
    assert issubclass(NoRepository, HubError)
    assert issubclass(HubError, XsnsError)


def _named(path: Path) -> list[str]:
    """Return the parameters that a module's errors name by a constant."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "parameter" and isinstance(call.args[0], ast.Constant)
    ]
