"""Commands that list the text there is: languages, corpora."""

from typing import Any

from rich.table import Table

from xsns_hf.cli.options import AsJson, Text, app, console, local_corpus, print_json


@app.command()
def languages(
    text: Text = None,
    as_json: AsJson = False,
) -> None:
    """List the languages that there is text for.

    Examples:
        xsns languages --text my-text
    """
    from xsns_hf.languages.codes import name

    corpus = local_corpus(text, None)
    rows = [
        {
            "language": code,
            "name": name(code),
            "sentences": len(corpus.sentences(code)),
            "licence": corpus.licences.get(code),
        }
        for code in corpus.languages
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(title=f"Text in {corpus.name}: {len(rows)} languages")
    for column in ("code", "name", "sentences", "licence"):
        table.add_column(column, justify="right" if column == "sentences" else "left")
    for row in rows:
        table.add_row(*(str(cell or "–") for cell in row.values()))
    console.print(table)


@app.command()
def corpora(as_json: AsJson = False) -> None:
    """List the corpora on the Hub that `--corpus` knows: what each is and the languages it has.

    Any other dataset goes by its id, owner/name, see `xsns extract`.

    Examples:
        xsns corpora
    """
    from xsns_hf.text.catalogue import SOURCES

    rows: list[dict[str, Any]] = [
        {
            "corpus": key,
            "dataset": each.id,
            "licence": each.licence,
            "about": each.about,
            "languages": sorted(each.configs),
        }
        for key, each in SOURCES.items()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(title="Corpora on the Hub", show_lines=True)
    for column in ("corpus", "dataset", "languages", "licence", "about"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["corpus"],
            row["dataset"],
            ", ".join(row["languages"]) or "looked up",
            row["licence"] or "see its card",
            row["about"],
        )
    console.print(table)
