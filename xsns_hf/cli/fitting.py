"""Command that makes a head for encoders without one: fit-head."""

from pathlib import Path
from typing import Annotated

import typer

from xsns_hf.cli.options import Model, Revision, TrustRemoteCode, app, local_corpus
from xsns_hf.cli.starting import heavy_imports, say
from xsns_hf.recipe import display_name
from xsns_hf.safe_text import for_shell


@app.command("fit-head")
def fit_head_command(
    text: Annotated[Path, typer.Option(help="Folder with one CODE.txt per language, a sentence a line.")],
    model: Model = "embedded",
    minutes: Annotated[float, typer.Option(help="About how long to train; the steps taken are reported.")] = 15.0,
    steps: Annotated[
        int | None, typer.Option(help="Exactly so many steps instead: the same head again, on as many threads.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the head's initial weights and of the batches.")] = 0,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Train a small masked-language-model head on text, the encoder frozen, for encoders that ship none.

    Examples:
        xsns fit-head --model intfloat/multilingual-e5-base --text my-text
    """
    from xsns_hf.models.head_files import fitted_head_path

    say(f"Loading {display_name(model)} …")
    from xsns_hf.models.locations import exact_revision

    exact = exact_revision(model, revision)  # what isn't there is told before torch is imported

    with heavy_imports():
        from xsns_hf.models.head_fitting import fit_head
        from xsns_hf.models.heads import save_head
        from xsns_hf.models.loading import load_checkpoint

    corpus = local_corpus(text, None)
    checkpoint = load_checkpoint(
        model, objective="mlm", head="tied", revision=exact, trust_remote_code=trust_remote_code
    )
    texts = {code: corpus.sentences(code) for code in corpus.languages}
    head, report = fit_head(checkpoint.body, checkpoint.tokenizer, texts, minutes=minutes, steps=steps, seed=seed)
    path = fitted_head_path(checkpoint.revision)
    save_head(head, path, {"revision": checkpoint.revision, "corpus": corpus.name} | report.metadata())
    print(report)
    print(f"Saved to {path}.")
    of_revision = f" --revision {for_shell([revision])}" if revision else ""
    which = f"--model {for_shell([model])}{of_revision} --head fitted --text {for_shell([str(text)])}"
    print(f"Next: xsns extract {which} --out masks")
