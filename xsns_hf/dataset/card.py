"""The dataset card of a mask repository, written anew from the index at every change."""

import hashlib
from typing import Any

import pandas as pd
import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from xsns_hf.dataset import schema
from xsns_hf.dataset.scores import SCORES, title
from xsns_hf.languages.codes import name
from xsns_hf.recipe import IMPORTANCES

PICTURE = "similarity.png"
_PICTURE = "![Heat map of the similarities, mean over seeds, languages ordered by clustering](similarity.png)\n"

_SCORES = """
## Transfer scores

The configuration `scores` says what fine-tuning really gives: `score` (mean over seeds) of `model` fine-tuned on
`source` and tested on `target`, by `task` and `metric`, with its `origin` and `licence`. The languages needn't have
masks. The masks know nothing of the scores, so these show how well the masks predict, and what score to expect:
`xsns rank {language} --masks {where} --predict-score {task}`

{tables}
"""

_BODY = """
# Sub-network masks of {checkpoint}

For each language, the sub-network of `{checkpoint}` (revision `{revision}`) that the language's text excites most:
the top share p of the {units} by {importances},
as in [X-SNS](https://aclanthology.org/2023.findings-emnlp.875/). Two languages whose sub-networks overlap more
(Jaccard coefficient) tend to transfer better to each other, so the masks answer *which source language should
I fine-tune on?*

```python
from datasets import load_dataset

similarity = load_dataset("{where}", split="train")  # recipe, seed, source, target, jaccard
masks = load_dataset("{where}", "{recipe}.{language}", split="train")  # {language_name}, a row per seed and tensor
```

Unpack a mask:

```python
import numpy as np

layout = {{row["tensor"]: row for row in load_dataset("{where}", "layout", split="train")}}
row = masks[0]
order = layout[row["tensor"]]["columns"], layout[row["tensor"]]["rows"]
bits = np.unpackbits(np.frombuffer(row["mask"], np.uint8), count=np.prod(row["shape"])).astype(bool)
mask = np.empty([len(each) for each in order], bool)
mask[np.ix_(*order)] = bits.reshape(mask.shape)
mask = mask.T.reshape(row["shape"])  # True where the parameter is in the sub-network
```

The bits are stored with the rows and columns of each tensor in an order that compresses well. It is the same for all
languages, so overlaps don't depend on it: compare the packed bits as they are.

Rank sources with [xsns_hf](https://pypi.org/project/xsns-hf/): `xsns rank {language} --masks {where}`. See what the
masks share, and how the languages cluster: `xsns explain --masks {where}`

{picture}
## Configurations

- `similarity` (default): `jaccard` of `source` and `target` for each recipe and seed, both ways round.
- `index`: a row per sub-network: recipe and its parts, `seed`, `examples` (the true |D|), `loss` (nats, per token for a
  language model), `agreement` (Jaccard coefficient of the masks of two halves of the sample, where `--examples auto`
  compared them), `threshold` (smallest importance selected), `n_selected` of `n_parameters`, `sha256` of the
  packed bits, text and its hash and licence, library versions, time.
- `layout`: the tensors that a mask covers: name, shape, offset in the vector of all parameters, and the order of `rows`
  (the first dimension) and `columns` (the others) in which its masks are stored.
- `<recipe>` and `<recipe>.<language>`: the masks: `tensor`, `shape`, `n_selected` and `mask`, which is
  `numpy.packbits` of the tensor's mask in that order, column by column.

## Recipes

Masks of different recipes can't be compared. A mask covers {parameters} parameters and takes about {size}.

{recipes}

## Languages

{languages}
{scores}
## Licence of the text

The masks hold no text. They were computed from text under these licences: {licences}.

## Citation

```bibtex
@inproceedings{{yun-etal-2023-x,
  title = "{{X}}-{{SNS}}: Cross-Lingual Transfer Prediction through Sub-Network Similarity",
  author = "Yun, Taejun and Kim, Jinhyeon and Kang, Deokyeong and Lim, Seong Hoon and Kim, Jihoon and Kim, Taeuk",
  booktitle = "Findings of the Association for Computational Linguistics: EMNLP 2023",
  year = "2023",
  pages = "13131--13144",
  doi = "10.18653/v1/2023.findings-emnlp.875",
}}
```
"""


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
    body = _BODY.format(
        where=where,
        parameters=f"{first['n_parameters']:,}",
        units="feed-forward neurons" if set(index["fisher"]) == {"activation"} else "transformer blocks' parameters",
        importances=_importances(index),
        size=f"{mask_size / 1000:,.0f} kB",
        checkpoint=first["checkpoint"],
        revision=first["revision"],
        recipe=first["recipe"],
        language=first["language"],
        language_name=name(first["language"]),
        picture=_PICTURE if picture else "",
        recipes=_recipe_table(index),
        languages=_language_table(index),
        scores=_score_section(scores, where, first["language"]),
        licences=", ".join(sorted(set(index["licence"].dropna()))) or "not recorded; see the corpus",
    )
    metadata = _kept(present) | _metadata(index, scores).to_dict()
    header = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    files = {"README.md": f"---\n{header}---\n{body}".encode()}
    return files | ({PICTURE: picture} if picture else {})


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
    files = {
        "similarity": "similarity.parquet",
        "index": "index.parquet",
        "layout": "layout.parquet",
        **({"scores": SCORES} if len(scores) else {}),
    }
    for recipe, rows in index.groupby("recipe"):
        files[str(recipe)] = f"masks/{recipe}/*.parquet"
        files |= {f"{recipe}.{code}": f"masks/{recipe}/{code}.parquet" for code in sorted(set(rows["language"]))}
    configs: list[dict[str, Any]] = [
        {"config_name": config, "data_files": [{"split": "train", "path": path}]} for config, path in files.items()
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


def _score_section(scores: pd.DataFrame, where: str, language: str) -> str:
    if scores.empty:
        return ""
    lines = []
    for _, rows in scores.groupby(["task", "metric"]):
        row = rows.iloc[0]
        lines.append(
            f"- {title(row)}: {len(rows):,} pairs of {rows['source'].nunique()} sources and "
            f"{rows['target'].nunique()} targets, from {row['origin']}; licence: {row['licence'] or 'not stated'}"
        )
    task = scores.iloc[0]["task"]
    return _SCORES.format(where=where, language=language, task=task, tables="\n".join(lines))
