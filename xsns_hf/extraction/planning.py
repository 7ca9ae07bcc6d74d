"""How masks are to be made, as it is said before a checkpoint and text are there, and what becomes of it with them.

Nothing heavy is imported until a checkpoint is loaded, so that a mistake is told at once.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.recipe import LANGUAGE_MODELLING, HeadKind, Objective, Recipe, masking_of

if TYPE_CHECKING:
    from xsns_hf.models.identity import Identity
    from xsns_hf.models.loading import Checkpoint
    from xsns_hf.text.corpus import Corpus


@dataclass(frozen=True)
class Plan:
    """What is asked of an extraction.

    Attributes:
        objective: what is predicted; None for what the checkpoint was pre-trained to.
        head: which head predicts; None for the checkpoint's own, or a random one for labels.
        masking: the share of tokens masked; None for that of pre-training.
        settings: other fields of a `Recipe`.
    """

    objective: Objective | None = None
    head: HeadKind | None = None
    masking: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def labelled(self) -> bool:
        """Whether labels are predicted, by a random head."""
        return self.objective is not None and self.objective not in LANGUAGE_MODELLING

    @property
    def objective_of_head(self) -> Objective | None:
        """The objective that the checkpoint's head is for; None for that of its pre-training, or a random head."""
        return None if self.labelled else self.objective

    @property
    def head_kind(self) -> HeadKind | None:
        """The head to load with the checkpoint; None for its own."""
        return "random" if self.labelled else self.head

    def check(self) -> None:
        """Make sure that what is asked for goes together, as far as that doesn't take the checkpoint.

        Raises:
            XsnsError: a setting is out of range, or doesn't go with another.
        """
        if self.labelled and self.head is not None:
            raise XsnsError(
                f"{parameter('objective', str(self.objective))} takes a random head: leave {parameter('head')} out."
            )
        given = {} if self.masking is None else {"masking": self.masking}
        Recipe("", "", "", "", **{"objective": self.objective or Recipe.objective} | given | self.settings)

    def load(
        self, model: str, *, revision: str | None = None, trust_remote_code: bool = False, device_map: str | None = None
    ) -> "Checkpoint":
        """Load a checkpoint with the head that is asked for; all processes get the same commit of it.

        Raises:
            XsnsError: as `load_checkpoint` does.
        """
        import torch

        from xsns_hf.models.finding import agreed_revision
        from xsns_hf.models.loading import load_checkpoint

        return load_checkpoint(
            model,
            objective=self.objective_of_head,
            head=self.head_kind,
            revision=agreed_revision(model, revision, trust_remote_code),
            trust_remote_code=trust_remote_code,
            dtype=torch.bfloat16 if self.settings.get("precision") == "bfloat16-weights" else torch.float32,
            device_map=device_map,
        )

    def recipe(self, checkpoint: "Identity", corpus: "Corpus") -> Recipe:
        """Return the recipe of masks of a checkpoint on a corpus.

        Args:
            checkpoint: the model, or what is known of it.
            corpus: the text.

        Raises:
            XsnsError: tokens are to be masked where the objective masks none.
        """
        objective = self.objective or checkpoint.objective
        if self.masking is not None and (self.labelled or objective == "clm"):
            raise XsnsError(f"The objective {objective} masks no tokens: leave {parameter('masking')} out.")
        masking = masking_of(objective) if self.masking is None else self.masking
        own: dict[str, Any] = {"objective": objective, "masking": masking}
        return Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, corpus.name, **own | self.settings)
