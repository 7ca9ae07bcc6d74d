"""On a GPU: the same Fisher information as on the CPU, wherever the sums are kept."""

import copy

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

from xsns_hf.extraction.batches import collate
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.importance.weighted import NormalisedFisher
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import select
from xsns_hf.models.body import OwnHead
from xsns_hf.models.objectives import MaskedLanguageModelling

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    shape = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 300}
    return XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=1000, pad_token_id=1, **shape)).eval()


@pytest.fixture(scope="module")
def examples():
    random, objective = np.random.default_rng(0), MaskedLanguageModelling(4, 1000)
    lengths = random.integers(3, 60, 40)
    return [objective.corrupt(random.integers(5, 1000, length), np.zeros(length, bool), random) for length in lengths]


def sub_network(model, examples, device: str, precision=torch.float32, sums_in=None, importance=ExactFisher):
    model = copy.deepcopy(model).to(device)
    fisher = importance(model.base_model, precision, sums_in)
    for start in range(0, len(examples), 16):
        fisher.add(**collate(examples[start : start + 16], 1, torch.device(device)), head=OwnHead(model))
    return select(fisher.sums.cpu().numpy(), fisher.layout, 0.15), fisher


@pytest.mark.parametrize("importance", [ExactFisher, NormalisedFisher])
def test_the_mask_is_that_of_the_cpu(model, examples, importance):
    expected, _ = sub_network(model, examples, "cpu", importance=importance)
    found, _ = sub_network(model, examples, "cuda", importance=importance)
    assert jaccard(expected, found) > 0.9995


def test_sums_in_the_cpu_make_the_same_mask_and_leave_the_memory_to_the_model(model, examples):
    expected, _ = sub_network(model, examples, "cuda")
    found, fisher = sub_network(model, examples, "cuda", sums_in=torch.device("cpu"))
    assert fisher.sums.device.type == "cpu"
    assert jaccard(expected, found) > 0.9995


@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
def test_bfloat16_comes_close(model, examples, weights):
    expected, _ = sub_network(model, examples, "cpu")
    precision = torch.bfloat16 if weights == torch.float32 else torch.float32
    found, _ = sub_network(copy.deepcopy(model).to(weights), examples, "cuda", precision)
    assert jaccard(expected, found) > 0.95
