"""Gold scores on the Hub: a dataset of their own."""

import json
from pathlib import Path

import pandas as pd

from xsns_hf.errors import XsnsError
from xsns_hf.hub import Hub
from xsns_hf.transfer.results import CARD, COLUMNS, MADE, SCORES, card, read_scores


def push_results(folder: Path, repo: str, *, create_pr: bool = False) -> tuple[int, str]:
    """Add the scores of a folder to a dataset on the Hub, in one commit on top of the newest.

    Args:
        folder: made by `transfer`.
        repo: `user/repo`, made if there is none.
        create_pr: open a pull request instead.

    Returns:
        the number of scores that are new; the dataset's address.

    Raises:
        XsnsError: the folder holds no scores; the repository holds something else, scores of another checkpoint, of
            other settings, or different scores of the same runs; or it can't be written.
    """
    if not (folder / MADE).is_file() or not (folder / SCORES).is_file():
        raise XsnsError(f"{folder} holds no scores: make some with `xsns transfer … --out {folder}`.")
    made, rows = json.loads((folder / MADE).read_text("utf-8")), read_scores(folder / SCORES)
    hub = Hub(repo, create=True, create_pr=create_pr, holds=MADE, what="transfer scores")
    new = 0

    def change(staging: Path) -> str | None:
        nonlocal new
        joined = _joined(hub, made, rows)
        new = len(joined) - len(_there(hub))
        if not new:
            return None
        joined.to_csv(staging / SCORES, index=False, lineterminator="\n")
        (staging / MADE).write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        (staging / CARD).write_text(card(joined, made), "utf-8")
        return f"Add {new} transfer scores of {made['model']}"

    hub.update(change)
    return new, hub.address()


def _joined(hub: Hub, made: dict, rows: pd.DataFrame) -> pd.DataFrame:
    described = hub.file(MADE)
    if described is not None and json.loads(described.read_text("utf-8")) != made:
        raise XsnsError(
            f"{hub.name} holds scores of another checkpoint or made with other settings: use another repository."
        )
    key = [column for column in COLUMNS if column != "score"]
    joined = pd.concat([_there(hub), rows]).drop_duplicates(COLUMNS)
    double = joined[joined.duplicated(key)]
    if len(double):
        first = double.iloc[0]
        raise XsnsError(
            f"{hub.name} holds another score of {first['source']} → {first['target']}, seed {first['seed']}: "
            "use another repository."
        )
    return joined.sort_values(key, ignore_index=True)


def _there(hub: Hub) -> pd.DataFrame:
    path = hub.file(SCORES)
    return pd.DataFrame(columns=COLUMNS) if path is None else read_scores(path)
