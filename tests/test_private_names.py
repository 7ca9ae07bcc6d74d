"""Names of libraries that their documentation doesn't promise, but that we use: a release without one fails here."""

import ast
import pkgutil
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "xsns_hf"
UNDOCUMENTED = [
    "transformers:BigBirdModel.set_attention_type",
    "langcodes.data_dicts:LIKELY_SUBTAGS",
    "langcodes.data_dicts:MACROLANGUAGES",
    "langcodes.data_dicts:NORMALIZED_MACROLANGUAGES",
    "language_data.names:code_to_names",
    "language_data.names:get_trie_value",
    "language_data.names:load_trie",
    "language_data.names:normalize_name",
    "language_data.population_data:LANGUAGE_WRITING_POPULATION",
    "language_data.util:data_filename",
]


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_what_no_documentation_promises_is_there(name):
    pkgutil.resolve_name(name)


def private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def private_names(source: str) -> set[str]:
    """Names with an underscore that code reads off anything but itself, as `.name`, in an import or by getattr."""
    tree = ast.parse(source)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and private(node.id)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in {"self", "cls", "super()"}:
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("xsns_hf"):
            found |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "hasattr", "setattr"}:
            found |= {
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            }
    return {name for name in found if private(name)} - own


@pytest.mark.thorough
def test_no_other_private_name_is_used():
    used = {name for path in PACKAGE.rglob("*.py") for name in private_names(path.read_text(encoding="utf-8"))}
    assert used == {"_exit"}  # of os, whose documentation has it
    assert private_names('getattr(config, "_commit_hash", None)') == {"_commit_hash"}
