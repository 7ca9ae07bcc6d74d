"""The sample of an extraction: examples of p(y|x) and the head that it takes, for text as it is or with labels."""

from xsns_hf.errors import XsnsError
from xsns_hf.extraction.examples import text_examples
from xsns_hf.extraction.labelled import LABELLED, labelled_examples, task_of
from xsns_hf.extraction.random_heads import random_head
from xsns_hf.importance.head import Head
from xsns_hf.models.kinds import is_decoder
from xsns_hf.models.loading import Checkpoint
from xsns_hf.models.objectives import Encoded
from xsns_hf.recipe import Recipe
from xsns_hf.text.corpus import Corpus


def sample(
    checkpoint: Checkpoint, corpus: Corpus, recipe: Recipe, language: str, seed: int, *, quiet: bool = False
) -> tuple[list[Encoded], Head]:
    """Return a language's examples and the head that predicts: the checkpoint's, or for labels a random one.

    Args:
        checkpoint: whose tokenizer and head to use.
        corpus: where the language's text is.
        recipe: which objective, how many examples and how long.
        language: canonical code.
        seed: of the draw, the masking and the random head.
        quiet: don't warn of what makes the mask doubtful.

    Raises:
        XsnsError: no usable text, or a model that a random head can't be put on.
    """
    if recipe.objective not in LABELLED:
        return text_examples(checkpoint, corpus, recipe, language, seed, quiet=quiet), checkpoint.head
    config = checkpoint.body.config
    if config.is_encoder_decoder:
        raise XsnsError(
            f"{checkpoint.name} has an encoder and a decoder, for which there is no random head: use its own "
            "objective, or a model that is one of them."
        )
    examples = labelled_examples(
        checkpoint.tokenizer,
        corpus,
        language,
        objective=recipe.objective,
        count=recipe.examples,
        seed=seed,
        max_length=min(recipe.max_length, checkpoint.positions),
        causal=is_decoder(config),
    )
    classes = len(task_of(recipe.objective, corpus, language).classes)
    head = random_head(recipe.objective, classes, config.hidden_size, seed)
    *_, last = checkpoint.body.parameters()  # where the hidden states come out, if the model is spread
    return examples, head.to(last.device, checkpoint.body.dtype)
