"""A mask dataset of many languages: index and similarities only, made in a second, whatever the number."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from xsns_hf.dataset import schema, sealing
from xsns_hf.dataset.names import SIMILARITY
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.stores.base import INDEX
from xsns_hf.errors import LanguageError
from xsns_hf.languages.codes import identify
from xsns_hf.languages.uriel import lineages
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe
from xsns_hf.text.catalogue import SOURCES

DIMENSIONS = 12
"""Of the space in which the languages lie: of real ones, too, two dimensions keep a small part of the differences."""


def many_languages(folder: Path, languages: int = 100, seeds: int = 3) -> tuple[list[str], int]:
    """Make a repository whose relatives are similar; return its languages and its number of seeds.

    Those that there is text on the Hub for come first, then others whose family is known.
    """
    known = dict.fromkeys([*SOURCES["wikipedia"].configs, *filter(_is_canonical, lineages())])
    codes = sorted(list(known)[:languages])
    recipe, random = Recipe("bench", "0", "tied", "bench"), np.random.default_rng(0)
    layout = ParameterLayout.of([("layers.0.attention.weight", (8, 8))])
    mask = select(random.random(layout.size, dtype=np.float32), layout, recipe.density)
    index = [MaskRecord(recipe, code, seed, mask, 1024, 1.0, "0").row() for code in codes for seed in range(seeds)]
    places = _places(codes, random)
    pairs = [_pairs(codes, places + 0.02 * random.standard_normal(places.shape), seed) for seed in range(seeds)]
    folder.mkdir(parents=True)
    schema.write(folder / SIMILARITY, schema.from_frame(pd.concat(pairs).assign(recipe=recipe.name), schema.SIMILARITY))
    hashes = {SIMILARITY: hashlib.sha256((folder / SIMILARITY).read_bytes()).hexdigest()}
    columns = pd.DataFrame(index).assign(**schema.NOWHERE).reindex(columns=schema.INDEX.names)
    sealing.write_index(folder / INDEX, schema.from_frame(columns, schema.INDEX), hashes)
    return codes, seeds


def _is_canonical(code: str) -> bool:
    try:
        return identify(code) == code
    except LanguageError:
        return False


def _places(codes: list[str], random: np.random.Generator) -> np.ndarray:
    """Return where languages are, float64 [languages, DIMENSIONS]: relatives near each other."""
    centres: dict[str, np.ndarray] = {}
    lines = lineages()
    steps = [[random.standard_normal(DIMENSIONS)] for _ in codes]
    for code, own in zip(codes, steps, strict=True):
        for group in lines.get(code, [code])[:2]:
            own.append(centres.setdefault(group, random.standard_normal(DIMENSIONS)))
    return np.array([np.mean(own, axis=0) for own in steps])


def _pairs(codes: list[str], places: np.ndarray, seed: int) -> pd.DataFrame:
    """Return the similarities of all pairs for a seed (columns of `schema.SIMILARITY`)."""
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    source, target = np.nonzero(~np.eye(len(codes), dtype=bool))
    similar = 0.4 + 0.4 * np.exp(-distances[source, target] / distances.mean())
    names = np.array(codes)
    return pd.DataFrame({"seed": seed, "source": names[source], "target": names[target], "jaccard": similar})
