"""Predictors of transfer, one file each: adding a file with a `Predictor` in it adds it everywhere."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from xsns_hf.errors import XsnsError
from xsns_hf.predictors.base import Inputs, Predictor

__all__ = ["Inputs", "Predictor", "known_predictors", "make_predictors"]


@cache
def known_predictors() -> dict[str, type[Predictor]]:
    """Return the predictors of this folder by name, sorted."""
    modules = [import_module(module.name) for module in iter_modules(__path__, f"{__name__}.")]
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    known = {kind.name: kind for kind in classes if issubclass(kind, Predictor) and hasattr(kind, "name")}
    return dict(sorted(known.items()))


def make_predictors(names: Sequence[str], inputs: Inputs) -> list[Predictor]:
    """Make predictors by name.

    Raises:
        XsnsError: there is no such predictor, or one lacks an input.
    """
    known = known_predictors()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise XsnsError(f"There is no predictor '{unknown[0]}': use some of {', '.join(known)}.")
    return [known[name](inputs) for name in dict.fromkeys(names)]
