"""Other libraries' per-example gradients, where they are installed."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from bench.contestants import Batch, sums_of, unfrozen_blocks
from xsns_hf.models.blocks import block_parameters
from xsns_hf.models.body import body_of
from xsns_hf.models.objectives import IGNORED


def by_vmap(model: PreTrainedModel, batch: Batch) -> None:
    """Take per-example gradients by torch.func, all of a batch at once."""
    body = body_of(model)
    parameters = {name: parameter.detach() for name, parameter in block_parameters(body).items()}

    def loss(
        parameters: dict[str, Tensor], tokens: Tensor, mask: Tensor, places: Tensor, inside: Tensor, targets: Tensor
    ) -> Tensor:
        arguments = {"input_ids": tokens[None], "attention_mask": mask}
        hidden = torch.func.functional_call(body, parameters, kwargs=arguments).last_hidden_state[0]
        losses = F.cross_entropy(model.lm_head(hidden[places]), targets, reduction="none")
        return (losses * inside).sum() / inside.sum()

    body.set_attn_implementation("eager")
    try:
        gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0, 0, 0, 0))(
            parameters, batch["input_ids"], additive_mask(batch), *masked_places(batch["labels"])
        )
    finally:
        body.set_attn_implementation("sdpa")  # the default, which the others are measured with
    for name, parameter in block_parameters(body).items():
        sums_of(parameter).add_(gradients[name].square_().sum(0))


def additive_mask(batch: Batch) -> torch.Tensor:
    """Return what is added to attention scores, float32 [B, 1, 1, T, T] of a batch of B sentences with T tokens."""
    far = torch.finfo(torch.float32).min
    attended = torch.where(batch["attention_mask"].bool(), 0.0, far)[:, None, None, None, :]
    return attended.expand(-1, 1, 1, batch["input_ids"].shape[1], -1)


def masked_places(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the masked positions, as many for each sentence, which of them count, and their labels: [B, most] each."""
    chosen = labels != IGNORED
    places = chosen.float().topk(int(chosen.sum(1).max())).indices
    return places, chosen.gather(1, places), labels.gather(1, places).clamp(min=0)


class BackPack:
    """BackPACK's extension of each linear layer."""

    model: PreTrainedModel | None = None

    def __call__(self, model: PreTrainedModel, batch: Batch) -> None:
        """Add a batch."""
        from backpack import backpack, extend
        from backpack.extensions import SumGradSquared

        if self.model is None:
            self.model = copy.deepcopy(model)  # its hooks stay
            for module in linears(self.model):
                extend(module).requires_grad_(True)
        with backpack(SumGradSquared()):
            summed_loss(self.model, batch).backward()
        for module in linears(self.model):
            for parameter in module.parameters():
                sums_of(parameter).add_(vars(parameter).pop("sum_grad_squared"))
                parameter.grad = None


class Opacus:
    """Opacus' per-sample gradients, which it takes in train mode only: here without dropout."""

    model: PreTrainedModel | None = None

    def __call__(self, model: PreTrainedModel, batch: Batch) -> None:
        """Add a batch."""
        from opacus.grad_sample import GradSampleModule

        if self.model is None:
            self.model = copy.deepcopy(model)
            for module in self.model.modules():
                if isinstance(module, nn.Dropout):
                    module.p = 0.0
            unfrozen_blocks(self.model.base_model)
            GradSampleModule(self.model.base_model.encoder, loss_reduction="sum")
            self.model.train()
        summed_loss(self.model, batch).backward()
        for parameter in block_parameters(self.model.base_model).values():
            sums_of(parameter).add_(vars(parameter).pop("grad_sample").square_().sum(0))
            parameter.grad_sample = parameter.grad = None  # type: ignore[attr-defined]


def linears(model: PreTrainedModel) -> list[nn.Module]:
    """Return the linear layers of a model's blocks."""
    return [module for module in body_of(model).get_submodule("encoder").modules() if isinstance(module, nn.Linear)]


def summed_loss(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """Return the sum of the examples' mean losses, so that gradients come out per example."""
    chosen = batch["labels"] != IGNORED
    weight = (1 / chosen.sum(1))[chosen.nonzero()[:, 0]]
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    hidden = model.base_model(**inputs).last_hidden_state
    losses = F.cross_entropy(model.lm_head(hidden[chosen]), batch["labels"][chosen], reduction="none")
    return (losses * weight).sum()
