"""The command line: a command for each study."""

import typer

import study
from study import ensemble, importance, multisource, sample_size, tables, transfer, weightings
from study.multisource.command import main as multisource_main
from study.tables.command import main as tables_main
from study.transfer.command import main as transfer_main
from study.weightings.command import main as weightings_main

app = typer.Typer(help=study.__doc__, rich_markup_mode="markdown", add_completion=False, pretty_exceptions_enable=False)
app.command("tables", help=tables.__doc__)(tables_main)
app.command("importance", help=importance.__doc__)(importance.main)
app.command("weightings", help=weightings.__doc__)(weightings_main)
app.command("ensemble", help=ensemble.__doc__)(ensemble.main)
app.command("sample-size", help=sample_size.__doc__)(sample_size.main)
app.command("multisource", help=multisource.__doc__)(multisource_main)
app.command("transfer", help=transfer.__doc__)(transfer_main)
