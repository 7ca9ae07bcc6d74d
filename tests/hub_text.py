"""Text on the Hub, as the tests put it on the stand-in and fetch it again: files, and a cache that begins empty."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xsns_hf.text import hub as hub_corpora


@pytest.fixture
def empty_text_cache(hub, tmp_path, monkeypatch):
    """Keep what is fetched in a folder of the test's own."""

    def folder(subfolder, **_):
        made = tmp_path / "cache" / subfolder
        made.mkdir(parents=True, exist_ok=True)
        return made

    monkeypatch.setattr(hub_corpora, "cached_assets_path", folder)


def parquet(**columns) -> bytes:
    """Return a table as a file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()
