"""After a language was brought: what to think of its ranking, and the command that publishes it properly."""

from xsns_hf.dataset.commands import checkpoint_options, extract_command
from xsns_hf.dataset.stores.opening import is_folder
from xsns_hf.recipe import Recipe
from xsns_hf.safe_text import for_shell


def caveat(recipe: Recipe, used: int) -> str:
    """Say what to think of a ranking.

    Args:
        recipe: of the published masks.
        used: sentences that the visitor's mask was made from, see `Brought.examples`.
    """
    if used >= recipe.examples:
        return f"From {used} sentences, as the published masks: the similarities can be compared with theirs."
    several = "instead of" if recipe.agreement is None else "instead of up to"
    return (
        f"From {used} sentences {several} {recipe.examples}: similarities come out lower than the published ones; "
        "compare the order, not the numbers."
    )


def push_command(dataset: str, recipe: Recipe, language: str, *, seeds: int = 3) -> str:
    """Return the command that adds a language to published masks, made as they are, quoted for a POSIX shell.

    Args:
        dataset: of the published masks: `user/repo` or `user/repo@revision` on the Hub, or a folder.
        recipe: of theirs, from text without labels.
        language: code or name.
        seeds: how many the published masks have.
    """
    if is_folder(dataset):
        return extract_command(dataset, recipe, [language], seeds=seeds, text="my-text")
    repo = dataset.partition("@")[0]  # a revision that is a commit or tag can't be pushed to
    options = checkpoint_options(recipe) | {"--corpus-name": recipe.corpus}
    command = ["python", "scripts/push_language.py", "--repo", repo, "--language", language, "--text", "my.txt"]
    return for_shell([*command, *(word for option in options.items() for word in option)])
