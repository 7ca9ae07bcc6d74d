"""How fast, how large: ratios measured side by side in one run, alternating, as medians.

    python scripts/bench.py --size tiny        # seconds, to see that it runs
    python scripts/bench.py --size embedded    # the embedded checkpoint's shape
    python scripts/bench.py --size base        # XLM-R base's shape, random weights: about ten minutes
    python scripts/bench.py --size base --device cuda --only extraction,memory    # the same on a GPU
    python scripts/bench.py --device cuda --only sizes    # the memory that models of 0.3 to 3.5 billion parameters take

Sentences are those of the sample text in four languages, with their real lengths. Peers that are installed
(backpack-for-pytorch, opacus) are measured too. One thread, unless OMP_NUM_THREADS says otherwise.
"""

import copy
import math
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel, XLMRobertaConfig, XLMRobertaForMaskedLM

from xsns_hf import native
from xsns_hf.dataset.draft import Provenance, index_row
from xsns_hf.dataset.mask_files import mask_file, read_masks
from xsns_hf.dataset.repository import Entry, MaskRepository
from xsns_hf.extraction.batches import MOST_EXAMPLES, collate, most_tokens
from xsns_hf.extraction.extract import extract
from xsns_hf.importance import kernels, layer_gradients
from xsns_hf.importance.accumulators import Place
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.kernels import blas
from xsns_hf.masks import similarity
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.models.blocks import block_parameters, layout_of
from xsns_hf.models.body import OwnHead
from xsns_hf.models.denormals import flushed_denormals
from xsns_hf.models.finding import load_tokenizer
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.models.objectives import IGNORED, Encoded, MaskedLanguageModelling, example_generator
from xsns_hf.ranking.rank import rank_sources
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus
from xsns_hf.text.hub import SOURCES

Size = Literal["tiny", "embedded", "base", "large", "xl"]
SHAPES: dict[Size, dict[str, int]] = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128},
    "embedded": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "xl": {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "intermediate_size": 10240},
}
SECTIONS = ("extraction", "memory", "threshold", "similarity", "storage", "ranking", "sizes")
LANGUAGES = ("eng", "fin", "rus", "hin")
console = Console(highlight=False, width=110)
device = torch.device("cpu")
BATCH = 16
Inputs = dict[str, torch.Tensor]


def main(
    size: Annotated[Size, typer.Option(help="Shape of the model.")] = "embedded",
    rounds: Annotated[int, typer.Option(help="Every contestant runs so many times, by turns.")] = 3,
    examples: Annotated[int, typer.Option(help="Sentences of a round; slow contestants take every fourth.")] = 32,
    masks: Annotated[int, typer.Option(help="Masks to compare with each other.")] = 100,
    only: Annotated[str, typer.Option(help="Some of the sections, with commas.")] = ",".join(SECTIONS[:-1]),
    on: Annotated[str, typer.Option("--device", help="Where extraction runs, such as cuda.")] = "cpu",
) -> None:
    """Print one table a section."""
    global device, BATCH
    device = torch.device(on)
    BATCH = MOST_EXAMPLES[device.type]
    wanted = only.split(",")
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    cores, threads = native.threads(), torch.get_num_threads()
    vectors = "AVX-512" if "avx512f" in _cpu_flags() else "AVX2" if "avx2" in _cpu_flags() else platform.machine()
    console.print(
        f"{size} shape; {cores} cores with {vectors}, {threads} thread(s); PyTorch {torch.__version__}, "
        f"squares by {kernels.way(device)}" + (f" on {torch.cuda.get_device_name()}" if device.type == "cuda" else "")
    )
    if "extraction" in wanted:
        bench_extraction(size, rounds, examples)
    if "memory" in wanted:
        bench_memory(size)
    if "threshold" in wanted:
        bench_threshold(size, rounds)
    if "similarity" in wanted:
        bench_similarity(size, rounds, masks)
    if "storage" in wanted:
        bench_storage(size)
    if "ranking" in wanted:
        bench_ranking(rounds)
    if "sizes" in wanted:
        bench_sizes(["base", "large", "xl"] if device.type == "cuda" else [size])


# Extraction: squared per-example gradients of a masked LM.


@dataclass
class Bench:
    """A random model with real sentences, masked."""

    model: PreTrainedModel
    batches: list[Inputs]
    subset: list[Inputs]  # one example each

    @classmethod
    def of(cls, size: Size, examples: int) -> "Bench":
        """Sort 1,024 sentences by length, as extraction does, and take batches from all over them."""
        masked = sorted(_sentences(1024), key=lambda each: len(each.tokens), reverse=True)
        number = max(1, examples // BATCH)
        places = (BATCH * round(len(masked) / BATCH * (place + 0.5) / number - 0.5) for place in range(number))
        chosen = [masked[place : place + BATCH] for place in places]
        batches = [collate(each, 1, device) for each in chosen]
        single = [collate([each], 1, device) for batch in chosen for each in batch[2 :: BATCH // 4]]
        return cls(_model(size).to(device), batches, single)


@dataclass
class Contestant:
    """Something that goes through batches."""

    name: str
    run: Callable[[Bench, Inputs], Any]
    batch: int  # 1: the subset of single examples; others: the batches, in parts of that size


def bench_extraction(size: Size, rounds: int, examples: int) -> None:
    warnings.filterwarnings("ignore", message="Full backward hook is firing")  # BackPACK's and Opacus'
    bench = Bench.of(size, examples)
    contestants = [
        Contestant(f"floor: forward and backward in batches of {BATCH}", floor, BATCH),
        Contestant("ours", Ours(), BATCH),
        Contestant("ours, PyTorch only", Ours(blas.add_squares), BATCH),
        *([Contestant("ours, bfloat16", Ours(precision=torch.bfloat16), BATCH)] if _has_bfloat16() else []),
        Contestant("exact, one at a time, block gradients only, head at masked positions", naive_gathered, 1),
        Contestant("exact, one at a time, loss.backward() of the whole model", naive, 1),
        Contestant("the released code, batches of 16 (not per example)", Released(), 16),
        Contestant("torch.func: vmap of grad, batches of 4", PerExampleByVmap(), 4),
        Contestant("BackPACK SumGradSquared, batches of 4 (no LayerNorms)", BackPack(), 4),
        Contestant("Opacus GradSampleModule, batches of 4", Opacus(), 4),
    ]
    seconds: dict[str, list[float]] = {each.name: [] for each in contestants}
    failures: dict[str, str] = {}
    for round_ in range(rounds + 1):  # the first warms up
        for each in contestants:
            if each.name in failures:
                continue
            try:
                per_token = _seconds_a_token(each, bench)
            except Exception as error:
                failures[each.name] = "not installed" if isinstance(error, ModuleNotFoundError) else f"failed: {error}"
                continue
            if round_:
                seconds[each.name].append(per_token)
    base = np.array(seconds[contestants[0].name])
    length = np.mean([float(batch["attention_mask"].sum(1).float().mean()) for batch in bench.batches])
    title = f"Extraction: {layout_of(bench.model.base_model).size:,} block parameters, {length:.0f} tokens a sentence"
    table = _table(title, "a sentence", "× floor")
    for each in contestants:
        if each.name in failures:
            table.add_row(each.name, "–", failures[each.name][:30])
        else:
            times = np.array(seconds[each.name])
            table.add_row(each.name, f"{1e3 * length * np.median(times):.3g} ms", f"{np.median(times / base):.2f}")
    console.print(table)


def _seconds_a_token(contestant: Contestant, bench: Bench) -> float:
    inputs = bench.subset if contestant.batch == 1 else list(_split(bench.batches, contestant.batch))
    _unfrozen(bench.model, False)
    _finish()
    start = time.perf_counter()
    with flushed_denormals():
        for batch in inputs:
            contestant.run(bench, batch)
    _finish()
    return (time.perf_counter() - start) / sum(int(batch["attention_mask"].sum()) for batch in inputs)


def _finish() -> None:
    """Wait for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def _has_bfloat16() -> bool:
    return device.type == "cuda" or "bf16" in _cpu_flags()


def _split(batches: list[Inputs], size: int) -> Iterator[Inputs]:
    for batch in batches:
        for start in range(0, len(batch["labels"]), size):
            part = {name: value[start : start + size] for name, value in batch.items()}
            longest = int(part["attention_mask"].sum(1).max())
            yield {name: value[:, :longest].contiguous() for name, value in part.items()}


def floor(bench: Bench, batch: Inputs) -> None:
    """What any gradient costs: blocks only, logits at the masked positions only."""
    body, labels = bench.model.base_model, batch["labels"]
    parameters = block_parameters(body)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    chosen = labels != IGNORED
    hidden = body(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    F.cross_entropy(bench.model.lm_head(hidden[chosen]), labels[chosen]).backward()
    for parameter in parameters.values():
        parameter.grad = None


class Ours:
    """The package's own, in one of its ways."""

    def __init__(self, add: Callable | None = None, precision: torch.dtype = torch.float32):
        self.add, self.precision = add or kernels.add_squares, precision
        self.fisher: ExactFisher | None = None

    def __call__(self, bench: Bench, batch: Inputs) -> None:
        if self.fisher is None:
            self.fisher = ExactFisher(bench.model.base_model, self.precision)
        with _replaced(layer_gradients, "ADD", {**layer_gradients.ADD, "square": self.add}):
            self.fisher.add(**batch, head=OwnHead(bench.model))


def naive_gathered(bench: Bench, batch: Inputs) -> None:
    """The plain loop, with the head at the masked positions only."""
    chosen = batch["labels"] != IGNORED
    parameters = _unfrozen(bench.model.base_model, blocks_only=True)
    hidden = bench.model.base_model(input_ids=batch["input_ids"]).last_hidden_state
    loss = F.cross_entropy(bench.model.lm_head(hidden[chosen]), batch["labels"][chosen])

    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        _sums(parameter).addcmul_(gradient, gradient)


def naive(bench: Bench, batch: Inputs) -> None:
    """The loop that everybody writes first: exact, a backward pass of the whole model for each example."""
    bench.model.requires_grad_(True)
    bench.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss.backward()
    for parameter in block_parameters(bench.model.base_model).values():
        if parameter.grad is not None:
            _sums(parameter).addcmul_(parameter.grad, parameter.grad)
    bench.model.zero_grad()
    bench.model.requires_grad_(False)


class Released:
    """The loop of the authors' code: train mode, all parameters, clipping, the batch-mean gradient squared."""

    def __call__(self, bench: Bench, batch: Inputs) -> None:
        model = bench.model.train()
        model.requires_grad_(True)
        model(**batch).loss.backward()
        for name, parameter in model.named_parameters():
            if "layer" in name and parameter.grad is not None:
                torch.nn.utils.clip_grad_norm_(parameter, 1.0)
                _sums(parameter).add_(parameter.grad.square())
        model.zero_grad()
        model.eval().requires_grad_(False)


class PerExampleByVmap:
    """Per-example gradients by torch.func, all of a batch at once."""

    def __call__(self, bench: Bench, batch: Inputs) -> None:
        body = bench.model.base_model
        parameters = {name: each.detach() for name, each in block_parameters(body).items()}
        chosen = batch["labels"] != IGNORED
        most = int(chosen.sum(1).max())
        places = chosen.float().topk(most).indices
        inside = chosen.gather(1, places)
        targets = batch["labels"].gather(1, places).clamp(min=0)
        far = torch.finfo(torch.float32).min
        attended = torch.where(batch["attention_mask"].bool(), 0.0, far)[:, None, None, None, :]

        def loss(parameters, tokens, mask, places, inside, targets):
            arguments = {"input_ids": tokens[None], "attention_mask": mask}
            hidden = torch.func.functional_call(body, parameters, kwargs=arguments).last_hidden_state[0]
            losses = F.cross_entropy(bench.model.lm_head(hidden[places]), targets, reduction="none")
            return (losses * inside).sum() / inside.sum()

        body.set_attn_implementation("eager")
        try:
            mask = attended.expand(-1, 1, 1, batch["input_ids"].shape[1], -1)
            gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0, 0, 0, 0))(
                parameters, batch["input_ids"], mask, places, inside, targets
            )
        finally:
            body.set_attn_implementation("sdpa")  # the default, which the others are measured with
        for name, parameter in block_parameters(body).items():
            _sums(parameter).add_(gradients[name].square_().sum(0))


class BackPack:
    """BackPACK's extension of each linear layer."""

    model: PreTrainedModel | None = None

    def __call__(self, bench: Bench, batch: Inputs) -> None:
        from backpack import backpack, extend
        from backpack.extensions import SumGradSquared

        if self.model is None:
            self.model = copy.deepcopy(bench.model)  # its hooks stay
            for module in _linears(self.model):
                extend(module).requires_grad_(True)
        with backpack(SumGradSquared()):
            _summed_loss(self.model, batch).backward()
        for module in _linears(self.model):
            for parameter in module.parameters():
                _sums(parameter).add_(vars(parameter).pop("sum_grad_squared"))
                parameter.grad = None


class Opacus:
    """Opacus' per-sample gradients, which it takes in train mode only: here without dropout."""

    model: PreTrainedModel | None = None

    def __call__(self, bench: Bench, batch: Inputs) -> None:
        from opacus.grad_sample import GradSampleModule

        if self.model is None:
            self.model = copy.deepcopy(bench.model)
            for module in self.model.modules():
                if isinstance(module, nn.Dropout):
                    module.p = 0.0
            _unfrozen(self.model.base_model, blocks_only=True)
            GradSampleModule(self.model.base_model.encoder, loss_reduction="sum")
            self.model.train()
        _summed_loss(self.model, batch).backward()
        for parameter in block_parameters(self.model.base_model).values():
            _sums(parameter).add_(vars(parameter).pop("grad_sample").square_().sum(0))
            parameter.grad_sample = parameter.grad = None  # type: ignore[attr-defined]


def _linears(model: PreTrainedModel) -> list[nn.Module]:
    return [module for module in model.base_model.encoder.modules() if isinstance(module, nn.Linear)]


def _summed_loss(model: PreTrainedModel, batch: Inputs) -> torch.Tensor:
    """The sum of the examples' mean losses, so that gradients come out per example."""
    chosen = batch["labels"] != IGNORED
    weight = (1 / chosen.sum(1))[chosen.nonzero()[:, 0]]
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    hidden = model.base_model(**inputs).last_hidden_state
    losses = F.cross_entropy(model.lm_head(hidden[chosen]), batch["labels"][chosen], reduction="none")
    return (losses * weight).sum()


def _unfrozen(model: nn.Module, blocks_only: bool) -> list[nn.Parameter]:
    model.requires_grad_(False)
    parameters = list(block_parameters(model).values()) if blocks_only else []
    for parameter in parameters:
        parameter.requires_grad_(True)
    return parameters


_SUMS: dict[nn.Parameter, torch.Tensor] = {}


def _sums(parameter: nn.Parameter) -> torch.Tensor:
    return _SUMS.setdefault(parameter, torch.zeros_like(parameter, requires_grad=False))


@contextmanager
def _replaced(owner, name: str, value) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _model(size: Size) -> PreTrainedModel:
    torch.manual_seed(0)
    vocabulary = 1000 if size == "tiny" else 250_002
    config = XLMRobertaConfig(vocab_size=vocabulary, max_position_embeddings=514, pad_token_id=1, **SHAPES[size])
    return XLMRobertaForMaskedLM(config).eval()


def _sentences(number: int) -> list[Encoded]:
    """Sentences of several languages as XLM-R's tokenizer cuts them, ids modulo 1000 to suit any vocabulary."""
    tokenizer = load_tokenizer("embedded")
    corpus, objective = sample_corpus(), MaskedLanguageModelling(4, 1000)
    masked = []
    for language in LANGUAGES:
        for line, sentence in enumerate(corpus.sentences(language)[: number // len(LANGUAGES)]):
            tokens = np.array(tokenizer(sentence, truncation=True, max_length=128)["input_ids"])
            special = np.isin(np.arange(len(tokens)), (0, len(tokens) - 1))
            masked.append(objective.corrupt(tokens % 1000, special, example_generator(0, language, line)))
    return masked


# Memory: what a batch takes beyond the model and the sums, in a process of its own.


def bench_memory(size: Size) -> None:
    if not Path("/proc/self/clear_refs").exists():
        console.print("Peak memory is measured on Linux only.")
        return
    table = _table("Memory of extraction beyond model and sums", "peak")
    lengths = {f"{BATCH} sentences of 27 tokens": 27, "texts of 512 tokens, as many as a batch takes": 512}
    for name, length in lengths.items():
        table.add_row(name, f"{_apart(_peak, size, length, device, BATCH):.0f} MiB")
    console.print(table)


def _apart(measure: Callable, *arguments: Any) -> Any:
    """Measure in a process of its own, whose memory begins anew; on a GPU, whose memory is counted exactly, here."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return measure(*arguments)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.apply(measure, arguments)


def _peak(size: Size, length: int, device: torch.device, number: int) -> float:
    from xsns_hf.extraction.batches import batches

    model = _model(size).to(device)
    ours = ExactFisher(model.base_model)
    ours.sums.fill_(0)
    random = np.random.default_rng(0)
    objective = MaskedLanguageModelling(4, 1000)
    tokens = random.integers(5, 1000, (number, min(length, 512)))
    special = np.zeros(tokens.shape[1], bool)
    examples = [objective.corrupt(row, special, random) for row in tokens]
    _, batch = next(batches(examples, ours.layout, device))
    ours.add(**collate(batch[:1], 1, device), head=OwnHead(model))  # what libraries set up once
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        ours.add(**collate(batch, 1, device), head=OwnHead(model))
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    ours.add(**collate(batch, 1, device), head=OwnHead(model))
    return (_resident("VmHWM") - before) / 1024


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


# Sizes: all that a model, the sums and a batch take, in a process each.


def bench_sizes(sizes: Sequence[Size]) -> None:
    """On a CPU batches are as small as extraction makes them, and the peak leaves out pages of files.

    Few CPUs gain anything by bfloat16, and many lose a lot, so there it is left out.
    """
    table = _table(
        "Memory of extraction, sentences of 27 tokens",
        *("batch", "parameters", "model", "sums", "peak", "the rest", "a sentence"),
    )
    with tempfile.TemporaryDirectory() as folder:
        cpu = torch.device("cpu")
        places: list[Place] = [cpu, Path(folder)] if device.type == "cpu" else [device, cpu]
        for size in sizes:
            layout = _layout(size)
            number = BATCH if device.type == "cuda" else min(BATCH, most_tokens(layout, device) // 27)
            for weights in (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,):
                for place in places:
                    where = "disk" if isinstance(place, Path) else f"the {place.type}"
                    name = f"{str(weights).removeprefix('torch.')}, sums on {where}"
                    name = name.replace("cuda", "GPU").replace("cpu", "CPU")
                    least = weights.itemsize * _parameters(size) + 4 * layout.size * (place == device)
                    if device.type == "cpu" and least > 0.8 * psutil.virtual_memory().available:
                        table.add_row(name, str(number), f"{_parameters(size) / 1e9:.2f} G", "not enough memory here")
                        continue
                    used = _apart(_memory_of, size, weights, place, device, number)
                    table.add_row(name, str(number), *used)
    console.print(table)


def _parameters(size: Size) -> int:
    with torch.device("meta"):
        return sum(each.numel() for each in _model(size).parameters())


def _memory_of(size: Size, weights: torch.dtype, sums_in: Place, device: torch.device, number: int) -> tuple[str, ...]:
    """Return the cells of a row: parameters, GiB of the model, the sums, all and the rest, and the time."""
    with flushed_denormals(), _anonymous_memory() as used:
        with device:
            torch.set_default_dtype(weights)  # so that a model in bfloat16 never takes the memory of one in float32
            model = _model(size)
            torch.set_default_dtype(torch.float32)
        ours = ExactFisher(model.base_model, torch.float32, sums_in)
        ours.sums.fill_(0)
        tokens = np.random.default_rng(0).integers(5, 1000, (number, 27))
        labels = np.where(np.arange(27) % 7 == 3, tokens, IGNORED)
        batch = collate([Encoded(*each) for each in zip(tokens, labels, strict=True)], 1, device)
        times = []
        for _ in range(3 if device.type == "cuda" else 2):
            start = time.perf_counter()
            ours.add(**batch, head=OwnHead(model))
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else max(used) - used[0]
    parameters = sum(each.numel() for each in model.parameters())
    held, sums = weights.itemsize * parameters, 4 * ours.layout.size
    rest = peak - held - (sums if sums_in == device else 0)
    gigabytes = (f"{each / 2**30:.2f} GiB" for each in (held, sums, peak, rest))
    return f"{parameters / 1e9:.2f} G", *gigabytes, f"{1e3 * min(times) / number:.3g} ms"


@contextmanager
def _anonymous_memory() -> Iterator[list[int]]:
    """Yield a list that takes in, every few milliseconds, the bytes of this process that are no file's."""
    used, stopped = [1024 * _resident("RssAnon")], threading.Event()

    def watch() -> None:
        while not stopped.wait(0.005):
            used.append(1024 * _resident("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield used
    finally:
        stopped.set()
        watcher.join()


# Threshold and packing.


def bench_threshold(size: Size, rounds: int) -> None:
    layout = _layout(size)
    values = np.random.default_rng(0).standard_exponential(layout.size, np.float32) ** 4

    def percentile() -> None:
        vector = np.append(np.array([], np.float32), values)
        np.packbits(vector >= np.percentile(vector, 85))

    def released() -> None:
        """As the released code: the vector grows tensor by tensor."""
        vector = np.array([], np.float32)
        for tensor in layout.tensors:
            vector = np.append(vector, values[tensor.span])
        np.packbits(vector >= np.percentile(vector, 85))

    def partition() -> None:
        count = round(0.15 * values.size)
        np.packbits(values >= np.partition(values, values.size - count)[values.size - count])

    ways: dict[str, Callable[[], Any]] = {
        "ours: exact top share, packed": lambda: select(values, layout, 0.15),
        "np.percentile over a copy": percentile,
        "np.percentile over a vector appended to, as the released code": released,
        "np.partition": partition,
    }
    seconds = _alternate(ways, rounds)
    base = np.array(seconds["ours: exact top share, packed"])
    table = _table(f"Threshold and packing of {layout.size:,} values", "time", "× ours", "memory beyond the vector")
    for name, run in ways.items():
        times = np.array(seconds[name])
        extra = _allocated(run) / values.nbytes
        table.add_row(name, f"{np.median(times):.2f} s", f"{np.median(times / base):.1f}", f"{100 * extra:.0f} %")
    console.print(table)


def _allocated(run: Callable[[], Any]) -> int:
    import tracemalloc

    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


# Similarity.


def bench_similarity(size: Size, rounds: int, number: int) -> None:
    layout, random = _layout(size), np.random.default_rng(0)
    packed = [random.integers(0, 256, layout.packed_size, np.uint8) for _ in range(number)]
    pairs, few = number * (number - 1) / 2, packed[:4]

    def released() -> None:
        """A pair as the released code compares it: whole boolean vectors."""
        one, other = (np.unpackbits(each).astype(bool) for each in few[:2])
        np.logical_and(one, other).sum() / np.logical_or(one, other).sum()

    ways: dict[str, tuple[Callable[[], Any], float]] = {
        "ours, all pairs, one core": (lambda: _on_cores(1, packed), pairs),
        f"ours, all pairs, {native.threads()} cores": (lambda: _on_cores(native.threads(), packed), pairs),
        "ours, one new language": (lambda: similarity.hamming(packed, rows=1), number - 1),
        "ours, numpy only": (lambda: similarity._by_numpy(few, len(few)), 6),
        "boolean vectors, as the released code": (released, 1),
    }
    try:
        import numkong

        def by_numkong() -> None:
            tiles = np.stack(packed[:24])
            for start in range(0, layout.packed_size, 1 << 14):
                numkong.hammings_symmetric(tiles[:, start : start + (1 << 14)], dtype="uint1")

        ways["numkong hammings_symmetric, 24 masks, one core"] = (by_numkong, 24 * 23 / 2)
    except ImportError:
        pass
    seconds = _alternate({name: run for name, (run, _) in ways.items()}, rounds)
    base = np.array(seconds["ours, all pairs, one core"]) / pairs
    table = _table(f"Similarity of {number} masks of {layout.size:,} bits", "a pair", "× ours")
    for name, (_, count) in ways.items():
        times = np.array(seconds[name]) / count
        table.add_row(name, f"{1e3 * np.median(times):.3f} ms", f"{np.median(times / base):.2f}")
    console.print(table)


def _on_cores(cores: int, packed: list[np.ndarray]) -> None:
    with _replaced(native, "threads", lambda: cores):
        similarity.hamming(packed)


# Storage: real masks of the embedded checkpoint.


def bench_storage(size: Size) -> None:
    examples = 16 if size == "tiny" else 256
    checkpoint, corpus = load_checkpoint("embedded"), sample_corpus()
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, corpus.name, examples=examples)
    with tempfile.TemporaryDirectory() as folder:
        repository = MaskRepository(Path(folder) / "masks", create=True)
        masks = {}
        for language in LANGUAGES:
            (found,) = extract(checkpoint, corpus, recipe, language, [0])
            masks[language] = found.subnetwork
            start = time.perf_counter()
            repository.add(recipe, language, {0: (found.subnetwork, Provenance(examples, found.loss, ""))})
            written = time.perf_counter() - start
        files = [Path(folder) / "masks" / mask_file(recipe.name, language) for language in LANGUAGES[1:]]
        stored = float(np.mean([file.stat().st_size for file in files]))
        index, stored_layout = repository.index().to_dict("records"), repository.layout()
        of = {row["language"]: [row] for row in index}
        reading = _alternate({"read": lambda: [read_masks(file, stored_layout, of[file.stem]) for file in files]}, 5)
        decoding = _alternate({"decode": lambda: [_decode(file) for file in files]}, 5)
    layout = masks[LANGUAGES[0]].layout
    others = [masks[language] for language in LANGUAGES[1:]]
    packed = layout.packed_size
    table = _table(f"A mask of {layout.size:,} parameters, |D| = {examples}", "bytes", "bit a parameter")
    rows: dict[str, float] = {
        "packed bits": packed,
        "zstd 17 of the packed bits in row-major order": float(np.mean([_zstd(mask.bits) for mask in others])),
        "ours: the Parquet file, of a language other than the first": stored,
        "ideal code of independent rows × columns (estimate)": float(np.mean([_ideal(mask) for mask in others])),
        "ideal code of independent bits": layout.size * _entropy(0.15) / 8,
    }
    for name, amount in rows.items():
        table.add_row(name, f"{amount:,.0f}", f"{8 * amount / layout.size:.3f}")
    console.print(table)
    decoded = packed * len(files) / np.median(decoding["decode"]) / 1e6
    read = packed * len(files) / np.median(reading["read"]) / 1e6
    console.print(
        f"Decoded at {decoded:.0f} MB of packed bits a second; read and checked against its hash at {read:.0f} MB/s; "
        f"added (encoded, compared with {len(LANGUAGES) - 1} others, card written) in {written:.1f} s."
    )
    few = [replace(recipe, examples=16, precision=precision) for precision in ("float32", "bfloat16")]
    exact, rough = (extract(checkpoint, corpus, each, LANGUAGES[0], [0])[0].subnetwork for each in few)
    console.print(f"Masks in float32 and bfloat16 agree to {similarity.jaccard(exact, rough):.3f} (Jaccard, |D| = 16).")


def _decode(file: Path) -> pa.Table:
    return pq.read_table(file, columns=["mask"])


def _zstd(bits: np.ndarray) -> int:
    return len(pa.Codec("zstd", compression_level=17).compress(bits.tobytes(), asbytes=True))


def _ideal(mask: SubNetwork) -> float:
    """Bytes of a code that knows how many bits each row and column has, as if they were independent."""
    total = 0.0
    for _, bits in mask.masks():
        matrix = bits.reshape(bits.shape[0], -1).astype(np.float64)
        expected = np.outer(matrix.mean(1), matrix.mean(0)) / max(matrix.mean(), 1e-9)
        expected = expected.clip(1e-6, 1 - 1e-6)
        total -= float((matrix * np.log2(expected) + (1 - matrix) * np.log2(1 - expected)).sum())
    return total / 8


def _entropy(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)


# Ranking: a query to a repository of a hundred languages.


MORE = "bam ewe fon hau ibo kin lin lug nso nya sna sot tsn tso zul wol"


def bench_ranking(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        masks = Path(folder) / "masks"
        codes, seeds = many_languages(masks)
        seconds = _alternate({"rank": lambda: rank_sources(codes[0], masks)}, rounds)["rank"]
        peak = _peak_of_ranking(codes[0], masks)
        size = sum((masks / name).stat().st_size for name in ("index.parquet", "similarity.parquet"))
    console.print(
        f"Ranking {len(codes) - 1} sources over {seeds} seeds: {1e3 * np.median(seconds):.0f} ms, reading "
        f"{size / 1e3:.0f} kB; a process that does it peaks at {peak:.0f} MiB."
    )


def many_languages(folder: Path, languages: int = 100, seeds: int = 3) -> tuple[list[str], int]:
    """Make a repository of random masks over few parameters; return its languages and its number of seeds."""
    random = np.random.default_rng(0)
    layout, recipe = ParameterLayout.of([("layers.0.attention.weight", (64, 64))]), Recipe("bench", "", "tied", "bench")
    codes = sorted({*SOURCES["wikipedia"].configs, *MORE.split()})[:languages]

    def entry(code: str) -> Entry:
        masks = [select(random.random(layout.size, dtype=np.float32), layout, 0.15) for _ in range(seeds)]
        rows = (index_row(recipe, code, seed, mask, Provenance(1024, 1.0, "")) for seed, mask in enumerate(masks))
        return Entry(recipe, code, dict(enumerate(zip(masks, rows, strict=True))))

    MaskRepository(folder, create=True).add_all(lambda: map(entry, codes))
    return codes, seeds


def _peak_of_ranking(target: str, folder: Path) -> float:
    """MiB of a new process that imports the package and ranks."""
    code = (
        f"import xsns_hf; xsns_hf.rank_sources({target!r}, {str(folder)!r}); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) / 1024


# Shared.


def _layout(size: Size) -> ParameterLayout:
    with torch.device("meta"):
        return layout_of(_model(size).base_model)


def _alternate(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Run each by turns, once more than `rounds`, the first time to warm up; return seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds + 1):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            if round_:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _cpu_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text().lower()
    except OSError:
        return ""


if __name__ == "__main__":
    typer.run(main)
