"""The dataset card of a mask repository, written anew from the index at every change."""

import hashlib
from importlib.resources import files
from typing import Any

import pandas as pd
import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from xsns_hf.dataset import schema
from xsns_hf.dataset.scores import SCORES, title
from xsns_hf.languages.codes import name
from xsns_hf.recipe import IMPORTANCES

PICTURE = "similarity.png"


def render_card(
    index: pd.DataFrame,
    similarity: pd.DataFrame,
    scores: pd.DataFrame,
    where: str,
    mask_size: float,
    present: str | None = None,
) -> dict[str, bytes]:
    """Return the card and its picture by file name.

    Args:
        index: the repository's index, not empty.
        similarity: the repository's similarity.
        scores: the gold scores that are published with it, if any.
        where: what readers pass to `load_dataset`.
        mask_size: bytes that a stored mask takes, about.
        present: the card that is there, whose own metadata (a licence, say) is kept.
    """
    first = index.iloc[0]
    picture = _picture(similarity)
    card = DatasetCard.from_template(
        DatasetCardData(**_kept(present) | _metadata(index, scores).to_dict()),
        template_str=(files(__package__) / "card.md").read_text(encoding="utf-8"),
        where=where,
        parameters=f"{first['n_parameters']:,}",
        units="feed-forward neurons" if set(index["fisher"]) == {"activation"} else "transformer blocks' parameters",
        importances=_importances(index),
        size=f"{mask_size / 1000:,.0f} kB",
        checkpoint=first["checkpoint"],
        revision=first["revision"],
        recipe=first["recipe"],
        code=first["language"],
        code_name=name(first["language"]),
        picture=picture is not None,
        recipe_table=_recipe_table(index),
        language_table=_language_table(index),
        tables=_score_tables(scores),
        task="" if scores.empty else scores.iloc[0]["task"],
        licences=", ".join(sorted(set(index["licence"].dropna()))) or "not recorded; see the corpus",
    )
    return {"README.md": f"{card.content}\n".encode()} | ({PICTURE: picture} if picture else {})


def _picture(similarity: pd.DataFrame) -> bytes | None:
    """Draw the recipe with the most languages, if it has enough for a picture."""
    from xsns_hf.dataset.heat_map import heat_map  # takes a second to import, which ranking needn't wait for

    if similarity.empty:
        return None
    recipe = similarity.groupby("recipe")["source"].nunique().idxmax()
    table = schema.square(similarity[similarity["recipe"] == recipe])
    if len(table) < 3:
        return None
    return heat_map(table, f"Similarity of sub-networks\n{recipe}")


def _kept(present: str | None) -> dict[str, Any]:
    """Return the metadata of a card that someone wrote; what can't be read is dropped."""
    try:
        return DatasetCard(present, ignore_metadata_errors=True).data.to_dict() if present else {}
    except (ValueError, yaml.YAMLError):
        return {}


def _metadata(index: pd.DataFrame, scores: pd.DataFrame) -> DatasetCardData:
    tables = {
        "similarity": "similarity.parquet",
        "index": "index.parquet",
        "layout": "layout.parquet",
        **({"scores": SCORES} if len(scores) else {}),
    }
    for recipe, rows in index.groupby("recipe"):
        tables[str(recipe)] = f"masks/{recipe}/*.parquet"
        tables |= {f"{recipe}.{code}": f"masks/{recipe}/{code}.parquet" for code in sorted(set(rows["language"]))}
    configs: list[dict[str, Any]] = [
        {"config_name": config, "data_files": [{"split": "train", "path": path}]} for config, path in tables.items()
    ]
    configs[0]["default"] = True
    # `load_dataset` of a folder looks at its configurations only to know whether its cache is still good.
    state = hashlib.sha256("".join(table.to_csv(index=False) for table in (index, scores)).encode())
    configs[0]["description"] = f"State {state.hexdigest()[:16]} of the repository."
    return DatasetCardData(
        pretty_name=f"Sub-network masks of {index.iloc[0]['checkpoint']}",
        language=sorted({code.partition("_")[0] for code in index["language"]}),
        tags=["x-sns", "cross-lingual-transfer", "fisher-information", "sub-networks"],
        configs=configs,
    )


def _importances(index: pd.DataFrame) -> str:
    """Say what the parameters are selected by; of several recipes, by which in each."""
    there = [key for key in IMPORTANCES if key in set(index["fisher"])]
    if len(there) == 1:
        return IMPORTANCES[there[0]]
    return "; or ".join(f"{IMPORTANCES[key]} (*{key}* under Recipes)" for key in there)


def _recipe_table(index: pd.DataFrame) -> str:
    lines = [
        "| recipe | corpus | objective | head | importance | \\|D\\| | p | masking | languages | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for recipe, rows in index.groupby("recipe"):
        row = rows.iloc[0]
        cells = [
            f"`{recipe}`",
            *(row[key] for key in ("corpus", "objective", "head", "fisher", "examples_wanted", "density", "masking")),
            rows["language"].nunique(),
            rows["seed"].nunique(),
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _language_table(index: pd.DataFrame) -> str:
    lines = ["| code | language | recipe | seeds | \\|D\\| | licence of the text |", "|---|---|---|---|---|---|"]
    for (code, recipe), rows in index.groupby(["language", "recipe"]):
        seeds = ", ".join(str(seed) for seed in rows["seed"])
        row = rows.iloc[0]
        lines.append(
            f"| `{code}` | {name(str(code))} | `{recipe}` | {seeds} | {row['examples']} | {row['licence'] or '–'} |"
        )
    return "\n".join(lines)


def _score_tables(scores: pd.DataFrame) -> str:
    lines = []
    for _, rows in scores.groupby(["task", "metric"]):
        row = rows.iloc[0]
        lines.append(
            f"- {title(row)}: {len(rows):,} pairs of {rows['source'].nunique()} sources and "
            f"{rows['target'].nunique()} targets, from {row['origin']}; licence: {row['licence'] or 'not stated'}"
        )
    return "\n".join(lines)
