"""The command that verifies a mask dataset and mends it."""

from typing import Annotated

import typer

from xsns_hf.cli.options import app, console
from xsns_hf.cli.starting import say
from xsns_hf.cli.terminal import watched
from xsns_hf.errors import Damaged


@app.command()
def check(
    masks: Annotated[str, typer.Argument(help="Mask dataset: a folder, or user/repo on the Hub.")],
    repair: Annotated[bool, typer.Option("--repair", help="Mend what isn't as it should be.")] = False,
) -> None:
    """Verify every file of a mask dataset by its hash, and mend it.

    Similarities are computed again from the masks; layout and index are had again from the mask files, which record
    them. Masks that can't be read are taken out, and the command that makes them again is printed.

    Examples:
        xsns check masks
        xsns check user/xlmr-masks --repair
    """
    say(f"Reading {masks} …")
    from xsns_hf.cli.reports import print_findings
    from xsns_hf.dataset.checking import check as check_masks
    from xsns_hf.dataset.stores.base import repair_command

    findings = check_masks(masks, repair=repair, watch=watched)
    print_findings(findings, console)
    if not findings.sound:
        raise Damaged(f"{masks} isn't as it should be: mend it with {repair_command(masks)}.")
