"""Fitting a masked-LM head on a frozen encoder, in minutes and repeatably."""

import math
import time
from dataclasses import dataclass
from itertools import islice
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xsns_hf.errors import XsnsError
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.heads import FittedHead, check_width
from xsns_hf.models.masked_batches import POOL, Batch, MaskedText, masked_text
from xsns_hf.models.objectives import IGNORED

_PEAK_RATE = 2e-3
_CANDIDATES = 4096  # tokens in the sampled softmax
_REMEMBERED = 1024  # batches whose hidden states are kept
_REPLAYS = 3  # earlier batches that are used again for every new one


@dataclass(frozen=True)
class FitReport:
    """What a fit did and how well its head predicts held-out text.

    Attributes:
        steps: batches that the encoder read; `fit_head(steps=…)` with the same seed gives the same head.
        seed: the seed.
        tokens: tokens that the encoder read while fitting.
        seconds: duration, preparation included.
        loss: mean cross-entropy of the held-out masked tokens over the whole vocabulary, in nats.
        accuracy: share of the held-out masked tokens predicted exactly, over all languages.
        languages: for each language its held-out accuracy and the number of masked tokens behind it.
    """

    steps: int
    seed: int
    tokens: int
    seconds: float
    loss: float
    accuracy: float
    languages: dict[str, tuple[float, int]]

    def metadata(self) -> dict[str, str]:
        """Return what belongs in the head's file: "steps", "seed", "tokens" and "accuracy"."""
        return {
            "steps": str(self.steps),
            "seed": str(self.seed),
            "tokens": str(self.tokens),
            "accuracy": f"{self.accuracy:.4f}",
        }

    def __str__(self) -> str:
        rows = [f"{'language':<12}{'masked':>8}{'accuracy':>10}"]
        rows += [f"{name:<12}{masked:>8}{share:>10.1%}" for name, (share, masked) in self.languages.items()]
        masked = sum(masked for _, masked in self.languages.values())
        rows.append(f"{'all':<12}{masked:>8}{self.accuracy:>10.1%}")
        rows.append(f"{self.steps} steps, {self.tokens} tokens, {self.seconds:.0f} s, loss {self.loss:.2f}")
        return "\n".join(rows)


@flushed_denormals()
def fit_head(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: dict[str, list[str]],
    *,
    minutes: float = 15.0,
    steps: int | None = None,
    seed: int = 0,
    max_length: int = 96,
    progress: bool = True,
) -> tuple[FittedHead, FitReport]:
    """Fit a masked-LM head on an encoder that stays as it is.

    Languages are sampled evenly, however much text each has. The bias of a token is its smoothed log frequency,
    so that a token that never occurs is unlikely, not impossible.

    Args:
        model: the encoder in float32, on the device to use.
        tokenizer: its tokenizer, with a mask token.
        texts: sentences by language.
        minutes: about how long it may take; turned into a number of steps after timing the first few.
        steps: number of steps instead, which makes the fit exactly repeatable (with as many threads).
        seed: seed of initialisation, sampling and masking.
        max_length: sentences are cut at this many tokens.
        progress: show a progress bar on standard error.

    Returns:
        The head, in evaluation mode and frozen, and the report with its held-out accuracy.

    Raises:
        XsnsError: if there is no time or step, no mask token, no text, a language with fewer than ten different
            sentences, or the encoder's hidden states and word embeddings differ in width.
    """
    if (minutes if steps is None else steps) <= 0:
        amount = f"{minutes} minutes" if steps is None else f"{steps} steps"
        raise XsnsError(f"A head can't be fitted in {amount}: give more than 0.")
    start = time.monotonic()
    text = masked_text(tokenizer, texts, max_length, seed)
    held_out = text.held_out_batches()
    was_training = model.training
    model.eval()
    steps = steps or max(1, _affordable_steps(model, text, start + 60 * minutes) - len(held_out))
    head = _new_head(model, text)
    tokens = _train(head, model, text, steps, progress)
    head.requires_grad_(False).eval()
    loss, accuracy, languages = _evaluate(head, model, held_out)
    model.train(was_training)
    return head, FitReport(steps, seed, tokens, time.monotonic() - start, loss, accuracy, languages)


def _affordable_steps(model: PreTrainedModel, text: MaskedText, end: float) -> int:
    """Return about how many steps can be taken until a time of `time.monotonic`, after timing a few of them."""
    start = time.monotonic()
    _train(_new_head(model, text), model, text, POOL, progress=False)
    now = time.monotonic()
    return int((end - now) / (now - start) * POOL)


def _new_head(model: PreTrainedModel, text: MaskedText) -> FittedHead:
    """Return an untrained head with the log frequencies as biases."""
    words = cast(nn.Embedding, model.get_input_embeddings())
    check_width(words, model.config.hidden_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(text.seed)
        head = FittedHead(words)
    # Rounded as the file rounds it, so that a head read back is the head that was fitted.
    head.bias.copy_(text.log_frequencies(words.num_embeddings).half())
    return head.to(words.weight.device)


def _train(head: FittedHead, model: PreTrainedModel, text: MaskedText, steps: int, progress: bool) -> int:
    """Fit the head in place; return the number of tokens that the encoder read.

    The encoder takes most of the time and never changes, so its output is kept and used several times.
    """
    optimizer = torch.optim.Adam(head.parameters(), lr=_PEAK_RATE, betas=(0.9, 0.98))
    warm_up = min(50, steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / warm_up) * (1 - step / steps)
    )
    random = np.random.default_rng([text.seed, 0])
    chances = _inclusion(head.bias)
    memory: list[tuple[Tensor, Tensor]] = []
    tokens, smooth = 0, math.nan
    with tqdm(islice(text.fitting_batches(), steps), "fit-head", steps, disable=not progress) as bar:
        for batch in bar:
            tokens += int(batch.attended.sum())
            newest = _masked_states(model, batch)
            if len(memory) < _REMEMBERED:
                memory.append(newest)
            else:
                memory[random.integers(_REMEMBERED)] = newest
            replayed = random.integers(len(memory), size=_REPLAYS)
            for hidden, targets in [newest, *(memory[index] for index in replayed)]:
                loss = _sampled_loss(head, hidden, targets, chances, random)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                smooth = loss.item() if math.isnan(smooth) else 0.99 * smooth + 0.01 * loss.item()
            schedule.step()
            bar.set_postfix(loss=f"{smooth:.3f}", refresh=False)
    return tokens


def _inclusion(bias: Tensor) -> Tensor:
    """Return each token's chance of being a candidate, [V]: min(1, c · frequency), `_CANDIDATES` in the mean."""
    shares = bias.softmax(0)
    low, high = 1.0, 1e12
    for _ in range(100):
        middle = math.sqrt(low * high)
        if (shares * middle).clamp(max=1).sum() < _CANDIDATES:
            low = middle
        else:
            high = middle
    return (shares * low).clamp(max=1)


def _sampled_loss(
    head: FittedHead, hidden: Tensor, targets: Tensor, chances: Tensor, random: np.random.Generator
) -> Tensor:
    """Return the mean cross-entropy, with the softmax's sum estimated without bias from sampled candidates.

    A candidate stands for 1 / chance tokens like it; the target itself is always there, and counts once.
    """
    draws = torch.from_numpy(random.random(len(chances), np.float32)).to(chances.device)
    candidates = (draws < chances).nonzero().flatten()
    weight = head.word_embeddings.weight.detach()
    features = head.features(hidden)
    offsets = head.bias[candidates] - chances[candidates].log()
    others = torch.addmm(offsets, features, weight[candidates].T)
    others = others.masked_fill(candidates == targets[:, None], -math.inf).logsumexp(1)
    right = (features * weight[targets]).sum(1) + head.bias[targets]
    return (torch.logaddexp(others, right) - right).mean()


@torch.no_grad()
def _evaluate(
    head: FittedHead, model: PreTrainedModel, batches: list[Batch]
) -> tuple[float, float, dict[str, tuple[float, int]]]:
    """Return the loss and accuracy over the whole vocabulary, and by language accuracy and masked tokens."""
    loss = 0.0
    hits: dict[str, list[bool]] = {}
    for batch in batches:
        hidden, targets = _masked_states(model, batch)
        logits = head(hidden)
        loss += F.cross_entropy(logits, targets, reduction="sum").item()
        right = (logits.argmax(1) == targets).tolist()
        rows = (batch.labels != IGNORED).nonzero()[:, 0].tolist()
        for row, hit in zip(rows, right, strict=True):
            hits.setdefault(batch.languages[row], []).append(hit)
    masked = sum(map(len, hits.values()))
    languages = {name: (sum(hit) / len(hit), len(hit)) for name, hit in sorted(hits.items())}
    return loss / masked, sum(map(sum, hits.values())) / masked, languages


@torch.no_grad()
def _masked_states(model: PreTrainedModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the last hidden states at the masked positions, [M, H], and the tokens that were there, [M]."""
    device = model.device
    tokens, attended = batch.tokens.to(device), batch.attended.to(device)
    labels = batch.labels.to(device)
    hidden = model(input_ids=tokens, attention_mask=attended).last_hidden_state
    chosen = labels != IGNORED
    return hidden[chosen], labels[chosen]
