"""The page's style, scripts and longer texts, which aren't Python: `read` returns one. Nothing enters."""

from importlib.resources import files


def read(name: str) -> str:
    """Return the text of a file beside this one."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
