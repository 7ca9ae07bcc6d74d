"""The `xsns extract` command that adds masks to those of a recipe."""

from collections.abc import Sequence

from xsns_hf.recipe import Recipe, commits_in
from xsns_hf.safe_text import for_shell


def extract_command(
    where: str,
    recipe: Recipe,
    languages: Sequence[str],
    *,
    seeds: int = 3,
    source: str | None = None,
    text: str | None = None,
) -> str:
    """Return the command that adds languages to masks, made as they are, quoted for a POSIX shell.

    Args:
        where: the masks: a folder, or `user/repo` or `user/repo@revision` on the Hub.
        recipe: of theirs.
        languages: codes or names.
        seeds: how many they have.
        source: the dataset on the Hub that their text is from, at its commit, if that is known.
        text: folder of the new text; by default that of theirs, or `my-text` where nobody knows what that is.
    """
    repo = where.partition("@")[0]  # nothing can be added to a commit or tag
    options = {"--out": repo, "--languages": ",".join(languages)} | checkpoint_options(recipe)
    options |= {"--text": text, "--corpus-name": recipe.corpus} if text else _text(recipe, source)
    options |= _settings(recipe) | {"--seeds": str(seeds)}
    return for_shell(["xsns", "extract", *(word for option in options.items() for word in option)])


def is_on_hub(recipe: Recipe) -> bool:
    """Return whether a recipe's checkpoint is on the Hub."""
    return bool(commits_in(recipe.revision))


def checkpoint_options(recipe: Recipe) -> dict[str, str]:
    """Return the options that say which checkpoint and head; a folder's is taken to be in the working directory."""
    model = {"--model": recipe.checkpoint if recipe.model_id else f"./{recipe.checkpoint}"}
    return model if recipe.head_kind == "random" else model | {"--head": recipe.head_kind}


def _text(recipe: Recipe, source: str | None) -> dict[str, str]:
    """Return the options that say which text."""
    from xsns_hf.text.catalogue import SOURCES  # takes a while to read, and a ranking needn't wait for it
    from xsns_hf.text.folder import SAMPLE

    if recipe.corpus == SAMPLE:
        return {}
    if recipe.corpus in SOURCES:
        return {"--corpus": recipe.corpus}
    text = {"--corpus": source.partition(":")[0]} if source else {"--text": "my-text"}
    return text | {"--corpus-name": recipe.corpus}


def _settings(recipe: Recipe) -> dict[str, str]:
    """Return the options that say how masks are made of them."""
    options = {
        "--importance": recipe.importance,
        "--examples": str(recipe.examples),
        "--density": f"{recipe.density:g}",
    }
    if recipe.agreement is not None:
        options |= {"--examples": "auto", "--agreement": f"{recipe.agreement:g}", "--most": str(recipe.examples)}
    if is_on_hub(recipe):
        options["--revision"] = recipe.revision
    for field in ("objective", "masking", "max_length", "precision", "stacks"):
        value = getattr(recipe, field)
        if value != getattr(Recipe, field):
            options[f"--{field.replace('_', '-')}"] = str(value)
    return options
