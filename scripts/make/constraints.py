"""Write scripts/constraints.txt: the versions in this environment, which are those that the tests passed with.

    bash scripts/test.sh && .venv/bin/python scripts/make/constraints.py

PyTorch and what it brings depend on the machine: scripts/environment.sh has their version.
"""

import re
from importlib.metadata import distributions
from pathlib import Path

FILE = Path(__file__).parents[1] / "constraints.txt"
HEADER = """\
# The versions that the tests passed with, for scripts/environment.sh; written by scripts/make/constraints.py.
"""
LEFT_OUT = re.compile(r"(xsns-hf|pip|setuptools|wheel|uv|torch|triton|nvidia-.*|cuda-.*)$")


def pinned() -> list[str]:
    """Return name==version of each installed library, under normalised names, sorted."""
    held = {re.sub(r"[-_.]+", "-", library.name).lower(): library.version for library in distributions()}
    return [f"{name}=={version}" for name, version in sorted(held.items()) if not LEFT_OUT.match(name)]


if __name__ == "__main__":
    FILE.write_text(HEADER + "".join(f"{line}\n" for line in pinned()), encoding="utf-8")
    print(f"{FILE}: {len(pinned())} versions")
