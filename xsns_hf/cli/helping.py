"""How `--help` looks: commands in groups and in the order of use, and examples that can be copied."""

import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

GROUPS = {
    "Start": ["demo"],
    "Ask": ["rank", "explain", "evaluate", "space"],
    "Make masks": ["languages", "corpora", "extract", "fit-head"],
    "Share": ["push", "pull", "check", "scores"],
    "Measure and compare": ["transfer", "push-gold", "predictors", "sweep"],
}
"""The commands, as help lists them."""

Function = TypeVar("Function", bound=Callable[..., Any])

_EXAMPLES = "\n\nExamples:\n"


class WithExamples(TyperCommand):
    """A command whose docstring may end in examples.

    Help prints them last and as they are. In the text above, lines would be broken anywhere, and filled with spaces,
    which undo a backslash at their end.
    """

    def __init__(self, name: str | None, *, help: str | None = None, **options: Any):
        text, _, examples = (help or "").partition(_EXAMPLES)
        self.examples = textwrap.indent(textwrap.dedent(examples), "  ")
        super().__init__(name, help=text, **options)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, then the examples."""
        super().format_help(ctx, formatter)
        if self.examples:
            print(f"Examples:\n{self.examples}")


class Application(typer.Typer):
    """Commands that may have examples."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """Return what registers a function as a command, see `typer.Typer.command`."""
        return super().command(name, **{"cls": WithExamples} | options)

    def group(self) -> None:
        """Put the commands into their groups, and in order.

        Raises:
            KeyError: one is in no group.
        """
        places = {name: panel for panel, names in GROUPS.items() for name in names}
        for info in self.registered_commands:
            info.name = name = str(info.name or getattr(info.callback, "__name__", ""))
            info.rich_help_panel = places[name]
        order = list(places)
        self.registered_commands.sort(key=lambda info: order.index(str(info.name)))
