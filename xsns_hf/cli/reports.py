"""What the command line prints: tables and sentences for people."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from xsns_hf.cli.evaluation_report import print_unknown
from xsns_hf.dataset.added import Added
from xsns_hf.dataset.recipe_masks import recipes_by_size
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.scores import metrics_of
from xsns_hf.errors import some
from xsns_hf.languages.codes import name_and_code
from xsns_hf.ranking.rank import Ranking
from xsns_hf.ranking.wording import certainty, expected_text
from xsns_hf.safe_text import for_shell
from xsns_hf.tasks import TASKS, load_task

if TYPE_CHECKING:  # torch and scikit-learn take seconds to import, and a ranking needs none of them
    from collections.abc import Sequence

    import pandas as pd

    from xsns_hf.dataset.checking import Findings
    from xsns_hf.extraction.summary import BuildSummary
    from xsns_hf.extraction.weights import Unusual
    from xsns_hf.gold import Gold
    from xsns_hf.ranking.suggestions import Suggestions
    from xsns_hf.recipe import Recipe
    from xsns_hf.tasks import Task
    from xsns_hf.transfer.results import Results
    from xsns_hf.transfer.run import Summary


def print_suggestions(suggestions: "Suggestions", to: Console) -> None:
    """Print sources for a target, and what is to be said of them in sentences."""
    print_ranking(suggestions.ranking, to, suggestions.outlook.table if suggestions.outlook else None)
    for sentence in [*(suggestions.advice if suggestions.outlook else [suggestions.lack]), *suggestions.notes]:
        if sentence:
            to.print(sentence, soft_wrap=True)


def print_ranking(ranking: Ranking, to: Console, expected: "pd.DataFrame | None" = None) -> None:
    """Print a ranking as a table with a sentence on how sure it is, and perhaps the scores to expect."""
    table = Table(title=f"Sources for {name_and_code(ranking.target)}", caption=ranking.recipe)
    table.add_column("rank", justify="right")
    table.add_column("source")
    table.add_column("code")
    table.add_column("similarity", justify="right")
    several, most_similar = ranking.seeds > 1, ranking.most_similar
    marked = several and expected is None  # 80 columns have room for the one or the other
    if marked:
        table.add_column("± seeds", justify="right")
        table.add_column("not told apart")
    if expected is not None:
        table.add_column("expected (90 %)", justify="right", no_wrap=True)
        table.add_column("best", justify="right", no_wrap=True)
    for place, source in enumerate(ranking.sources, 1):
        cells = [str(place), source.name, source.language, f"{source.similarity:.4f}"]
        if marked:
            mark = "most similar" if source is most_similar else "yes" if source.as_good_as_best else ""
            cells += [f"{source.std:.4f}", mark]
        if expected is not None:
            cells.append(expected_text(expected, source.language))
            cells.append(f"{100 * expected.loc[source.language, 'best']:.0f} %")
        table.add_row(*cells)
    to.print(table)
    if expected is None:
        to.print(certainty(ranking))
    if not several:
        to.print("Extract with --seeds 3 to know.")
    if ranking.missing:
        to.print(f"No masks for {', '.join(ranking.missing)}: they aren't ranked. Extract them to compare.")


def print_choice(repository: MaskRepository, chosen: str, to: Console) -> None:
    """Say which recipe was taken where none was named, if there are several."""
    others = [recipe for recipe in recipes_by_size(repository.index()) if recipe != chosen]
    if others:
        to.print(f"Masks of the recipe {chosen}; there are others. With --recipe: {some(others)}.", soft_wrap=True)


def print_other_recipes(repository: MaskRepository, recipe: "Recipe", to: Console) -> None:
    """Say how masks that are there were made otherwise than new ones will be, since they will never be compared."""
    there = repository.recipes()
    if there and recipe.name not in there:
        most = there[recipes_by_size(repository.index())[0]]
        to.print(
            f"Masks in {repository.name} were made otherwise and won't be compared with the new ones: "
            f"{most.differences(recipe)}. Stop, and give the options of theirs, to add to them.",
            soft_wrap=True,
        )


def print_summary(summary: "BuildSummary", recipe: str, repository: MaskRepository, to: Console) -> None:
    """Print what an extraction did, how large the dataset is and what to type next."""
    index = repository.index()
    new = set(summary.extracted)
    rows = [row for row in index[index["recipe"] == recipe].to_dict("records") if (row["language"], row["seed"]) in new]
    if rows:
        to.print(_summary_table(rows, recipe))
        if summary.tensors:
            _print_paths(summary, to)
        if summary.capped:
            _print_capped(summary.capped, to)
        if not summary.batched:
            to.print("Padding would change what this model makes of a sentence, so each went through it alone.")
    if summary.kept:
        to.print(f"There already: {', '.join(summary.kept)}.")
    target = rows[0]["language"] if rows else summary.kept[0]
    to.print(f"{repository.name} holds {repository.store.size() / 1e6:.1f} MB.")
    print_next(repository, to, target, recipe)


def print_next(repository: MaskRepository, to: Console, target: str | None = None, recipe: str | None = None) -> None:
    """Print what to type next, as it can be typed: a ranking; where there is nothing to rank yet, how there will be."""
    masks = repository.masks(recipe)
    if len(masks.languages) == 1:
        to.print("To rank sources, extract more languages: the same command with other --languages.", soft_wrap=True)
        return
    which = ["--recipe", masks.name] if recipe and repository.index()["recipe"].nunique() > 1 else []
    _print_next(to, "rank", target or masks.languages[0], "--masks", repository.name, *which)


def _print_next(to: Console, *words: str) -> None:
    """Print a command that can be copied."""
    to.print(f"Next: {for_shell(['xsns', *words])}", soft_wrap=True)


def _print_paths(summary: "BuildSummary", to: Console) -> None:
    """Say which tensors' gradients came by a formula, which by autograd, and which there were none of."""
    slow, missing = summary.by_autograd, list(summary.unreached)
    if slow and len(slow) == summary.tensors:
        to.print(f"Gradients of all {summary.tensors} tensors by autograd.")
    elif slow:
        to.print(
            f"Gradients of {summary.tensors - len(slow)} tensors by formula, of {len(slow)} by autograd, "
            f"one sentence at a time, which is slower: {some(slow)}.",
            soft_wrap=True,
        )
    else:
        to.print(f"Gradients of all {summary.tensors} tensors by formula.")
    if missing:
        languages = sorted(set().union(*summary.unreached.values()))
        to.print(
            f"No sentence reached {len(missing)} tensors ({some(missing)}) in {', '.join(languages)}: they are in no "
            "mask of these.",
            soft_wrap=True,
        )


def _print_capped(capped: "Sequence[tuple[str, int, Unusual]]", to: Console) -> None:
    """Say how many sentences count for less than their square, and which one for the least."""
    language, seed, unusual = min(capped, key=lambda of_mask: of_mask[2].weight)
    which = "one" if unusual.line is None else f"sentence {unusual.line + 1}"
    to.print(
        f"Sentences of unusually large gradient count for less than their square: "
        f"{sum(of_mask.capped for _, _, of_mask in capped)} in {len(capped)} masks. The largest, {which} of "
        f"{name_and_code(language)} in seed {seed}, counts for {unusual.weight:.2g} of it.",
        soft_wrap=True,
    )


def _summary_table(rows: list[dict[str, Any]], recipe: str) -> Table:
    """Return a line for each row of the index."""
    first = rows[0]
    table = Table(
        title=f"Sub-networks of {first['n_selected']:,} of {first['n_parameters']:,} parameters each", caption=recipe
    )
    table.add_column("language")
    compared = first["agreement_wanted"] == first["agreement_wanted"]  # not NaN
    for column in ("seed", "|D|", *(["halves agree"] * compared), "loss (nats)", "Fisher threshold"):
        table.add_column(column, justify="right")
    for row in rows:
        cells = [name_and_code(row["language"]), str(row["seed"]), str(row["examples"])]
        cells += [f"{row['agreement']:.3f}"] * compared
        table.add_row(*cells, f"{row['loss']:.2f}", f"{row['threshold']:.2e}")
    return table


def print_pushed(added: Added, target: MaskRepository, to: Console) -> None:
    """Print what a push did and where to look at it."""
    address = target.store.address()
    if not added.masks and not added.scores:
        to.print(f"All of it is in {target.name} already: nothing to push.", soft_wrap=True)
    if added.masks:
        languages = sorted({language for _, language, _ in added.masks})
        masks = "1 mask" if len(added.masks) == 1 else f"{len(added.masks)} masks"
        to.print(f"Pushed {masks} of {', '.join(languages)}.", soft_wrap=True)
    if added.scores:
        to.print(f"Pushed scores of {', '.join(added.scores)}.", soft_wrap=True)
    to.print(address, soft_wrap=True)
    if "/discussions/" not in address:
        print_next(target, to)


def print_findings(findings: "Findings", to: Console) -> None:
    """Print what is wrong with a dataset, what was done about it, and what is left to do."""
    for problem in findings.problems:
        to.print(f"- {problem}", soft_wrap=True, markup=False)
    masks = "1 mask" if findings.masks == 1 else f"{findings.masks} masks"
    if not findings.problems:
        to.print(f"{findings.where} is sound: {masks} and all tables are as they were written.", soft_wrap=True)
    elif findings.mended:
        to.print(f"Mended {findings.where}: it holds {masks}, all of them sound.", soft_wrap=True)
    if findings.remedies:
        to.print("What can't be had again is made again by:", soft_wrap=True)
    for command in findings.remedies:
        to.print(f"  {command}", soft_wrap=True, markup=False)


def print_published(added: Added, gold: "Gold", task: str, target: MaskRepository, to: Console) -> None:
    """Print which scores were published with masks, how many have masks and what to type next."""
    known = sorted(set(target.index()["language"]))
    pairs = gold.rows.drop_duplicates(["source", "target"])
    apart = pairs[pairs["source"] != pairs["target"]]
    both = int((apart["source"].isin(known) & apart["target"].isin(known)).sum())
    to.print(
        f"{'Published' if added.scores else 'There already:'} {task} scores of {len(pairs):,} pairs, "
        f"{len(gold.sources)} sources and {len(gold.targets)} targets; "
        f"{both:,} pairs of two languages have masks of both.",
        soft_wrap=True,
    )
    print_unknown(gold, to)
    metrics = metrics_of(target.scores(), task)
    if not gold.metric and task in TASKS:
        to.print(f"They are taken to be by {load_task(task).metrics[0]}: say otherwise with --metric.", soft_wrap=True)
    to.print(target.store.address(), soft_wrap=True)
    if not metrics:  # a pull request has yet to be merged
        return
    learn = ["--task" if task in TASKS else "--predict-score", task]
    which = ["--metric", gold.metric or metrics[0]] if len(metrics) > 1 else []
    _print_next(to, "rank", known[0], "--masks", target.name, *learn, *which)


def print_transfer(summary: "Summary", results: "Results", task: "Task", to: Console) -> None:
    """Print what fine-tuning on sources gave: the best of each target, and what is missing."""
    rows = results.rows()
    rows = rows[(rows["task"] == task.name) & (rows["metric"] == task.metrics[0])]
    means = rows.groupby(["target", "source"])["score"].mean()
    table = Table(title=f"Transfer, {task.name}: {task.metrics[0]}, mean over seeds")
    for column in ("target", "own", "best other source", "score"):
        table.add_column(column, justify="right" if column in {"own", "score"} else "left")
    for target in sorted(rows["target"].unique()):
        scores = means[target]
        others = scores.drop(target, errors="ignore")
        own = f"{scores[target]:.1f}" if target in scores else "–"
        best = (others.idxmax(), f"{others.max():.1f}") if len(others) else ("–", "–")
        table.add_row(name_and_code(target), own, *best)
    to.print(table)
    to.print(
        f"{summary.trained} models trained, {summary.scored} pairs scored, {summary.kept} were there before. "
        f"All are in {results.folder}.",
        soft_wrap=True,
    )
    if summary.elsewhere:
        to.print(f"Another process is busy with {', '.join(summary.elsewhere)}.")
    for language, problem in summary.problems.items():
        to.print(f"Missing, {language}: {problem.on_command_line()}", style="yellow", soft_wrap=True)
    _print_next(to, "evaluate", "--gold", str(results.folder), "--predictors", "lang2vec,english,random")
