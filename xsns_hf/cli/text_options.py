"""The options that say which text is wanted, in commands and scripts alike."""

from pathlib import Path
from typing import Annotated

import typer

AnyText = Annotated[
    Path | None,
    typer.Option(
        help="Folder with one CODE.txt (or .jsonl, .conllu, .parquet) per language, a sentence a line; a file of one "
        "language; or a folder by `save_to_disk`. Default: sample text."
    ),
]
CORPUS_HELP = (
    "Text from the Hub instead: a name of `xsns corpora` or any dataset, as wikiann, owner/name, owner/name@revision, "
    "owner/name:config; with --languages."
)
Corpus = Annotated[str | None, typer.Option(help=CORPUS_HELP)]
Config = Annotated[
    str | None,
    typer.Option(
        help="Configurations of the --corpus: a name, or a pattern with {code}, {639-1}, {639-3} or {code_Script} for "
        "fi, fin or fin_Latn. Default: what their names say."
    ),
]
Split = Annotated[str | None, typer.Option(help="Split of a dataset. Default: train, or the only one.")]
Column = Annotated[
    str | None,
    typer.Option(help="Column that is the text. Default: text, sentence, tokens or such, or the only one with text."),
]
LanguageColumn = Annotated[
    str | None, typer.Option(help="Column that says the language of a row, where languages are together.")
]
CorpusName = Annotated[
    str | None, typer.Option(help="Name of the text in recipes. Default: that of its folder, file or dataset.")
]
