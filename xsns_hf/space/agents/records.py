"""What the tools return. Field names and descriptions are what a language model reads of them, as a schema."""

from pydantic import BaseModel, Field

CODE = "ISO 639-3 code, with a script where a language has several."


class Source(BaseModel):
    """A source language for a target."""

    rank: int = Field(description="1 is the best.")
    language: str = Field(description=CODE)
    name: str = Field(description="English name.")
    similarity: float = Field(
        description="Jaccard coefficient of its sub-network and the target's, 0 to 1, mean over seeds; of another "
        "predictor its cosine."
    )
    std: float | None = Field(default=None, description="Standard deviation over seeds; null with one seed.")
    as_good_as_best: bool | None = Field(
        default=None,
        description="Whether the masks can't tell it from the most similar source; null where that isn't known.",
    )
    expected: float | None = Field(
        default=None, description="Score to expect of the task; null where nothing is known of it."
    )
    lower: float | None = Field(default=None, description="Lower end of a 90 % interval of the score.")
    upper: float | None = Field(default=None, description="Upper end of it.")
    probability_best: float | None = Field(default=None, description="Probability that this source is the best of all.")
    probability_within_a_point: float | None = Field(
        default=None, description="Probability to be within a point of the best."
    )
    measured: float | None = Field(
        default=None, description="Score that was measured on the target itself, where it was."
    )


class Ranked(BaseModel):
    """Sources for a target, best first."""

    target: str = Field(description=CODE)
    target_name: str
    masks: str = Field(description="The mask dataset that this is from.")
    recipe: str = Field(description="The recipe of its masks.")
    model: str = Field(description="The multilingual model whose sub-networks are compared.")
    has_masks: bool = Field(
        description="Whether the target has masks here. If not, the order is by sounds and grammar (URIEL), not by "
        "sub-networks: say so, and that it is less sure."
    )
    ordered_by: str = Field(description="What the order is by.")
    advice: list[str] = Field(description="What to take, how sure that is and how much it matters, in sentences.")
    best_set: list[str] = Field(
        description="The fewest sources that hold the best one with 80 % probability; empty where no scores are known."
    )
    sources: list[Source]
    candidates: int = Field(description="How many sources were compared; `sources` may show fewer.")
    scores: str | None = Field(default=None, description="What expected scores are learnt from.")
    missing: list[str] = Field(description="Candidates that couldn't be compared: codes.")
    notes: list[str] = Field(description="What else is to be known.")


class Similarity(BaseModel):
    """How alike the sub-networks of two languages are."""

    source: str = Field(description=CODE)
    target: str = Field(description=CODE)
    similarity: float = Field(description="Jaccard coefficient, 0 to 1, mean over seeds; of a language and itself 1.")
    std: float | None = Field(description="Standard deviation over seeds; null with one seed.")
    seeds: int = Field(description="Samples of text that the mean is over.")
    masks: str
    recipe: str


class Language(BaseModel):
    """A language with masks."""

    language: str = Field(description=CODE)
    name: str = Field(description="English name.")
    seeds: int = Field(description="Samples of text.")
    examples: int = Field(description="Sentences in each.")


class Languages(BaseModel):
    """The languages that can be targets or sources."""

    masks: str
    recipe: str
    languages: list[Language]


class Masks(BaseModel):
    """Masks that can be asked."""

    masks: str = Field(description="Name of the dataset: what other tools take as `masks`.")
    recipe: str = Field(description="Name of the recipe: what other tools take as `recipe`.")
    model: str = Field(description="The multilingual model.")
    text: str = Field(description="The text that they were made from.")
    objective: str = Field(description="What the model was to do with it: `mlm` is language modelling.")
    languages: int
    seeds: int = Field(description="Samples of text a language.")
    sentences: int = Field(description="Sentences in each, at most.")
    can_be_explained: bool = Field(description="Whether the masks themselves are there, and not similarities only.")
    link: str = Field(description="Page of the dataset; empty if it has none.")


class AllMasks(BaseModel):
    """All masks that can be asked; the first are taken where none are named."""

    masks: list[Masks]
    notes: list[str] = Field(description="Of datasets that can't be read just now.")


class Part(BaseModel):
    """A layer, or a module of all layers."""

    stack: str | None = Field(default=None, description="Encoder or decoder; of a layer only.")
    layer: int | None = Field(
        default=None, description="Number from 0, from the input on; null for what is beside the layers."
    )
    module: str | None = Field(default=None, description="Name of the module; of a module only.")
    parameters: int = Field(description="Parameters in it, summed over seeds.")
    shared: int = Field(description="Parameters that both languages' sub-networks have.")
    jaccard: float | None = Field(description="Jaccard coefficient in it, 0 to 1; null where neither selects any.")
    ratio: float | None = Field(
        description="How many times as many are shared as of two independent masks of these sizes; null if undefined."
    )


class Overlap(BaseModel):
    """Where in the model two languages share their sub-networks."""

    source: str = Field(description=CODE)
    target: str = Field(description=CODE)
    masks: str
    recipe: str
    jaccard: float | None = Field(description="Of the whole masks.")
    layers: list[Part]
    modules: list[Part]
    advice: list[str] = Field(description="How to read this.")


class Set(BaseModel):
    """Several sources to train on together."""

    languages: list[str] = Field(description="Codes, in the order in which to add them.")
    names: list[str]
    covered: list[float] | None = Field(
        description="Which share of the target's sub-network the first so many cover together; null if not looked at."
    )
    why: str


class Sets(BaseModel):
    """Sets of sources for a target."""

    target: str = Field(description=CODE)
    masks: str
    recipe: str
    take_one_of: Set | None = Field(
        description="For one source: the fewest that hold the best one with 80 % probability; null without scores."
    )
    together: Set | None = Field(description="For several sources at once: the three best.")
    complementary: Set | None = Field(
        description="The three that together cover most of the target's sub-network; null if there are no masks to "
        "look into. That such a set trains better isn't shown."
    )
    notes: list[str]
