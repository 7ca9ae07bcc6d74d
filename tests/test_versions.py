"""Versions that are written down in several places are the same, and what is installed by name is pinned."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import xsns_hf

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINNED = dict(
    line.split("==")
    for line in (ROOT / "scripts" / "constraints.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
BY_MACHINE = {"torch", "triton", "xsns-hf"}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def required() -> list[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    requirements = map(Requirement, dict.fromkeys(lines))
    return [requirement for requirement in requirements if canonicalize_name(requirement.name) not in BY_MACHINE]


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_the_versions_installed_are_within_the_bounds(requirement):
    assert Version(PINNED[canonicalize_name(requirement.name)]) in requirement.specifier


def test_what_depends_on_the_machine_isnt_pinned():
    assert not [name for name in PINNED if name in BY_MACHINE or name.startswith(("nvidia", "cuda"))]


def test_the_citation_is_of_this_version_and_of_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"] == xsns_hf.__version__
    paper = citation["preferred-citation"]
    assert f'"{paper["doi"]}"' in (ROOT / "README.md").read_text("utf-8")
    assert [author["family-names"] for author in paper["authors"]] == ["Yun", "Kim", "Kang", "Lim", "Kim", "Kim"]


def test_a_commit_is_checked_by_the_ruff_of_the_tests():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    [ruff] = [repo["rev"] for repo in config["repos"] if repo["repo"].endswith("/ruff-pre-commit")]
    assert ruff == f"v{PINNED['ruff']}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_pinned_actions_and_may_read_only(path):
    text = path.read_text("utf-8")
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in uses)
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_workflows_run_scripts_that_are_there():
    scripts = {script for path in WORKFLOWS for script in re.findall(r"bash (\S+)", path.read_text("utf-8"))}
    assert scripts
    assert all((ROOT / script).exists() for script in scripts)


def test_the_oldest_python_that_is_allowed_is_tried():
    tried = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text("utf-8"))["jobs"]["whole"]["strategy"]
    assert f">={tried['matrix']['python'][0]}" == PROJECT["requires-python"]
