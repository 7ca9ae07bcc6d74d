"""Which parameters a sub-network is made of: the transformer blocks, found by structure, not by name.

The paper's footnote 1 leaves embeddings and task layers out. Blocks are what a model keeps in its outermost
`nn.ModuleList`s; whatever belongs to an `nn.Embedding` inside them (relative positions, say) is left out too.
"""

from torch import nn

from xsns_hf.errors import XsnsError, parameter
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.recipe import Stacks


def block_lists(body: nn.Module, stacks: Stacks = "both") -> list[str]:
    """Return the names of the outermost module lists of a body, in which its blocks are.

    Raises:
        XsnsError: the model has none, or no encoder and decoder to choose from.
    """
    lists = [name for name, module in body.named_modules() if isinstance(module, nn.ModuleList)]
    outermost = [name for name in lists if not any(name.startswith(f"{outer}.") for outer in lists)]
    if not outermost:
        raise XsnsError(
            f"{type(body).__name__} has no list of transformer blocks: "
            "use a checkpoint of a transformer text model (BERT, XLM-R and their kin)."
        )
    if stacks == "both":
        return outermost
    if not getattr(getattr(body, "config", None), "is_encoder_decoder", False):
        raise XsnsError(f"{type(body).__name__} has one stack of blocks, so there is no {stacks} alone: use both.")
    stack = body.get_encoder() if stacks == "encoder" else body.get_decoder()  # type: ignore[operator]
    (prefix,) = [name for name, module in body.named_modules() if module is stack]
    return [name for name in outermost if name.startswith(f"{prefix}.")]


def block_parameters(body: nn.Module, stacks: Stacks = "both") -> dict[str, nn.Parameter]:
    """Return the parameters of the transformer blocks by their name within the body, in the model's own order.

    Args:
        body: a transformer without its head, such as `AutoModel` loads.
        stacks: which of an encoder–decoder's.

    Raises:
        XsnsError: as `block_lists` does; or the weights are quantized, so that they have no gradient.
    """
    lists = block_lists(body, stacks)
    embeddings = {
        weight for module in body.modules() if isinstance(module, nn.Embedding) for weight in module.parameters()
    }
    weights = {
        name: weight
        for name, weight in body.named_parameters()
        if weight not in embeddings and any(name.startswith(f"{block}.") for block in lists)
    }
    quantized = [name for name, weight in weights.items() if not weight.is_floating_point()]
    if quantized:
        raise XsnsError(
            f"{type(body).__name__} has quantized weights ({quantized[0]}, …), which have no gradients: "
            f"use the checkpoint that it was made from, perhaps with {parameter('precision', 'bfloat16-weights')}."
        )
    return weights


def layout_of(body: nn.Module, stacks: Stacks = "both") -> ParameterLayout:
    """Return the layout of a body's block parameters; arguments and errors as of `block_parameters`."""
    return ParameterLayout.of((name, tuple(weight.shape)) for name, weight in block_parameters(body, stacks).items())
