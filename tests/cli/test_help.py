"""What `--help` shows: all commands in groups and in order, and examples that work when they are copied."""

import re
import shlex
import subprocess
import sys

import pytest
import typer

from xsns_hf import __version__
from xsns_hf.cli import app
from xsns_hf.cli.helping import GROUPS

COMMANDS = typer.main.get_command(app).commands


def examples(output: str) -> list[str]:
    """Return the commands below "Examples:" as a shell would take them."""
    lines = output.partition("Examples:\n")[2].replace("\\\n", "").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def test_commands_are_listed_in_groups_and_in_order(xsns):
    output = xsns("-h")[1]
    places = [output.index(f"─ {group} ─") for group in GROUPS]
    assert places == sorted(places)
    listed = re.findall(r"^│ ([a-z][\w-]*)  ", output, re.MULTILINE)
    assert listed == [name for names in GROUPS.values() for name in names]
    assert set(listed) == set(COMMANDS)


def test_the_version(xsns):
    assert xsns("--version") == (0, f"xsns {__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_fit_and_work_when_they_are_copied(xsns, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    code, output, _ = xsns(name, "-h")
    assert code == 0
    assert output == xsns(name, "--help")[1]
    assert all(len(line) <= 80 and line == line.rstrip() for line in output.partition("Examples:\n")[2].splitlines())
    commands = examples(output)
    assert any(shlex.split(command)[:2] == ["xsns", name] for command in commands)
    for command in commands:
        program, of, *arguments = shlex.split(command)
        if program == "accelerate":
            of, *arguments = arguments[arguments.index("xsns_hf") + 1 :]
        COMMANDS[of].make_context(of, arguments)  # exits if an argument or option is none


def test_a_terminal_of_80_columns_shows_them_whole():
    done = subprocess.run([sys.executable, "-m", "xsns_hf", "scores", "-h"], capture_output=True, text=True, check=True)
    assert '  xsns scores pos.csv --masks user/xlmr-masks --task pos \\\n      --model "XLM-R base"' in done.stdout
