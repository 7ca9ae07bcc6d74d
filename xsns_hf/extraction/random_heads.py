"""Random task heads: the paper's stand-in for a fine-tuned one, p(y|x) = 𝒯 (§3; Table 1).

They are those that transformers puts on an encoder, freshly initialised: the head of seed s is the same for all
languages, and is nothing but a function of s.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xsns_hf.extraction.labelled import END, START

STANDARD_DEVIATION = 0.02
"""Of the initial weights, as in BERT and XLM-R."""


def random_head(objective: str, classes: int, width: int, seed: int) -> nn.Module:
    """Return an untrained head.

    Args:
        objective: one of `labelled.LABELLED`.
        classes: number of classes.
        width: of the hidden states, H.
        seed: of the weights.
    """
    random = torch.Generator().manual_seed(seed)
    output = _linear(width, classes, random)
    if objective == "pair-classification":
        return nn.Sequential(_linear(width, width, random), nn.Tanh(), output)
    return SpanHead(output) if objective == "span-extraction" else output


class SpanHead(nn.Module):
    """Scores every position of an example as the start and as the end of the answer."""

    def __init__(self, output: nn.Module):
        super().__init__()
        self.output = output

    def example_losses(self, hidden: Tensor, labels: Tensor, example: Tensor) -> Tensor:
        """Return the mean of the cross-entropies of start and end, over an example's positions.

        Args:
            hidden: float [N, H], the positions of all examples that may start or end an answer.
            labels: int64 [N], sums of `START` and `END`.
            example: int64 [N], ascending: which example each belongs to.

        Returns:
            float32 [B].
        """
        sizes = torch.bincount(example).tolist()
        parts = zip(self.output(hidden).float().split(sizes), labels.split(sizes), strict=True)
        return torch.stack([_span_loss(scores, own) for scores, own in parts])


def _span_loss(scores: Tensor, labels: Tensor) -> Tensor:
    true = torch.stack([(labels & START).bool(), (labels & END).bool()], dim=1)
    return -F.log_softmax(scores, dim=0)[true].mean()


def _linear(inputs: int, outputs: int, random: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.normal_(0, STANDARD_DEVIATION, generator=random)
        layer.bias.zero_()
    return layer.requires_grad_(False)
