"""The shape of the package: rooms that say what they are, and imports that follow the contracts in pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import xsns_hf

HOUSE = Path(xsns_hf.__file__).parent
ROOMS = sorted(path.parent for path in HOUSE.rglob("__init__.py") if path.parent != HOUSE)


def test_the_top_of_the_house_is_few_files():
    assert len(list(HOUSE.glob("*.py"))) <= 10


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(HOUSE).as_posix())
def test_every_room_says_what_it_is(room):
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))


@pytest.mark.thorough
def test_ranking_explaining_evaluating_and_the_page_import_no_torch():
    predictors = [f"xsns_hf.predictors.{path.stem}" for path in (HOUSE / "predictors").glob("*.py")]
    modules = ["xsns_hf", "xsns_hf.ranking.rank", "xsns_hf.explanation.overview", "xsns_hf.dataset.sharing"]
    modules += ["xsns_hf.space.page", "xsns_hf.space.own_text.bringing", "xsns_hf.cli"]
    modules += ["xsns_hf.evaluation.evaluate", "xsns_hf.evaluation.sweep", *predictors]
    heavy = {"torch", "transformers", "accelerate", "datasets"}
    script = f"import sys, {', '.join(modules)}; print({heavy} & {{*sys.modules}} or 'light')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light"
