"""Whether a mask repository is as its index says, and mending it: nothing is guessed, what can't be had again goes."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from xsns_hf.dataset import schema
from xsns_hf.dataset.commands import extract_command
from xsns_hf.dataset.draft import Draft
from xsns_hf.dataset.mask_files import check_files, file_of, find, pieces, read_masks, recorded
from xsns_hf.dataset.scores import SCORES
from xsns_hf.dataset.sealing import NewerFormat
from xsns_hf.dataset.stores.base import INDEX, Commit, Content, Store, is_mask_file, sha256_of
from xsns_hf.dataset.stores.opening import open_store
from xsns_hf.dataset.tables import CARD, LAYOUT, SIMILARITY, State, Tables, text_of
from xsns_hf.dataset.watching import Watch, unseen
from xsns_hf.errors import Damaged, MasksMissing, XsnsError, some
from xsns_hf.languages.codes import name
from xsns_hf.masks.similarity import jaccard_of_pieces


@dataclass
class Findings:
    """What is wrong with a repository, and what it would be if it were mended.

    Attributes:
        where: the repository.
        problems: a sentence each.
        remedies: commands that make again what can't be mended.
        masks: how many were verified.
        state: the mended tables.
        leftovers: files that nothing refers to.
        mended: whether the repository was mended.
    """

    where: str
    problems: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    masks: int = 0
    state: State | None = None
    leftovers: list[str] = field(default_factory=list)
    mended: bool = False

    @property
    def sound(self) -> bool:
        """Whether all is as it should be, now."""
        return self.mended or not self.problems


def check(where: str | Path, *, repair: bool = False, watch: Watch = unseen) -> Findings:
    """Verify the hash of every file and mask of a repository, and mend what isn't as it was.

    The layout and the index are had again from the mask files, which record both; similarities are computed again from
    the masks. Masks that are lost or damaged are taken out of the index. On the Hub the repair is one commit.

    Args:
        where: a folder, or `user/repo` on the Hub, of which everything is fetched.
        repair: whether to mend it.
        watch: shows progress.

    Raises:
        NewerFormat: a newer version made it.
        Damaged: it can't be mended.
        XsnsError: it can't be read, or changed.
    """
    store = open_store(where, mending=True)
    findings = _examined(store, watch)
    if repair and findings.problems:

        def change(staging: Path) -> Commit:
            nonlocal findings
            findings = _examined(store, watch)
            return _mended(store, staging, findings)

        store.prepare()
        store.update(change)
        findings.mended = True
    return findings


def _examined(store: Store, watch: Watch) -> Findings:
    findings, tables = Findings(store.name), Tables(store)
    known = _index(store, tables, findings)
    layout = _layout(store, tables, known, findings)
    content = schema.read_layout(layout)
    sound = []
    for _, rows in watch(known.groupby(["recipe", "language"]), "Verifying masks"):
        records = rows.to_dict("records")
        try:
            read_masks(find(store, records[0]), content, records)
            sound.append(rows)
        except (Damaged, MasksMissing) as error:
            _lose(findings, store, rows, error)
    index = pd.concat(sound) if sound else known.head(0)
    findings.masks = len(index)
    similarity = _similarity(store, tables, index, findings, watch)
    scores = _scores(tables, findings)
    card = text_of(store.file(CARD))
    findings.state = State(index, similarity, scores, content, {LAYOUT: layout.data} if layout else {}, card)
    _look_around(store, known, findings)
    return findings


def _index(store: Store, tables: Tables, findings: Findings) -> pd.DataFrame:
    """Return the index; if that isn't as it was, the one which the mask files record."""
    try:
        if store.read(INDEX) is None:
            raise MasksMissing(f"{store.name} has lost its {INDEX}.")
        return tables.index
    except NewerFormat:
        raise
    except (Damaged, MasksMissing) as error:
        findings.problems.append(_problem(INDEX, error))
    found = [rows for name in store.names() if name.startswith("masks/") for rows in _recorded(store, name)]
    if not found:
        raise Damaged(
            f"{store.name} has no sound {INDEX}, and no mask file that records its rows: fetch it again, put an "
            "earlier revision back, or extract its languages into a new folder."
        )
    rows = pd.concat(found).sort_values("created", kind="stable")
    newest = rows.groupby(["recipe", "language"])["file"].transform("last")
    return check_files(schema.checked_index(rows[rows["file"] == newest], store.name), store.name)


def _recorded(store: Store, name: str) -> list[pd.DataFrame]:
    """Return the rows of the index that a mask file records, in a list; an empty one if there are none."""
    try:
        path = store.file(name)
        found = recorded(path) if path else None
    except Damaged:
        return []
    return [found[0].assign(file=name, file_sha256=sha256_of(path))] if found and path else []


def _layout(store: Store, tables: Tables, index: pd.DataFrame, findings: Findings) -> Content | None:
    """Return the layout's file; if that isn't as it was, the one which a mask file records."""
    try:
        content = tables.content(LAYOUT)
        schema.read_layout(content)
        if content is None and len(index):
            raise MasksMissing(f"{store.name} has lost its {LAYOUT}.")
        return content
    except (Damaged, MasksMissing) as error:
        findings.problems.append(_problem(LAYOUT, error))
    wanted = _hash(tables, LAYOUT)
    for row in index.drop_duplicates("file").to_dict("records"):
        try:
            found = recorded(find(store, row))
        except (Damaged, MasksMissing):
            continue
        if found and wanted in (None, found[1].sha256):
            return found[1]
    raise Damaged(
        f"{store.name} has lost its {LAYOUT}, and no mask file records it: fetch it again, put an earlier revision "
        "back, or extract its languages into a new folder."
    )


def _problem(file: str, error: XsnsError) -> str:
    return f"{file} {'is missing' if isinstance(error, MasksMissing) else 'is not as it was written'}."


def _hash(tables: Tables, name: str) -> str | None:
    try:
        return (tables.hashes or {}).get(name)
    except XsnsError:
        return None


def _lose(findings: Findings, store: Store, rows: pd.DataFrame, error: XsnsError) -> None:
    """Say that masks are lost, and how to make them again."""
    first = rows.to_dict("records")[0]
    masks = f"The masks of {name(first['language'])} ({first['language']}) in {file_of(first)[0]}"
    problem = "are missing" if isinstance(error, MasksMissing) else "aren't those that the index records"
    findings.problems.append(f"{masks} {problem}.")
    source = first["corpus_source"] if isinstance(first["corpus_source"], str) else None
    recipe = schema.recipe_of(first)
    findings.remedies.append(extract_command(store.name, recipe, [first["language"]], seeds=len(rows), source=source))


def _similarity(store: Store, tables: Tables, index: pd.DataFrame, findings: Findings, watch: Watch) -> pd.DataFrame:
    """Return the similarities of the indexed masks: as they are, if their hash is right, else computed again."""
    there: pd.DataFrame | None = None
    try:
        there = _among(tables.similarity, index)
        if tables.hashes is not None and len(there) == _pairs(index):
            return there
    except (Damaged, MasksMissing) as error:
        findings.problems.append(_problem(SIMILARITY, error))
    groups = watch(index.groupby(["recipe", "seed"]), "Computing similarities")
    computed = pd.concat(
        [
            schema.read_similarity(None),
            *(_computed(store, str(recipe), int(seed), rows) for (recipe, seed), rows in groups),
        ]
    )
    if there is not None and not _same(there, computed):
        findings.problems.append(f"{store.name} has similarities in {SIMILARITY} that aren't those of its masks.")
    return computed


def _among(similarity: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the similarity that are of indexed masks."""
    known = index[["recipe", "seed", "language"]]
    for side in ("source", "target"):
        similarity = similarity.merge(known.rename(columns={"language": side}), on=["recipe", "seed", side])
    return similarity


def _pairs(index: pd.DataFrame) -> int:
    sizes = index.groupby(["recipe", "seed"]).size()
    return int((sizes * (sizes - 1)).sum())


def _computed(store: Store, recipe: str, seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Compute the similarities of one seed's masks, which are streamed (columns: `schema.SIMILARITY`)."""
    rows = rows.sort_values("language")
    files = [(find(store, row), seed) for row in rows.to_dict("records")]
    values = jaccard_of_pieces(list(rows["n_selected"]), pieces(files))
    table = pd.DataFrame(values, rows["language"].rename("source"), rows["language"].rename("target"))
    pairs = table.stack().rename("jaccard").reset_index()
    return pairs[pairs["source"] != pairs["target"]].assign(recipe=recipe, seed=seed)[schema.SIMILARITY.names]


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    order = ["recipe", "seed", "source", "target"]
    return len(one) == len(other) and bool(
        (one.sort_values(order)[schema.SIMILARITY.names].to_numpy() == other.sort_values(order).to_numpy()).all()
    )


def _scores(tables: Tables, findings: Findings) -> pd.DataFrame:
    """Return the gold scores; none if their file isn't as it was: nothing else records them."""
    try:
        return tables.scores
    except (Damaged, MasksMissing) as error:
        findings.problems.append(f"{_problem(SCORES, error).rstrip('.')}, and can't be had again.")
        findings.remedies.append(f"xsns scores FILE --masks {findings.where} --task TASK --origin ORIGIN")
        return schema.read_scores(None)


def _look_around(store: Store, known: pd.DataFrame, findings: Findings) -> None:
    """Note what neither the index as it is nor as it will be refers to, and a card that doesn't know the files."""
    assert findings.state is not None
    files = {file_of(row)[0] for row in findings.state.index.to_dict("records")}
    indexed = {file_of(row)[0] for row in known.to_dict("records")}
    hidden = [file for file in store.names() if file.startswith((".pending-", ".unfinished-"))]
    findings.leftovers = sorted({*hidden, *(file for file in store.names() if is_mask_file(file))} - files)
    if stray := {*findings.leftovers} - indexed:
        findings.problems.append(f"Files that nothing refers to: {some(sorted(stray))}.")
    if any(file not in (findings.state.card or "") for file in indexed):
        findings.problems.append("README.md is missing or doesn't list all files.")


def _mended(store: Store, staging: Path, findings: Findings) -> Commit:
    """Write the tables and the card as they should be."""
    assert findings.state is not None
    if findings.state.index.empty:
        raise Damaged(
            f"None of the masks in {store.name} can be read: fetch them again, or extract them into a new folder."
        )
    return Draft(store, staging, findings.state).rewrite("Mended", findings.leftovers)
