"""The paper's Tables 1 to 3, its Figure 3 and its appendix E, against published transfer scores.

    python scripts/reproduce_tables.py --data DATA                             # all; two hours on 2 cores
    python scripts/reproduce_tables.py --data DATA --tasks pos --parts table2  # one table of one task
    python scripts/reproduce_tables.py --data DATA --model MODEL --out OUT     # of another encoder, its OUT apart

DATA holds the folders that `TASKS` names: text and labels of a language in a file each, gold scores as CSV, the files
of X-POS in gold/xpos. Without --data, text comes from the Hub and the gold scores of POS from the package, which lacks
three of the paper's languages; the other tasks' gold, labels and X-POS features need --data.

Masks are kept in OUT/masks, a dataset per corpus, and made where they are missing. What is printed is also in OUT, a
file a part, with the figure. All it does is done by `xsns extract`, `xsns_hf.evaluation.evaluate` and
`xsns_hf.ranking.regression`.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from matplotlib.figure import Figure

from xsns_hf import MaskRepository, XsnsError, identify, processes
from xsns_hf.evaluation.evaluate import evaluate
from xsns_hf.gold import Gold, read_gold, restricted
from xsns_hf.languages.codes import name
from xsns_hf.languages.xpos import FEATURES, families, xpos_features
from xsns_hf.models.embedded import EMBEDDED
from xsns_hf.predictors import Inputs, make_predictors
from xsns_hf.ranking.regression import evaluate_regression
from xsns_hf.recipe import Recipe
from xsns_hf.tasks import candidate_pool
from xsns_hf.text.corpus import Corpus
from xsns_hf.text.folder import Files, text_folder
from xsns_hf.text.hub import SOURCES, TASK_TEXT, hub_corpus

EXAMPLES, DENSITIES = 256, (0.15, 0.05, 0.1, 0.2, 0.3, 0.5)
METRICS = ["pearson", "spearman", "top_1", "ndcg@3", "regret"]
PREDICTORS = ["lang2vec", "lexical", "embedding", "xsns", "genealogy", "geography", "ensemble", "english", "random"]
PAPER = pd.read_csv(Path(__file__).with_name("paper_results.csv")).set_index(["table", "task", "row"])
PACKAGED_GOLD = Path(__file__).parents[1] / "xsns_hf/assets/gold/xpos.csv"
OWN_GOLD = PACKAGED_GOLD.with_name("embedded_pos.csv")
"""Scores of the embedded checkpoint itself, made by `xsns transfer`, see the README."""
LOW_RESOURCE = ["afr", "bre", "ckb", "fry", "gle", "hin", "isl", "kaz", "ltz", "mar", "als", "swh", "tel", "tat", "uzn"]
"""Targets of appendix E; its "Mauritania (MR)" is taken to be Marathi."""


@dataclass(frozen=True)
class Task:
    """Where a task's data are below --data; `{}` stands for a language.

    Attributes:
        text: files with text; of several, the first with enough lines.
        labels: the file with labels.
        objective: what the labels are for.
        gold: the published scores.
        metric: which of them.
        scale: what makes them percent.
    """

    text: tuple[str, ...]
    labels: str
    objective: str
    gold: str
    metric: str | None = None
    scale: float = 1


TASKS = {
    "pos": Task(
        ("text/{}.txt", "ud/{}/test.jsonl"),
        "ud/{}/train.jsonl",
        "token-classification",
        "gold/xpos/udpos-ft-10000.csv",
    ),
    "ner": Task(
        ("ner/wikiann/{}/train.jsonl",),
        "ner/wikiann/{}/train.jsonl",
        "token-classification",
        "gold/dolicki_xlmr_base/wikiann_ner.csv",
        metric="f1",
        scale=100,
    ),
    "nli": Task(
        ("xnli/{}/dev.jsonl",),
        "xnli/{}/dev.jsonl",
        "pair-classification",
        "gold/dolicki_xlmr_base/xnli.csv",
        scale=100,
    ),
    "qa": Task(
        ("tydiqa/{}/dev.jsonl",),
        "tydiqa/{}/dev.jsonl",
        "span-extraction",
        "gold/langrankplus_tydiqa/tydiqa_xlm-r.csv",
    ),
}
PARTS = ("table1", "table2", "table3", "same-checkpoint", "figure3", "low-resource", "all-languages")


def main(
    data: Annotated[
        Path | None, typer.Option(help="Text, labels and gold scores. Default: the Hub's and ours.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Masks and results.")] = Path("results/tables"),
    tasks: str = ",".join(TASKS),
    parts: str = ",".join(PARTS),
    seeds: Annotated[int, typer.Option(help="Of the masks of the task's own text.")] = 3,
    model: Annotated[str, typer.Option(help="A masked language model, as `xsns extract` takes it.")] = EMBEDDED,
) -> None:
    """Make the masks that are missing, then each table."""
    study = Study(data, out, seeds, model)
    wanted = [task for task in tasks.split(",") if task == "pos" or data]
    for part in parts.split(","):
        for_part = [task for task in wanted if task in TASKS_OF.get(part, TASKS)]
        if not for_part or (part == "table3" and not data):
            print(f"{part} is left out: it is for none of these tasks, or for none without --data.\n")
            continue
        if part == "same-checkpoint" and model != EMBEDDED:
            print(f"{part} is left out: the scores at hand are the embedded checkpoint's.\n")
            continue
        text = "\n".join(WRITERS[part](study, for_part))
        (out / f"{part}.md").write_text(text + "\n", encoding="utf-8")
        print(text + "\n", flush=True)


class Study:
    """The data, the masks and the settings."""

    def __init__(self, data: Path | None, out: Path, seeds: int, model: str = EMBEDDED):
        self.data, self.out, self.seeds, self.model = data, out, seeds, model
        self._made: set[tuple[str, ...]] = set()
        out.mkdir(parents=True, exist_ok=True)

    def gold(self, task: str, targets: Sequence[str] | None = None, sources: Sequence[str] | None = None) -> Gold:
        """Return a task's gold scores in percent, by default over the paper's pool."""
        assert self.data or task == "pos"
        path = self.data / TASKS[task].gold if self.data else PACKAGED_GOLD
        pool = candidate_pool(task)
        gold = restricted(read_gold(path, TASKS[task].metric), targets or pool, sources or pool)
        return Gold(gold.name, gold.rows.assign(score=gold.rows["score"] * TASKS[task].scale), gold.unknown)

    def corpus(self, task: str, languages: Sequence[str] | None = None, *, labels: bool = False) -> Files:
        """Return the text (or labelled text) of a task in those of the languages that have some."""
        corpus_name, wanted = TASK_TEXT[task], languages or candidate_pool(task)
        if self.data is None:
            return hub_corpus(corpus_name, [code for code in wanted if code in SOURCES[corpus_name].configs])
        folder = self.out / "text" / (f"{corpus_name}-labels" if labels else corpus_name)
        patterns = (TASKS[task].labels,) if labels else TASKS[task].text
        folder.mkdir(parents=True, exist_ok=True)
        for file in dict.fromkeys(path for pattern in patterns for path in sorted(self.data.glob(pattern.format("*")))):
            code = _language(file)
            there = list(folder.glob(f"{code}.*"))
            if code in wanted and (not there or _lines(there[0]) < EXAMPLES):
                for old in there:
                    old.unlink()
                shutil.copyfile(file, folder / f"{code}{file.suffix}")
        corpus = text_folder(folder, corpus_name)
        return Files(corpus.name, {code: path for code, path in corpus.files.items() if code in wanted})

    def extract(
        self, corpus: Files, objective: str = "mlm", seeds: int | None = None, importance: str = "exact"
    ) -> "Made":
        """Make the masks that are missing, at all densities, and return those at the paper's."""
        folder = self.out / "masks" / (corpus.name if importance == "exact" else f"{corpus.name}-{importance}")
        densities = DENSITIES if objective == "mlm" else DENSITIES[:1]
        options = {
            "--model": self.model, "--text": next(iter(corpus.files.values())).parent, "--corpus-name": corpus.name,
            "--languages": ",".join(corpus.languages), "--objective": objective, "--importance": importance,
            "--examples": EXAMPLES, "--density": ",".join(map(str, densities)), "--seeds": seeds or self.seeds,
            "--out": folder.resolve(),
        }  # fmt: skip
        arguments = ["extract", *(str(part) for pair in options.items() for part in pair)]
        if tuple(arguments) not in self._made and processes.run(arguments, processes.default_number()):
            raise typer.Exit(1)
        self._made.add(tuple(arguments))
        return Made(self.model, folder, corpus.name, objective, importance=importance)

    def compare(
        self, gold: Gold, predictors: Sequence[str], made: "Made", corpus: Corpus | None = None
    ) -> tuple[pd.DataFrame, int]:
        """Return the mean metrics of each predictor, and the number of pairs of languages that they are over."""
        inputs = Inputs(masks=str(made.folder), recipe=made.recipe, model=made.model, corpus=corpus, examples=EXAMPLES)
        found = evaluate(gold, make_predictors(predictors, inputs))
        return found.table, sum(map(len, found.candidates.values()))


@dataclass(frozen=True)
class Made:
    """Masks of one recipe."""

    model: str
    folder: Path
    corpus: str
    objective: str
    density: float = DENSITIES[0]
    importance: str = "exact"

    @property
    def recipe(self) -> str:
        """Its name."""
        own = "fitted" if self.model == EMBEDDED else "pretrained"
        head = own if self.objective == "mlm" else "random"
        return Recipe(self.model, "", head, self.corpus, self.objective, self.importance, EXAMPLES, self.density).name

    def similarity(self) -> pd.DataFrame:
        """Return the rows of the recipe."""
        return MaskRepository(self.folder).masks(self.recipe).pairs


def table1(study: Study, tasks: Sequence[str]) -> list[str]:
    """Which text D and which p(y|x): the task's or general ones."""
    lines = ["### Table 1: which text, which p(y|x)", "", *_head("task", "D, p(y\\|x)", "pairs")]
    for task in tasks:
        own = study.corpus(task)
        made = {"T, L": study.extract(own)}
        if study.data:
            objective = TASKS[task].objective
            made |= {"T, T": study.extract(study.corpus(task, labels=True), objective, seeds=1)}
        if TASK_TEXT[task] != "wikiann":  # of NER, the general text is the task's
            made |= {"W, L": study.extract(study.corpus("ner", own.languages))}
        for variant, masks in sorted(made.items()):
            found, pairs = study.compare(study.gold(task), ["xsns"], masks)
            lines.append(_row([task, variant, str(pairs)], found.loc["xsns"], (1, task, variant)))
    return lines


def table2(study: Study, tasks: Sequence[str]) -> list[str]:
    """Predictors compared; SuE by itself, since text without spaces may have none."""
    lines = ["### Table 2: predictors", "", *_head("task", "predictor", "pairs")]
    for task in tasks:
        corpus = study.corpus(task)
        made = study.extract(corpus)
        for group in (PREDICTORS, ["evenness"]):
            found, pairs = study.compare(study.gold(task), group, made, corpus)
            lines += [_row([task, each, str(pairs)], found.loc[each], (2, task, each)) for each in group]
    return lines


def same_checkpoint(study: Study, tasks: Sequence[str]) -> list[str]:
    """Table 2 for POS where masks and gold scores are of one checkpoint, and how that gold compares with XLM-R's."""
    pool = candidate_pool("pos")
    own, published = restricted(read_gold(OWN_GOLD), pool, pool), study.gold("pos")
    corpus = study.corpus("pos")
    made = study.extract(corpus)
    lines = [f"### Table 2, same checkpoint: {len(own.seeds)} seed(s)", "", *_head("task", "predictor", "pairs")]
    for group in (PREDICTORS, ["evenness"]):
        found, pairs = study.compare(own, group, made, corpus)
        lines += [_row(["pos", each, str(pairs)], found.loc[each], (2, "pos", each)) for each in group]
    return [*lines, "", *_agreement(own.matrix(), published.matrix())]


def _agreement(own: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Compare two matrices of scores, target by target, the target itself left out of its sources."""
    lines = ["| target | own language | best source | XLM-R base's | Pearson | Spearman |", "|---" * 6 + "|"]
    found = {}
    for target in [code for code in own.index if code in published.index]:
        sources = [code for code in own.columns if code in published.columns and code != target]
        ours, theirs = own.loc[target, sources], published.loc[target, sources]
        found[target] = {kind: ours.corr(theirs, method=kind) for kind in ("pearson", "spearman")}
        within = f"{own.loc[target, target]:.1f}" if target in own.columns else "–"
        best = [f"{name(scores.idxmax())} {scores.max():.1f}" for scores in (ours, theirs)]
        correlations = [f"{100 * value:.1f}" for value in found[target].values()]
        lines.append(f"| {' | '.join([name(target), within, *best, *correlations])} |")
    means = pd.DataFrame(found).mean(axis=1)
    return [
        *lines,
        "",
        f"Mean over targets: Pearson {100 * means['pearson']:.1f}, Spearman {100 * means['spearman']:.1f}.",
    ]


def table3(study: Study, tasks: Sequence[str]) -> list[str]:
    """Regressions: from X-POS's features, from ours, from both."""
    splits = {"in-sample": "in-sample, as in the paper", "target": "target left out", "family": "family left out"}
    title = " | ".join(f"{label}: RMSE / Top-1 / NDCG@3" for label in splits.values())
    lines = ["### Table 3: regression", "", f"| task | features | method | {title} |", "|---" * 6 + "|"]
    notes, covered = [], {}
    for task in tasks:
        folder = (study.data or Path()) / "gold/xpos"
        pairs = _pairs(study, task, folder)
        xpos = [feature for feature in FEATURES if pairs[feature].nunique() > 1]  # all may be in the pre-training
        for label, features in {"X-POS": xpos, "X-SNS": ["similarity"], "both": [*xpos, "similarity"]}.items():
            for method in ("ols", "mixed"):
                found = [evaluate_regression(pairs, features, method, split, families(folder)) for split in splits]
                cells = [f"{one['rmse']:.2f} / {100 * one['top_1']:.1f} / {100 * one['ndcg@3']:.1f}" for one in found]
                covered[task, label, method] = found[1]["covered"]
                lines.append(f"| {task} | {label} | {method} | {' | '.join(cells)} |")
        held = 100 * covered[task, "X-SNS", "mixed"]
        notes.append(
            f"{task}: {pairs['target'].nunique()} targets, {pairs['source'].nunique()} sources, those that all features"
            f" are known of; the 90 % intervals of X-SNS, mixed, hold {held:.0f} % of the scores of targets left out."
        )
    return [*lines, "", *notes]


def _pairs(study: Study, task: str, folder: Path) -> pd.DataFrame:
    """Return gold scores, similarities (mean over seeds) and X-POS's features of the pairs that have all of them."""
    similarity = study.extract(study.corpus(task)).similarity().groupby(["source", "target"])["jaccard"].mean()
    rows = study.gold(task).rows.merge(similarity.rename("similarity").reset_index()).drop(columns="seed")
    return rows.merge(xpos_features(folder, sorted({*rows["source"], *rows["target"]}))).dropna()


def figure3(study: Study, tasks: Sequence[str]) -> list[str]:
    """NDCG@3 over the density p."""
    found = {}
    for task in tasks:
        made = study.extract(study.corpus(task))
        for density in sorted(DENSITIES):
            table, _ = study.compare(study.gold(task), ["xsns"], replace(made, density=density))
            found[task, density] = table.loc["xsns"]
    table = pd.DataFrame(found).T
    axes = (figure := Figure(figsize=(6, 3.5), layout="constrained")).subplots()
    for task in tasks:
        axes.plot(sorted(DENSITIES), 100 * table.loc[task, "ndcg@3"], marker="o", label=task.upper())
    axes.set(xlabel="density p", ylabel="NDCG@3", title=f"{Path(study.model).name}, |D| = {EXAMPLES}, text of the task")
    axes.axvline(0.15, color="grey", linestyle=":", linewidth=1)
    axes.legend()
    figure.savefig(study.out / "figure3.png", dpi=150)
    lines = ["### Figure 3: the density p", "", *_head("task", "p")]
    return lines + [_row([task, f"{density:g}"], row) for (task, density), row in table.iterrows()]


def low_resource(study: Study, tasks: Sequence[str]) -> list[str]:
    """Appendix E: what NER in a low-resource language gains by our first suggestion over English."""
    pool = candidate_pool("ner")
    everything = study.gold("ner", targets=[*LOW_RESOURCE, *_other_targets(study, pool)])
    corpus = study.corpus("ner", sorted({*pool, *everything.targets}))
    similarity = study.extract(corpus, seeds=1).similarity().query("seed == 0")
    truth = everything.matrix()
    lines = ["### Appendix E: NER in low-resource languages", ""]
    lines += ["| target | our source | F1 | English | best source | F1 |", "|---" * 6 + "|"]
    rows = []
    for target in [code for code in truth.index if code in corpus.files]:
        found = similarity[(similarity["target"] == target) & similarity["source"].isin(truth.columns)]
        scores = truth.loc[target, sorted(set(found["source"]) - {target})].dropna()
        first = found.set_index("source")["jaccard"][scores.index].idxmax()
        rows.append((target, first, scores[first], scores["eng"], scores.idxmax(), scores.max()))
    for target, first, ours, english, best, most in sorted(rows, key=lambda row: row[0] not in LOW_RESOURCE):
        mark = "" if target in LOW_RESOURCE else " *"
        lines.append(
            f"| {name(target)}{mark} | {name(first)} | {ours:.1f} | {english:.1f} | {name(best)} | {most:.1f} |"
        )
    for label, some in {"the paper's": [row for row in rows if row[0] in LOW_RESOURCE], "all": rows}.items():
        gain = pd.Series([row[2] - row[3] for row in some])
        lines.append(
            f"\n{label} ({len(some)}): better than English for {(gain > 0).sum()}, alike for {(gain == 0).sum()}; "
            f"on average {gain.mean():+.1f} points."
        )
    return [*lines, "\n\\* not among the paper's targets."]


def _other_targets(study: Study, pool: Sequence[str]) -> list[str]:
    everything = read_gold((study.data or Path()) / TASKS["ner"].gold, TASKS["ner"].metric)
    return [code for code in everything.targets if code not in pool]


def all_languages(study: Study, tasks: Sequence[str]) -> list[str]:
    """POS over all languages that there are text and gold scores for."""
    path = study.data / TASKS["pos"].gold if study.data else PACKAGED_GOLD
    gold = read_gold(path)
    corpus = study.corpus("pos", sorted({*gold.targets, *gold.sources}))
    made = study.extract(corpus, seeds=1)
    predictors = [each for each in PREDICTORS if each != "embedding"]
    found, pairs = study.compare(gold, predictors, made, corpus)
    sides = [len(set(side) & set(corpus.files)) for side in (gold.targets, gold.sources)]
    title = f"### POS, all languages with text: {sides[0]} targets, {sides[1]} sources, {pairs} pairs"
    lines = [title, "", *_head("predictor")]
    return lines + [_row([predictor], found.loc[predictor]) for predictor in predictors]


WRITERS = {
    "table1": table1, "table2": table2, "table3": table3, "same-checkpoint": same_checkpoint,
    "figure3": figure3, "low-resource": low_resource, "all-languages": all_languages,
}  # fmt: skip
TASKS_OF = {"table3": ("pos", "ner"), "same-checkpoint": ("pos",), "low-resource": ("ner",), "all-languages": ("pos",)}
"""Parts that aren't for all tasks: X-POS knows the languages of treebanks only."""


def _head(*columns: str) -> list[str]:
    titles = [*columns, *METRICS]
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def _row(cells: Sequence[str], found: pd.Series, paper: tuple[int, str, str] | None = None) -> str:
    """Return a line of a table, ours in percent and the paper's in brackets; the regret in points."""
    theirs = PAPER.loc[paper] if paper in PAPER.index else {}
    numbers = []
    for metric in METRICS:
        value = found[metric] if metric == "regret" else 100 * found[metric]
        text = f"{value:.2f}" if metric == "regret" else "–" if pd.isna(value) else f"{value:.1f}"
        numbers.append(f"{text} ({theirs[metric]:.1f})" if metric in theirs else text)
    return f"| {' | '.join([*cells, *numbers])} |"


def _language(file: Path) -> str | None:
    """Return the language of `fi.txt` or `fi/train.jsonl`."""
    try:
        return identify(file.stem if file.suffix == ".txt" else file.parent.name)
    except XsnsError:
        return None


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")


if __name__ == "__main__":
    typer.run(main)
