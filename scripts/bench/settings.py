"""What is measured: the options, and random models and real sentences by them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from transformers import PreTrainedModel, XLMRobertaConfig, XLMRobertaForMaskedLM

from xsns_hf.extraction.batches import MOST_EXAMPLES
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.models.blocks import layout_of
from xsns_hf.models.finding import load_tokenizer
from xsns_hf.models.objectives import Encoded, MaskedLanguageModelling, example_generator
from xsns_hf.text.folder import sample_corpus

Size = Literal["tiny", "embedded", "base", "large", "xl"]
SHAPES: dict[Size, dict[str, int]] = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128},
    "embedded": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "xl": {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "intermediate_size": 10240},
}
LANGUAGES = ("eng", "fin", "rus", "hin")
TOKENS = 1000
"""How many different tokens the sentences have, to suit the vocabulary of every shape."""
MASK = 4
"""The token that stands for masked ones."""


@dataclass(frozen=True)
class Settings:
    """The options of the command.

    Attributes:
        size: the model's shape.
        rounds: how many times every contestant runs.
        examples: sentences of a round.
        masks: to compare with each other.
        device: where extraction runs.
        clients: that ask the page at the same time.
        seconds: for which they ask.
        languages: of the datasets whose growth is measured.
        before: a Git revision whose own ways of extraction are measured too; none if empty.
    """

    size: Size
    rounds: int
    examples: int
    masks: int
    device: torch.device
    clients: int
    seconds: float
    languages: tuple[int, ...] = ()
    before: str = ""

    @property
    def batch(self) -> int:
        """The number of sentences in a batch, which is extraction's own."""
        return MOST_EXAMPLES[self.device.type]


def random_model(size: Size, device: torch.device | None = None) -> PreTrainedModel:
    """Return an XLM-R of a shape, with random weights; those of the CPU, by default where it is made."""
    torch.manual_seed(0)
    vocabulary = TOKENS if size == "tiny" else 250_002
    fixed = {"vocab_size": vocabulary, "max_position_embeddings": 514, "pad_token_id": 1}
    model = XLMRobertaForMaskedLM(XLMRobertaConfig.from_dict(fixed | SHAPES[size])).eval()
    return model.to(device) if device else model


def random_layout(size: Size) -> ParameterLayout:
    """Return the block parameters of a shape, without making the model."""
    with torch.device("meta"):
        return layout_of(random_model(size).base_model)


def number_of_parameters(size: Size) -> int:
    """Return how many parameters a shape has in all."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in random_model(size).parameters())


def masked_sentences(number: int) -> list[Encoded]:
    """Return masked sentences of several languages as XLM-R's tokenizer cuts them, ids modulo `TOKENS`."""
    tokenizer = load_tokenizer("embedded")
    corpus, objective = sample_corpus(), MaskedLanguageModelling(MASK, TOKENS)
    masked = []
    for language in LANGUAGES:
        for line, sentence in enumerate(corpus.sentences(language)[: number // len(LANGUAGES)]):
            tokens = np.array(tokenizer(sentence, truncation=True, max_length=128)["input_ids"])
            special = np.isin(np.arange(len(tokens)), (0, len(tokens) - 1))
            masked.append(objective.corrupt(tokens % TOKENS, special, example_generator(0, language, line)))
    return masked
