"""Recipes: everything that makes masks comparable, which is all but language and seed."""

import re
from dataclasses import asdict, dataclass, fields
from typing import Literal, cast, get_args

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.masks.subnetwork import check_density
from xsns_hf.tasks import TaskKind

EMBEDDED = "embedded"
"""The name that stands for the embedded checkpoint wherever a model id is expected, see `models.embedded`."""

EMBEDDED_MODEL = "intfloat/multilingual-e5-small"
"""What it is made from."""

AGREEMENT = 0.7
"""Agreement of the halves' masks at which a sample is large enough: see "How much text is enough?" in the README."""

LanguageModelling = Literal["mlm", "clm", "span", "infilling"]
"""The pre-training objectives ℒ, the paper's choice; see `models.objectives`."""

Objective = Literal[LanguageModelling, TaskKind]
"""These, and its tasks' own prediction problems 𝒯 under a random head (§5.1)."""

ImportanceName = Literal["exact", "capped", "normalised", "released", "gradient", "snip", "activation"]
"""What parameters are selected by, see `IMPORTANCES`."""

RECOMMENDED: ImportanceName = "capped"
EXAMPLES = 256
"""Importance and |D| of new masks, unless asked otherwise. A `Recipe`'s own defaults are the paper's."""

HeadKind = Literal["pretrained", "tied", "fitted", "random"]
"""The checkpoint's own head, logits through the word embeddings, one made by `fit-head`; for labels, a random one."""

Precision = Literal["float32", "bfloat16", "bfloat16-weights"]
"""Of the forward and backward pass, or of the weights too."""

WantedPrecision = Literal["float32", "bfloat16", "bfloat16-weights", "auto"]
"""The same, or `auto`: bfloat16 where there are fast units for it and masks come out alike, see `extraction.precision`.
"""

Stacks = Literal["both", "encoder", "decoder"]
"""Which blocks of an encoder–decoder; other models have one stack, which is `both`."""

Layers = Literal["all", "early"]
"""Where masks are compared: in all layers, or there and again in the lower half; see `dataset.early_masks`."""

LANGUAGE_MODELLING: tuple[str, ...] = get_args(LanguageModelling)

IMPORTANCES: dict[ImportanceName, str] = {
    "exact": "diagonal Fisher information, the mean over sentences of the squared gradient of log p(y|x)",
    "capped": "diagonal Fisher information in which no sentence counts for more than one of twice the median norm",
    "normalised": "diagonal Fisher information with each sentence's gradient divided by its norm",
    "released": "squared gradient, clipped and averaged over each batch first, as in the paper's released code",
    "gradient": "magnitude of the gradient, the mean over sentences of |∂ log p(y|x) / ∂θ|",
    "snip": "weight times gradient (SNIP, Lee et al. 2019), |θ · mean over sentences of ∂ log p(y|x) / ∂θ|",
    "activation": "activation frequency, the share of tokens for which the neuron is above 0 after the nonlinearity",
}
"""What parameters, or for `activation` feed-forward neurons, are selected by; see the room `importance`."""

SHORTEST = 8
"""The least that examples may be cut to, in tokens: five ordinary ones (`examples.FEWEST_TOKENS`) and up to three
special ones."""


def commits_in(revision: str) -> list[str]:
    """Return the commits on the Hub that a recorded revision names: a model's, or a base's and that of the adapter on
    it; none for a local folder or the embedded checkpoint.
    """
    parts = revision.split("-")
    return parts if len(parts) <= 2 and all(re.fullmatch("[0-9a-f]{40}", part) for part in parts) else []


def fitted_head(fingerprint: str) -> str:
    """Return the name of the fitted head with a fingerprint, see `Recipe.head`."""
    return f"fitted-{fingerprint}"


def display_name(checkpoint: str) -> str:
    """Return what people call a checkpoint: the embedded one by its real name, others by their id or folder."""
    return EMBEDDED_MODEL.partition("/")[2] if checkpoint == EMBEDDED else checkpoint


def masking_of(objective: str) -> float:
    """Return the share of tokens masked in pre-training: that of mBART, or that of BERT, XLM-R and T5."""
    return 0.35 if objective == "infilling" else 0.15


@dataclass(frozen=True)
class Recipe:
    """How a set of masks was made. Masks of different recipes are never compared. The defaults are the paper's (§4.2).

    Attributes:
        checkpoint: model id, folder name or `embedded`.
        revision: commit sha or content hash of the checkpoint; of an adapter, its base's and its own, with a - between.
        head: what turns hidden states into predictions: `pretrained`, `tied`, `fitted-<fingerprint>` or, for the
            objectives with labels, `random`: the masks of seed s are made with the random head of seed s.
        corpus: name of the text.
        objective: what is predicted, an `Objective`.
        importance: what makes a parameter important: `exact` (the paper's equation), `capped` and `normalised` (the
            same with a bound on what a sentence counts for), `released` (what the authors' code computes), or one of
            the alternatives in `IMPORTANCES`.
        examples: |D|, the number of sentences asked for; a language with fewer uses all of its own.
        density: p, the share of parameters in a sub-network.
        masking: the share of tokens masked or dropped; ignored by `clm`.
        max_length: longest example in tokens; what is longer is cut.
        agreement: where a number, examples are added until the masks of two halves of the sample have this Jaccard
            coefficient, `examples` being the most to use; None uses |D| examples.
        precision: `float32` or `bfloat16`, of the forward and backward pass, or `bfloat16-weights`: the weights too,
            in half the memory. Sums are float32 in any case.
        stacks: which blocks of an encoder–decoder a mask covers, see `Stacks`.
    """

    checkpoint: str
    revision: str
    head: str
    corpus: str
    objective: str = "mlm"
    importance: str = "exact"
    examples: int = 1024
    density: float = 0.15
    masking: float = 0.15
    max_length: int = 128
    agreement: float | None = None
    precision: Precision = "float32"
    stacks: Stacks = "both"

    def __post_init__(self) -> None:
        check_density(self.density)
        if not 0 < self.masking < 1:
            raise XsnsError(f"Masking ratio {self.masking} is out of range: it must be in (0, 1).")
        if self.examples < 1:
            raise XsnsError(f"|D| = {self.examples} is out of range: at least one example is needed.")
        if self.max_length < SHORTEST:
            raise XsnsError(f"Examples of at most {self.max_length} tokens are too short: use {SHORTEST} or more.")
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise XsnsError(f"Unknown {field} '{getattr(self, field)}': use one of {', '.join(choices)}.")
        if self.agreement is not None and not 0 < self.agreement < 1:
            raise XsnsError(f"Agreement {self.agreement} is out of range: it must be in (0, 1).")
        if self.importance == "released" and (self.agreement is not None or self.precision != "float32"):
            raise XsnsError(
                f"The released code's variant takes a fixed |D| and float32: give {parameter('examples')} a number."
            )

    @property
    def head_kind(self) -> HeadKind:
        """What kind of head it is: of `fitted-<fingerprint>`, `fitted`."""
        return cast(HeadKind, self.head.partition("-")[0])

    @property
    def model_name(self) -> str:
        """What people call the checkpoint, see `display_name`."""
        return display_name(self.checkpoint)

    @property
    def model_id(self) -> str | None:
        """The checkpoint's id on the Hub; None of a local folder."""
        if self.checkpoint == EMBEDDED:
            return EMBEDDED_MODEL
        return self.checkpoint if commits_in(self.revision) else None

    @property
    def name(self) -> str:
        """A short name that is a folder and a dataset config: corpus, objective, head, |D| and p, and what else
        differs from the defaults.
        """
        defaults = {field.name: field.default for field in fields(self)}
        extras = [
            short
            for short, field in [
                (self.importance, "importance"),
                (f"mask{self.masking:g}", "masking"),
                (f"len{self.max_length}", "max_length"),
                (self.precision, "precision"),
                (self.stacks, "stacks"),
            ]
            if getattr(self, field) != defaults[field]
        ]
        number = f"n{self.examples}" if self.agreement is None else f"auto{self.agreement:g}-{self.examples}"
        parts = [self.corpus, self.objective, self.head_kind, number, f"p{self.density:g}", *extras]
        return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts))

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Return the fields by name."""
        return asdict(self)

    def differences(self, other: "Recipe") -> str:
        """Say in words how another recipe differs: 'revision a1b2 against c3d4, density 0.15 against 0.3'."""
        mine, theirs = self.to_dict(), other.to_dict()
        return ", ".join(f"{key} {mine[key]} against {theirs[key]}" for key in mine if mine[key] != theirs[key])


_CHOICES = {
    "objective": [*LANGUAGE_MODELLING, *get_args(TaskKind)],
    "importance": get_args(ImportanceName),
    "precision": get_args(Precision),
    "stacks": get_args(Stacks),
}
