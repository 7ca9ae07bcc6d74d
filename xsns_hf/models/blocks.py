"""Which parameters a sub-network is made of: the transformer blocks, found by structure, not by name.

The paper's footnote 1 leaves embeddings and task layers out. Blocks are what a model keeps in its outermost
`nn.ModuleList`s; whatever belongs to an `nn.Embedding` inside them (relative positions, say) is left out too.
"""

from torch import nn

from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout


def block_lists(body: nn.Module, stacks: str = "both") -> list[str]:
    """Return the names of the outermost module lists of a body, in which its blocks are.

    Raises:
        XsnsError: the model has none, or no encoder and decoder to choose from.
    """
    lists = [name for name, module in body.named_modules() if isinstance(module, nn.ModuleList)]
    outermost = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]
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


def block_parameters(body: nn.Module, stacks: str = "both") -> dict[str, nn.Parameter]:
    """Return the parameters of the transformer blocks by their name within the body, in the model's own order.

    Args:
        body: a transformer without its head, such as `AutoModel` loads.
        stacks: which of an encoder–decoder, one of `recipe.STACKS`.

    Raises:
        XsnsError: as `block_lists` does; or the weights are quantized, so that they have no gradient.
    """
    lists = block_lists(body, stacks)
    embedded = {
        parameter for module in body.modules() if isinstance(module, nn.Embedding) for parameter in module.parameters()
    }
    found = {
        name: parameter
        for name, parameter in body.named_parameters()
        if parameter not in embedded and any(name.startswith(f"{block}.") for block in lists)
    }
    quantized = [name for name, parameter in found.items() if not parameter.is_floating_point()]
    if quantized:
        raise XsnsError(
            f"{type(body).__name__} has quantized weights ({quantized[0]}, …), which have no gradients: "
            "use the checkpoint that it was made from, perhaps with --precision bfloat16-weights."
        )
    return found


def layout_of(body: nn.Module, stacks: str = "both") -> ParameterLayout:
    """Return the layout of a body's block parameters; arguments and errors as of `block_parameters`."""
    parameters = block_parameters(body, stacks)
    return ParameterLayout.of((name, tuple(parameter.shape)) for name, parameter in parameters.items())
