"""Table 2 where masks and gold scores are of one checkpoint, and how that gold compares with the published one."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from study.markdown import METRICS, table
from study.reproduction import OWN_GOLD, Study
from study.tables.predictors import predictor_rows
from xsns_hf.gold import read_gold, restricted
from xsns_hf.languages.codes import name
from xsns_hf.tasks import candidate_pool


def same_checkpoint(study: Study, tasks: Sequence[str], own_gold: Path = OWN_GOLD) -> list[str]:
    """Return Table 2 for POS by scores of the embedded checkpoint itself, and compare these with XLM-R's."""
    pool = candidate_pool("pos")
    own = restricted(read_gold(own_gold), pool, pool)
    rows = predictor_rows(study, "pos", own, study.corpus("pos"))
    title = f"### Table 2, same checkpoint: {len(own.seeds)} seed(s)"
    lines = [title, "", *table(["task", "predictor", "pairs", *METRICS], rows)]
    return [*lines, "", *agreement(own.matrix(), study.gold("pos").matrix())]


def agreement(own: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Compare two matrices of scores, target by target, the target itself left out of its sources."""
    rows, correlations = [], []
    for target in [code for code in own.index if code in published.index]:
        sources = [code for code in own.columns if code in published.columns and code != target]
        ours, theirs = own.loc[target, sources], published.loc[target, sources]
        correlations.append([100 * ours.corr(theirs, method=kind) for kind in ("pearson", "spearman")])
        within = f"{own.loc[target, target]:.1f}" if target in own.columns else "–"
        best = [f"{name(scores.idxmax())} {scores.max():.1f}" for scores in (ours, theirs)]
        rows.append([name(target), within, *best, *(f"{value:.1f}" for value in correlations[-1])])
    pearson, spearman = pd.DataFrame(correlations).mean()
    columns = ["target", "own language", "best source", "XLM-R base's", "Pearson", "Spearman"]
    return [*table(columns, rows), "", f"Mean over targets: Pearson {pearson:.1f}, Spearman {spearman:.1f}."]
