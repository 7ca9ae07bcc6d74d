"""The dataset card of a mask repository, written anew from the index at every change."""

import functools
import hashlib
import json
import re
from collections.abc import Collection
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from huggingface_hub import DatasetCard, DatasetCardData

from xsns_hf.dataset import schema
from xsns_hf.dataset.mask_files import file_of, files_of
from xsns_hf.dataset.names import CARD, LAYOUT, PICTURE, SCORES, SIMILARITY
from xsns_hf.dataset.scores import title
from xsns_hf.dataset.squares import Squares, mean, number_of_pairs
from xsns_hf.dataset.written_card import written_metadata
from xsns_hf.languages.codes import name, short_code
from xsns_hf.recipe import IMPORTANCES
from xsns_hf.safe_text import code_for_markdown, for_markdown, for_shell

LICENCES = {
    *("apache-2.0", "mit", "gfdl", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "lgpl-lr", "odc-by", "odbl", "pddl", "cc0-1.0"),
    *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nd-4.0"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
}
"""Those of text that the Hub has a name for; any other is `other` there."""

SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}
"""The Hub's classes of size: rows that a dataset of each has fewer of."""


LISTED = 250
"""Files of masks up to which the card has a configuration and a line of a table for each: it takes 60 kB then."""


def render_card(
    index: pd.DataFrame,
    squares: Squares,
    scores: pd.DataFrame,
    where: str,
    mask_size: float,
    present: str | None = None,
) -> dict[str, bytes]:
    """Return the card and its picture by file name.

    Args:
        index: the repository's index, not empty.
        squares: the repository's similarities, of which a picture is drawn; without any, a picture that is there stays.
        scores: the gold scores that are published with it, if any.
        where: what readers pass to `load_dataset`.
        mask_size: bytes that a stored mask takes, about.
        present: the card that is there, whose own metadata (a licence, say) is kept.
    """
    first, model = index.iloc[0], schema.recipe_of(index.iloc[0])
    picture = _picture(squares)
    card = DatasetCard.from_template(
        DatasetCardData(**_kept(present, _licences(index)) | _metadata(index, scores).to_dict()),
        template_str=(files(__package__) / "card.md").read_text(encoding="utf-8"),
        where=where,
        where_in_shell=for_shell([where]),
        where_in_python=json.dumps(where, ensure_ascii=False),
        parameters=f"{first['n_parameters']:,}",
        units="feed-forward neurons" if set(index["fisher"]) == {"activation"} else "transformer blocks' parameters",
        importances=_importances(index),
        size=f"{mask_size / 1000:,.0f} kB",
        model=for_markdown(model.model_name),
        model_code=code_for_markdown(model.model_name),
        model_id=model.model_id,
        revision=code_for_markdown(model.revision),
        recipe=first["recipe"],
        code=first["language"],
        code_name=name(first["language"]),
        picture=picture is not None or f"]({PICTURE})" in (present or ""),
        recipe_table=_recipe_table(index),
        listed=_is_listed(index),
        language_table=_language_table(index) if _is_listed(index) else _language_lists(index),
        tables=_score_tables(scores),
        task="" if scores.empty else scores.iloc[0]["task"],
        licences=for_markdown(", ".join(sorted({*index["licence"].dropna()} - {""}))) or "not recorded; see the corpus",
    )
    return {CARD: f"{card.content}\n".encode()} | ({PICTURE: picture} if picture else {})


def _picture(squares: Squares) -> bytes | None:
    """Draw the recipe with the most languages, if it has enough for a picture."""
    languages: dict[str, set[str]] = {}
    for (recipe, _), table in sorted(squares.items(), key=lambda item: item[0]):
        languages.setdefault(recipe, set()).update(table.index)
    if not languages:
        return None
    largest = max(languages, key=lambda recipe: len(languages[recipe]))
    table = mean(table for (recipe, _), table in squares.items() if recipe == largest)
    if len(table) < 3:
        return None
    return _drawn(tuple(table.index), table.to_numpy(np.float64).tobytes(), largest)


@functools.lru_cache(maxsize=4)  # a push that is tried again needn't draw again
def _drawn(codes: tuple[str, ...], similarity: bytes, recipe: str) -> bytes:
    from xsns_hf.dataset.heat_map import heat_map  # takes a second to import, which ranking needn't wait for

    values = np.frombuffer(similarity, np.float64).reshape(len(codes), len(codes))
    table = pd.DataFrame(values, index=list(codes), columns=list(codes))
    return heat_map(table, f"Similarity of sub-networks\n{recipe}")


def _kept(present: str | None, licences: Collection[str]) -> dict[str, Any]:
    """Return the metadata of a card that someone wrote, with the text's licences unless it has another; what can't be
    read is dropped.
    """
    kept = written_metadata(present or "")
    own = kept.get("license") or []
    theirs = {own} if isinstance(own, str) else set(own)
    return kept | ({} if theirs - {*licences, "unknown"} else {"license": sorted(licences) or ["unknown"]})


def _licences(index: pd.DataFrame) -> set[str]:
    """Return the Hub's names of the licences of the text."""
    parts = {part.lower() for text in index["licence"].dropna() for part in re.split(r" (?:AND|OR) ", text) if part}
    return {part if part in LICENCES else "other" for part in parts}


def _metadata(index: pd.DataFrame, scores: pd.DataFrame) -> DatasetCardData:
    configs: list[dict[str, Any]] = [
        {"config_name": config, "data_files": [{"split": "train", "path": path}]}
        for config, path in _data_files(index, scores).items()
    ]
    configs[0]["default"] = True
    # `load_dataset` of a folder looks at its configurations only to know whether its cache is still good.
    configs[0]["description"] = _state(index, scores)
    model, pairs = schema.recipe_of(index.iloc[0]), number_of_pairs(index)
    return DatasetCardData(
        pretty_name=f"Sub-network masks of {model.model_name}",
        language=sorted({short_code(code) for code in index["language"]}),
        size_categories=[next((name for rows, name in SIZES.items() if pairs < rows), "10M<n<100M")],
        tags=[
            *("xsns_hf", "datasets", "x-sns", "cross-lingual-transfer", "fisher-information", "sub-networks"),
            *([model.model_id] if model.model_id else []),
        ],
        configs=configs,
    )


def _state(index: pd.DataFrame, scores: pd.DataFrame) -> str:
    """Return a sentence that is another for each state of a repository."""
    masks = index[["recipe", "language", "seed", "sha256", "file", "similarity_sha256"]]
    state = hashlib.sha256("".join(table.to_csv(index=False) for table in (masks, scores)).encode())
    return f"State {state.hexdigest()[:16]} of the repository."


def is_of(card: str, index: pd.DataFrame, scores: pd.DataFrame) -> bool:
    """Return whether a card is that of a repository: it lists all of its files or, where these are many, its state."""
    return all(file in card for file in files_of(index)) if _is_listed(index) else _state(index, scores) in card


def _is_listed(index: pd.DataFrame) -> bool:
    return len(index.drop_duplicates(["recipe", "language"])) <= LISTED


def _data_files(index: pd.DataFrame, scores: pd.DataFrame) -> dict[str, str | list[str]]:
    """Return which files belong to each configuration."""
    data_files: dict[str, str | list[str]] = {
        "similarity": SIMILARITY,
        "index": "index.parquet",
        "layout": LAYOUT,
        **({"scores": SCORES} if len(scores) else {}),
    }
    for recipe, rows in index.groupby("recipe") if _is_listed(index) else ():
        files = {row["language"]: file_of(row)[0] for row in rows.sort_values("language").to_dict("records")}
        data_files[str(recipe)] = [*files.values()]  # and not a pattern, which would take in files that were replaced
        data_files |= {f"{recipe}.{code}": file for code, file in files.items()}
    return data_files


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
            code_for_markdown(str(recipe)),
            *(for_markdown(str(row[key])) for key in ("corpus", "objective", "head", "fisher")),
            *(row[key] for key in ("examples_wanted", "density", "masking")),
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
        licence = for_markdown(row["licence"]) if isinstance(row["licence"], str) and row["licence"] else "–"
        lines.append(f"| `{code}` | {name(str(code))} | `{recipe}` | {seeds} | {row['examples']} | {licence} |")
    return "\n".join(lines)


def _language_lists(index: pd.DataFrame) -> str:
    """Return the codes of each recipe's languages; the index says more of them."""
    lists = [
        f"`{recipe}`: {' '.join(sorted(set(rows['language'])))}" for recipe, rows in index.groupby("recipe", sort=True)
    ]
    return "\n\n".join(lists)


def _score_tables(scores: pd.DataFrame) -> str:
    lines = []
    for _, rows in scores.groupby(["task", "metric"]):
        row = rows.iloc[0]
        lines.append(
            f"- {for_markdown(title(row))}: {len(rows):,} pairs of {rows['source'].nunique()} sources and "
            f"{rows['target'].nunique()} targets, from {for_markdown(row['origin'])}; "
            f"licence: {for_markdown(row['licence']) or 'not stated'}"
        )
    return "\n".join(lines)
