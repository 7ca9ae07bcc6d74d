"""Which parameters a sub-network is made of: the transformer blocks, found by structure, not by name.

The paper's footnote 1 leaves embeddings and task layers out. Blocks are what a model keeps in its outermost
`nn.ModuleList`s; whatever belongs to an `nn.Embedding` inside them (relative positions, say) is left out too.
"""

from torch import nn

from xsns_hf.errors import XsnsError
from xsns_hf.layouts import ParameterLayout


def block_parameters(body: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of the transformer blocks by their name within the body, in the model's own order.

    Args:
        body: a transformer without its head, such as `AutoModel` loads.

    Raises:
        XsnsError: the model has no list of blocks.
    """
    lists = [name for name, module in body.named_modules() if isinstance(module, nn.ModuleList)]
    outermost = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]
    embedded = {
        parameter for module in body.modules() if isinstance(module, nn.Embedding) for parameter in module.parameters()
    }
    found = {
        name: parameter
        for name, parameter in body.named_parameters()
        if parameter not in embedded and any(name.startswith(f"{block}.") for block in outermost)
    }
    if not found:
        raise XsnsError(
            f"{type(body).__name__} has no list of transformer blocks: "
            "use a checkpoint of a transformer text model (BERT, XLM-R and their kin)."
        )
    return found


def layout_of(body: nn.Module) -> ParameterLayout:
    """Return the layout of a body's block parameters."""
    return ParameterLayout.of((name, tuple(parameter.shape)) for name, parameter in block_parameters(body).items())
