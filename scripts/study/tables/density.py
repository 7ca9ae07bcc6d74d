"""Figure 3: the density p."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from study.markdown import METRICS, table
from study.reproduction import Study
from study.tables.rows import row
from xsns_hf.evaluation.sweep import Sweep, sweep
from xsns_hf.evaluation.sweep_plots import Line, figure_over, lines
from xsns_hf.plotting import rendered


def figure3(study: Study, tasks: Sequence[str]) -> list[str]:
    """Return the metrics over the density p, as `xsns sweep` has them, and draw NDCG@3 of all tasks in one figure."""
    swept = {task: over_density(study, task) for task in tasks}
    drawn = [Line(task.upper(), line.points) for task, found in swept.items() for line in lines(found, "density")]
    title = f"{Path(study.model).name}, |D| = {study.examples}, text of the task"
    (study.out / "figure3.png").write_bytes(rendered(figure_over("density", drawn, title)))
    rows = [
        row([task, f"{recipe['density']:g}"], recipe)
        for task, found in swept.items()
        for _, recipe in found.recipes.sort_values("density").iterrows()
    ]
    return ["### Figure 3: the density p", "", *table(["task", "p", *METRICS], rows)]


def over_density(study: Study, task: str) -> Sweep:
    """Compare a task's masks at all densities, on the paper's pool."""
    made = study.extract(study.corpus(task))
    recipes = [replace(made, density=density).recipe for density in study.densities]
    return sweep([made.repository()], study.gold(task), recipes=recipes)
