"""The Space's page: a table of predictions and gold scores in, metrics out.

It stands alone beside `scoring.py`: a Space has no package around it, and `evaluate`'s own page doesn't run with
today's gradio.
"""

import io
from pathlib import Path

import gradio as gr
import pandas as pd
from scoring import RELEVANCES, score

COLUMNS = ["target", "source", "predicted", "gold"]

EXAMPLE = """\
target,source,predicted,gold
fin,ekk,0.61,82.5
fin,hun,0.44,74.0
fin,deu,0.47,71.0
ukr,rus,0.70,85.0
ukr,pol,0.66,86.5
nob,swe,0.58,90.1
nob,deu,0.49,84.7
nob,eng,0.52,83.9
"""

ABOUT = """\
# Source ranking

Scores rankings of source languages for cross-lingual transfer, as in the X-SNS paper (Yun et al. 2023, §4.3).
Give a CSV with the columns `target`, `source`, `predicted` and `gold`, a row for each pair of languages; higher is
better in both columns of numbers.
"""


def read(text: str) -> pd.DataFrame:
    """Read the table of predictions and gold scores.

    Args:
        text: CSV with a header; columns other than `COLUMNS` are ignored.

    Returns:
        `target` and `source` as strings, `predicted` and `gold` as float64, NaN where a cell is empty.

    Raises:
        ValueError: there is no table, a column is missing, a number can't be read, or a pair has two rows.
    """
    if not text.strip():
        raise ValueError(f"There is no table yet: paste or upload a CSV with the columns {', '.join(COLUMNS)}.")
    # As text first: "nan" is a language (Min Nan Chinese), not a missing one.
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise ValueError(f"There is no column {', '.join(missing)}: give the columns {', '.join(COLUMNS)}.")
    for column in ("predicted", "gold"):
        table[column] = pd.to_numeric(table[column]).astype("float64")
    repeated = table[table.duplicated(["target", "source"])]
    if len(repeated):
        source, target = repeated.iloc[0][["source", "target"]]
        raise ValueError(f"{source} is there twice for {target}: keep one row.")
    return table[COLUMNS]


def tables(text: str, k: float = 3, relevance: str = "rank", resamples: float = 1000) -> list[pd.DataFrame]:
    """Score the rankings of a CSV.

    Args:
        text: see `read`.
        k: cut-off of NDCG; gradio hands numbers over as floats.
        relevance: of a source, to NDCG, one of `RELEVANCES`.
        resamples: of the targets, for confidence intervals of 95 %; 0 for none.

    Returns:
        The metrics with their means and intervals, a row each; the scores of each target, a row each.

    Raises:
        ValueError: the table or an option is unfit, see `read` and `score`.
    """
    groups = read(text).groupby("target", sort=False)
    scores = score(
        [group["predicted"].to_numpy() for _, group in groups],
        [group["gold"].to_numpy() for _, group in groups],
        targets=[str(target) for target, _ in groups],
        k=int(k),
        relevance=relevance,
        bootstrap=int(resamples),
        per_target=True,
    )
    by_target = pd.DataFrame(scores["per_target"])
    means = pd.DataFrame([{"metric": metric, "mean": scores[metric]} for metric in by_target.columns.drop("target")])
    if "confidence_intervals" in scores:
        intervals = [scores["confidence_intervals"][metric] for metric in means["metric"]]
        means[["low", "high"]] = pd.DataFrame(intervals, index=means.index)
    return [means.round(4), by_target.round(4)]


def page() -> gr.Blocks:
    """Build the page."""

    def answer(text: str, k: float, relevance: str, resamples: float) -> list[pd.DataFrame]:
        try:
            return tables(text, k, relevance, resamples)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    with gr.Blocks(title="Source ranking") as blocks:
        gr.Markdown(ABOUT)
        text = gr.Textbox(EXAMPLE, label="CSV (the numbers of the example are made up)", lines=10)
        upload = gr.UploadButton("Upload a CSV", file_types=[".csv"])
        with gr.Row():
            k = gr.Number(3, label="k of NDCG", precision=0, minimum=1)
            relevance = gr.Radio(list(RELEVANCES), value="rank", label="Relevance, to NDCG")
            resamples = gr.Number(1000, label="Bootstrap resamples", precision=0, minimum=0, maximum=10_000)
        button = gr.Button("Score", variant="primary")
        means = gr.Dataframe(label="Means over targets, intervals of 95 %")
        by_target = gr.Dataframe(label="Each target")
        upload.upload(lambda path: Path(path).read_text(encoding="utf-8-sig"), upload, text)
        button.click(answer, [text, k, relevance, resamples], [means, by_target], api_name="score")
    return blocks


if __name__ == "__main__":
    page().launch()
