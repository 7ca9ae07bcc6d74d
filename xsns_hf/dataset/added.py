"""What a change of a repository adds, in words too."""

from dataclasses import dataclass, field

from xsns_hf.errors import some


@dataclass(frozen=True)
class Added:
    """What a change adds to a repository, replaces or removes.

    Attributes:
        masks: recipe, language and seed of each.
        scores: their tasks.
        removed: tasks whose scores were removed.
    """

    masks: list[tuple[str, str, int]] = field(default_factory=list)
    scores: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a few words: `masks of deu, fin; scores of pos`."""
        languages = sorted({language for _, language, _ in self.masks})
        masks = [f"masks of {some(languages, 8)}"] * bool(languages)
        scores = [f"scores of {task}" for task in self.scores]
        return "; ".join(masks + scores + [f"no more scores of {task}" for task in self.removed])
