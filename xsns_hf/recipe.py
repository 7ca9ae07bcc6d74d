"""Recipes: everything that makes masks comparable, which is all but language and seed."""

import re
from dataclasses import asdict, dataclass, fields

from xsns_hf.errors import XsnsError
from xsns_hf.masks.subnetwork import check_density

AGREEMENT = 0.7
"""Agreement of the halves' masks at which `--examples auto` stops: see "How much text is enough?" in the README."""

LANGUAGE_MODELLING = ("mlm", "clm", "span", "infilling")
"""The pre-training objectives ℒ, the paper's choice; see `objectives`."""

OBJECTIVES = (*LANGUAGE_MODELLING, "token-classification", "pair-classification", "span-extraction")
"""These, and its tasks' own prediction problems 𝒯 under a random head (§5.1)."""

STACKS = ("both", "encoder", "decoder")
"""Which blocks of an encoder–decoder; other models have one stack, which is `both`."""

IMPORTANCES = {
    "exact": "diagonal Fisher information, the mean over sentences of the squared gradient of log p(y|x)",
    "released": "squared gradient, clipped and averaged over each batch first, as in the paper's released code",
    "gradient": "magnitude of the gradient, the mean over sentences of |∂ log p(y|x) / ∂θ|",
    "snip": "weight times gradient (SNIP, Lee et al. 2019), |θ · mean over sentences of ∂ log p(y|x) / ∂θ|",
    "activation": "activation frequency, the share of tokens for which the neuron is above 0 after the nonlinearity",
}
"""What parameters, or for `activation` feed-forward neurons, are selected by; see `importance`."""


SHORTEST = 8
"""The least that examples may be cut to, in tokens: five ordinary ones (`examples.FEWEST_TOKENS`) and up to three
special ones."""

PRECISIONS = ("float32", "bfloat16", "bfloat16-weights")


def commits_in(revision: str) -> list[str]:
    """Return the commits on the Hub that a recorded revision names: a model's, or a base's and that of the adapter on
    it; none for a local folder or the embedded checkpoint.
    """
    parts = revision.split("-")
    return parts if len(parts) <= 2 and all(re.fullmatch("[0-9a-f]{40}", part) for part in parts) else []


def masking_of(objective: str) -> float:
    """Return the share of tokens masked in pre-training: that of mBART, or that of BERT, XLM-R and T5."""
    return 0.35 if objective == "infilling" else 0.15


@dataclass(frozen=True)
class Recipe:
    """How a set of masks was made. Masks of different recipes are never compared.

    Attributes:
        checkpoint: model id, folder name or `embedded`.
        revision: commit sha or content hash of the checkpoint; of an adapter, its base's and its own, with a - between.
        head: what turns hidden states into predictions: `pretrained`, `tied`, `fitted-<fingerprint>` or, for the
            objectives with labels, `random`: the masks of seed s are made with the random head of seed s.
        corpus: name of the text.
        objective: one of `OBJECTIVES`.
        fisher: what makes a parameter important: `exact` (the paper's equation), `released` (what the authors' code
            computes), or one of the alternatives in `IMPORTANCES`.
        examples: |D|, the number of sentences asked for; a language with fewer uses all of its own.
        density: p, the share of parameters in a sub-network.
        masking: the share of tokens masked or dropped; ignored by `clm`.
        max_length: longest example in tokens; what is longer is cut.
        agreement: where a number, examples are added until the masks of two halves of the sample have this Jaccard
            coefficient, `examples` being the most to use; None uses |D| examples.
        precision: `float32` or `bfloat16`, of the forward and backward pass, or `bfloat16-weights`: the weights too,
            in half the memory. Sums are float32 in any case.
        stacks: which blocks of an encoder–decoder a mask covers, one of `STACKS`.
    """

    checkpoint: str
    revision: str
    head: str
    corpus: str
    objective: str = "mlm"
    fisher: str = "exact"
    examples: int = 1024
    density: float = 0.15
    masking: float = 0.15
    max_length: int = 128
    agreement: float | None = None
    precision: str = "float32"
    stacks: str = "both"

    def __post_init__(self):
        check_density(self.density)
        if not 0 < self.masking < 1:
            raise XsnsError(f"Masking ratio {self.masking} is out of range: it must be in (0, 1).")
        if self.examples < 1:
            raise XsnsError(f"|D| = {self.examples} is out of range: at least one example is needed.")
        if self.max_length < SHORTEST:
            raise XsnsError(f"Examples of at most {self.max_length} tokens are too short: use {SHORTEST} or more.")
        if self.fisher not in IMPORTANCES:
            raise XsnsError(f"Unknown importance '{self.fisher}': use one of {', '.join(IMPORTANCES)}.")
        if self.objective not in OBJECTIVES:
            raise XsnsError(f"Unknown objective '{self.objective}': use one of {', '.join(OBJECTIVES)}.")
        if self.precision not in PRECISIONS:
            raise XsnsError(f"Unknown precision '{self.precision}': use one of {', '.join(PRECISIONS)}.")
        if self.stacks not in STACKS:
            raise XsnsError(f"Unknown stacks '{self.stacks}': use one of {', '.join(STACKS)}.")
        if self.agreement is not None and not 0 < self.agreement < 1:
            raise XsnsError(f"Agreement {self.agreement} is out of range: it must be in (0, 1).")
        if self.fisher == "released" and (self.agreement is not None or self.precision != "float32"):
            raise XsnsError("The released code's variant takes a fixed |D| and float32: give --examples a number.")

    @property
    def name(self) -> str:
        """A short name that is a folder and a dataset config: corpus, objective, head, |D| and p, and what else
        differs from the defaults.
        """
        defaults = {field.name: field.default for field in fields(self)}
        extras = [
            short
            for short, field in [
                (self.fisher, "fisher"),
                (f"mask{self.masking:g}", "masking"),
                (f"len{self.max_length}", "max_length"),
                (self.precision, "precision"),
                (self.stacks, "stacks"),
            ]
            if getattr(self, field) != defaults[field]
        ]
        head = self.head.partition("-")[0]
        number = f"n{self.examples}" if self.agreement is None else f"auto{self.agreement:g}-{self.examples}"
        parts = [self.corpus, self.objective, head, number, f"p{self.density:g}", *extras]
        return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts))

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Return the fields, as the index stores them."""
        return asdict(self)

    def differences(self, other: "Recipe") -> str:
        """Say in words how another recipe differs: 'revision a1b2 against c3d4, density 0.15 against 0.3'."""
        mine, theirs = self.to_dict(), other.to_dict()
        return ", ".join(f"{key} {mine[key]} against {theirs[key]}" for key in mine if mine[key] != theirs[key])
