"""What the commands share: the application, options, and how options become objects.

Heavy imports stay inside the functions, here and in the commands, so that `xsns rank` answers at once.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xsns_hf import __version__
from xsns_hf.cli.helping import Application
from xsns_hf.cli.terminal import SafeConsole
from xsns_hf.errors import XsnsError
from xsns_hf.recipe import Layers
from xsns_hf.safe_text import for_terminal

if TYPE_CHECKING:
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.text.corpus import Corpus

app = Application(
    name="xsns",
    help="Which source language should I fine-tune on? Sub-network similarity (X-SNS) for multilingual checkpoints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = SafeConsole()


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"xsns {__version__}")
        raise typer.Exit


@app.callback()
def _whole(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


Model = Annotated[str, typer.Option(help="Model id on the Hub, local folder, or `embedded`.")]
Masks = Annotated[str, typer.Option(help="Mask dataset: a folder, or user/repo or user/repo@revision on the Hub.")]
MasksOrReady = Annotated[
    str, typer.Option(help="Mask dataset: a folder, user/repo on the Hub, or `ready`: what ships with xsns.")
]
Text = Annotated[
    Path | None, typer.Option(help="Folder with one CODE.txt per language, a sentence a line. Default: sample text.")
]
Head = Annotated[
    Literal["pretrained", "tied", "fitted"] | None,
    typer.Option(help="The checkpoint's own head, logits through the word embeddings, or one made by fit-head."),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the Hub.")]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run model code from the Hub.")]
RecipeName = Annotated[
    str | None,
    typer.Option(
        help="Which masks, where the dataset has several recipes: a name, how it begins, or a part such as `p0.15`."
    ),
]
CompareIn = Annotated[
    Layers,
    typer.Option(
        help="Where masks are compared: in `all` layers; `early` counts the lower half again, and reads all masks."
    ),
]
GoldScores = Annotated[
    str,
    typer.Option(
        metavar="FILE.csv|TASK",
        help="CSV with source, target, score (and perhaps seed, metric), or a task published with the masks.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]
AsLatex = Annotated[bool, typer.Option("--latex", help="Print a LaTeX table (booktabs).")]


def open_masks(where: str | Path) -> "MaskRepository":
    """Open a mask dataset, of which is told at once what can't be used of it.

    Raises:
        XsnsError: as `MaskRepository` does.
    """
    from xsns_hf.dataset.repository import MaskRepository

    return MaskRepository(where, tell=lambda note: print(f"xsns: {for_terminal(note)}", file=sys.stderr))


def print_json(answer: Any) -> None:
    """Print plain records as JSON, escaped where the terminal or file can't take all letters."""
    everything = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(answer, ensure_ascii=not everything, indent=1))


def check_one_format(*, as_json: bool, as_csv: bool, as_latex: bool) -> None:
    """Make sure that one thing is to be printed.

    Raises:
        XsnsError: several are.
    """
    if sum((as_json, as_csv, as_latex)) > 1:
        raise XsnsError("--json, --csv and --latex each say what to print: give one of them.")


def sample_size(examples: str, agreement: float, most: int) -> tuple[dict[str, Any], list[int]]:
    """Return the fields of a recipe that `--examples` stands for, and further |D| where it has several.

    Raises:
        XsnsError: it is neither a number, or several, nor `auto` alone.
    """
    if examples == "auto":
        return {"examples": most, "agreement": agreement}, []
    if "auto" in (each.strip() for each in examples.split(",")):
        raise XsnsError(f"--examples {examples}: `auto` finds the one |D| that it needs: give it alone, or numbers.")
    try:
        first, *further = map(int, examples.split(","))
    except ValueError:
        raise XsnsError(
            f"--examples {examples} is neither a number nor `auto`: give one of them, or several numbers with commas."
        ) from None
    return {"examples": first}, further


def numbers(text: str, option: str) -> list[float]:
    """Read an option that takes numbers with commas between.

    Raises:
        XsnsError: one isn't a number.
    """
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise XsnsError(f"{option} {text} isn't a number, or several with commas: give such as 0.15.") from None


def local_corpus(text: Path | None, corpus_name: str | None) -> "Corpus":
    """Open a folder of text, or the sample text."""
    from xsns_hf.text.folder import sample_corpus, text_folder

    return sample_corpus() if text is None else text_folder(text, corpus_name)


def codes_of(text: str | None) -> list[str] | None:
    """Return the canonical codes of an option that takes languages with commas between; None if it isn't given.

    Raises:
        XsnsError: one is no language.
    """
    from xsns_hf.languages.codes import identify

    return [identify(each) for each in text.split(",")] if text else None


def share_of(languages: Sequence[str], share: str | None) -> list[str]:
    """Return a share of languages: of `3/8` the 3rd, 11th, 19th … of them; all if no share is given.

    Raises:
        XsnsError: it isn't written like that, there is no such share, or no language is in it.
    """
    if share is None:
        return list(languages)
    written = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", share)
    number, shares = map(int, written.groups()) if written else (0, 0)
    if not 1 <= number <= shares:
        raise XsnsError(f"--share {share} is no share: give such as 3/8, with a number from 1 to that of the shares.")
    if languages and number > len(languages):
        raise XsnsError(f"--share {share} is empty: make no more shares than languages, {len(languages)}.")
    return list(languages[number - 1 :: shares])
