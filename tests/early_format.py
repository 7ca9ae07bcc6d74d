"""Repositories as they were made before the index had hashes of other files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def as_first_format(folder: Path) -> None:
    """Turn a repository into what an earlier version would have written: plain names, and no hashes but of masks."""
    path = folder / "index.parquet"
    index = pq.read_table(path)
    card = (folder / "README.md").read_text(encoding="utf-8")
    for row in index.select(["recipe", "language", "file"]).to_pylist():
        if (folder / row["file"]).exists():
            masks = folder / "masks" / row["recipe"] / f"{row['language']}.parquet"
            table, groups = pq.read_table(folder / row["file"]), pq.read_metadata(folder / row["file"]).num_row_groups
            pq.write_table(_plain(table), masks, row_group_size=len(table) // groups)
            (folder / row["file"]).unlink()
            card = card.replace(row["file"], masks.relative_to(folder).as_posix())
    (folder / "README.md").write_text(card, encoding="utf-8")
    pq.write_table(_plain(index.drop_columns(["file", "file_sha256"])), path)


def rewrite(folder: Path, name: str, change) -> None:
    """Change the rows of a table of an early repository as a stranger might."""
    as_first_format(folder)
    path = folder / name
    table = pq.read_table(path)
    pq.write_table(table.from_pylist([row | change(row) for row in table.to_pylist()], table.schema), path)


def _plain(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None)
