"""Which sources each method trains on: by the gold scores, by a predictor, English."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from xsns_hf import XsnsError
from xsns_hf.evaluation.evaluate import predict
from xsns_hf.gold import MIX
from xsns_hf.languages.codes import name
from xsns_hf.predictors import Predictor
from xsns_hf.transfer.results import is_mix

SIZE = 3
"""Sources of a mix."""
BEST_ONE, BEST_MIX, ENGLISH = "BEST-1", f"BEST-{SIZE}", "English"


@dataclass(frozen=True)
class Chosen:
    """What each method trains on.

    Attributes:
        choices: by target and method, a source or a mix.
        candidates: of each target, the number of sources that the predictors choose from.
        notes: sentences on what was left out.
    """

    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def predictions_of(
    predictors: Sequence[Predictor], truth: pd.DataFrame, targets: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return what predictors say of the pairs that have scores, by name: tables like the scores, means over seeds."""
    scored = [target for target in targets if target in truth.index]
    tables = {predictor.name: predict(predictor, scored, list(truth)) for predictor in predictors}
    return {name: sum(by_seed[1:], by_seed[0]) / len(by_seed) for name, by_seed in tables.items()}


def choose(truth: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], targets: Sequence[str]) -> Chosen:
    """Choose sources by the truth (BEST) and by each predictor; predictors choose from those that all of them know.

    Args:
        truth: scores of single sources, targets × sources.
        predictions: by predictor, a table like it.
        targets: canonical codes.

    Raises:
        XsnsError: no target has enough sources.
    """
    chosen = Chosen()
    for target in targets:
        scores = truth.loc[target].drop(target, errors="ignore").dropna() if target in truth.index else pd.Series()
        pool = [
            code for code in scores.index if all(pd.notna(table.at[target, code]) for table in predictions.values())
        ]
        if len(pool) < SIZE:
            chosen.notes.append(f"{name(target)} is left out: {len(pool)} sources have scores and predictions.")
            continue
        if unknown := sorted(set(scores.index) - set(pool)):
            chosen.notes.append(f"{name(target)}: some predictor lacks {', '.join(unknown)}, which only BEST may take.")
        if unscored := sorted(set(truth) - set(scores.index) - {target}):
            chosen.notes.append(f"{name(target)}: no score yet with {', '.join(unscored)}, which nobody may take.")
        ranked = {predictor: ordered(table.loc[target, pool]) for predictor, table in predictions.items()}
        chosen.choices[target], chosen.candidates[target] = methods_of(ordered(scores), ranked), len(pool)
    if not chosen.choices:
        raise XsnsError(" ".join([*chosen.notes, "Give other --targets, or measure more with `xsns transfer`."]))
    return chosen


def methods_of(best: Sequence[str], ranked: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return by method what a target is trained on.

    Args:
        best: the sources with scores, best first.
        ranked: by predictor, the sources that it knows, best first.
    """
    methods = {BEST_MIX: mix(best), BEST_ONE: best[0]} | ({ENGLISH: "eng"} if "eng" in best else {})
    methods |= {f"{predictor}, first {SIZE}": mix(order) for predictor, order in ranked.items()}
    return methods | {f"{predictor}, first": order[0] for predictor, order in ranked.items()}


def ordered(scores: pd.Series) -> list[str]:
    """Return sources, best first; ties by code."""
    return list(scores.sort_index().sort_values(ascending=False, kind="stable").index)


def mix(order: Sequence[str]) -> str:
    """Return the mix of the first sources, as `xsns transfer` writes it."""
    return MIX.join(sorted(order[:SIZE]))


def mixes_of(choices: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return each mix that some method takes, once, with the targets that it is for."""
    mixes: dict[str, list[str]] = {}
    for target, methods in choices.items():
        for sources in dict.fromkeys(filter(is_mix, methods.values())):
            mixes.setdefault(sources, []).append(target)
    return mixes
