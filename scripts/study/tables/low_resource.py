"""Appendix E: NER in low-resource languages."""

from collections.abc import Sequence

import pandas as pd

from study.markdown import table
from study.reproduction import Study
from study.suggestions import LOW_RESOURCE, suggested
from xsns_hf.languages.codes import name
from xsns_hf.tasks import candidate_pool


def low_resource(study: Study, tasks: Sequence[str]) -> list[str]:
    """Return what NER in a low-resource language gains by our first suggestion over English."""
    pool = candidate_pool("ner")
    others = [code for code in study.all_gold("ner").targets if code not in pool]
    gold = study.gold("ner", targets=[*LOW_RESOURCE, *others])
    corpus = study.corpus("ner", sorted({*pool, *gold.targets}))
    made = study.extract(corpus, seeds=1)
    found = suggested(gold.matrix(), made.repository(), made.recipe, gold.targets)
    the_papers = found.index.isin(LOW_RESOURCE)
    ordered = pd.concat([found[the_papers], found[~the_papers]])
    rows = [
        [
            *(name(str(target)) + ("" if target in LOW_RESOURCE else " *"), name(own["source"]), f"{own['ours']:.1f}"),
            *(f"{own['english']:.1f}", name(own["best_source"]), f"{own['best']:.1f}"),
        ]
        for target, own in ordered.iterrows()
    ]
    lines = ["### Appendix E: NER in low-resource languages", ""]
    lines += table(["target", "our source", "F1", "English", "best source", "F1"], rows)
    lines += [gain("the paper's", found[the_papers]), gain("all", found)]
    return [*lines, "\n\\* not among the paper's targets."]


def gain(label: str, rows: pd.DataFrame) -> str:
    """Return a sentence on how much better our first suggestions are than English."""
    points = rows["ours"] - rows["english"]
    return (
        f"\n{label} ({len(rows)}): better than English for {(points > 0).sum()}, alike for {(points == 0).sum()}; "
        f"on average {points.mean():+.1f} points."
    )
