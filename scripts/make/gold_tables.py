"""Make the tables of xsns_hf/assets/gold that others' scores are in, from the project's raw data.

    python scripts/make/gold_tables.py DATA

DATA is the folder with gold/dolicki_xlmr_base and gold/langrankplus_tydiqa. xpos.csv is made by sample_assets.py,
embedded_pos.csv by `xsns transfer`. Sources whose training failed, by the account of the data's README, are left out.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import xsns_hf
from xsns_hf.languages.codes import identify

OUT = Path(xsns_hf.__file__).parent / "assets" / "gold"


@dataclass(frozen=True)
class Table:
    """Where a table comes from: a file of the data, the metric to take, what makes percent of it, failed sources."""

    file: str
    metric: str
    factor: float = 1.0
    failed: tuple[str, ...] = ()


TABLES = {
    "dolicki_ner": Table("dolicki_xlmr_base/wikiann_ner.csv", "f1", 100, ("my",)),
    "dolicki_nli": Table("dolicki_xlmr_base/xnli.csv", "acc", 100),
    "langrankplus_qa_xlmr": Table("langrankplus_tydiqa/tydiqa_xlm-r.csv", "f1", failed=("kor",)),
    "langrankplus_qa_mt5": Table("langrankplus_tydiqa/tydiqa_mt5.csv", "f1"),
}


def rows_of(table: Table, gold: Path) -> pd.DataFrame:
    """Return a table's rows as they ship: source, target, score in percent with two decimals, sorted."""
    rows = pd.read_csv(gold / table.file, keep_default_na=False)
    rows = rows[(rows["metric"] == table.metric) & ~rows["source"].isin(table.failed)]
    scores = (rows["score"].astype(float) * table.factor).round(2)
    codes = {side: rows[side].map(identify) for side in ("source", "target")}
    return pd.DataFrame({**codes, "score": scores}).sort_values(["source", "target"], ignore_index=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data / "gold"
    for name, table in TABLES.items():
        rows_of(table, folder).to_csv(OUT / f"{name}.csv", index=False, lineterminator="\n")
