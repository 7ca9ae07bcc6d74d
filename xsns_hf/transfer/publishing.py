"""Gold scores on the Hub: a dataset of their own."""

from pathlib import Path
from shutil import copyfile
from typing import Any

import pandas as pd

from xsns_hf.dataset.stores.base import Commit
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.errors import XsnsError
from xsns_hf.gold import SCORES
from xsns_hf.safe_text import for_shell
from xsns_hf.transfer.results import CARD, COLUMNS, MADE, card, read_made, read_scores


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
        raise XsnsError(
            f"{folder} holds no scores: make some with `xsns transfer --task pos --out {for_shell([str(folder)])}`."
        )
    made, rows = read_made(folder / MADE), read_scores(folder / SCORES)
    hub = Hub(repo, create=True, create_pr=create_pr, holds=MADE, what="transfer scores")
    new = 0

    def change(staging: Path) -> Commit | None:
        nonlocal new
        before = _published(hub, made)
        after = _joined(hub, before, rows)
        new = len(after) - len(before)
        if not new:
            return None
        after.to_csv(staging / SCORES, index=False, lineterminator="\n")
        copyfile(folder / MADE, staging / MADE)
        (staging / CARD).write_text(card(after, made), "utf-8")
        return Commit(f"Add {new} transfer scores of {made['model']}", files=(), before=())

    hub.update(change)
    return new, hub.address()


def _published(hub: Hub, made: dict[str, Any]) -> pd.DataFrame:
    described = hub.file(MADE)
    if described is not None and read_made(described) != made:
        raise XsnsError(
            f"{hub.name} holds scores of another checkpoint or made with other settings: use another repository."
        )
    path = hub.file(SCORES)
    return pd.DataFrame(columns=COLUMNS) if path is None else read_scores(path)


def _joined(hub: Hub, before: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    key = [column for column in COLUMNS if column != "score"]
    joined = pd.concat([before, rows]).drop_duplicates(COLUMNS)
    repeated = joined[joined.duplicated(key)]
    if len(repeated):
        first = repeated.iloc[0]
        raise XsnsError(
            f"{hub.name} holds another score of {first['source']} → {first['target']}, seed {first['seed']}: "
            "use another repository."
        )
    return joined.sort_values(key, ignore_index=True)
