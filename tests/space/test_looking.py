"""Looking into masks in a process of its own: as the library does, whatever the files hold, and never for longer."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from xsns_hf.errors import XsnsError
from xsns_hf.explanation.overlap import overlap_over_seeds, summed
from xsns_hf.space.answering.answers import answer
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.handlers import Handlers
from xsns_hf.space.looking import Looker
from xsns_hf.space.visitors import Visitors


@pytest.mark.thorough
def test_sees_what_the_library_sees(masks):
    chosen = Shelf([str(masks)]).choose()
    seen = Looker(Visitors().looks).shared("deu", "fin", chosen)
    overlaps = overlap_over_seeds(chosen.subnetworks("deu"), chosen.subnetworks("fin"), ("deu", "fin"))
    pd.testing.assert_frame_equal(seen, summed(overlaps, ["stack", "layer", "module"]), check_dtype=False)


def hostile(masks: Path, place: Path, kind: str) -> Shelf:
    """Masks of German that can't be read as they should."""
    shutil.copytree(masks, place)
    file = next(place.rglob("deu*.parquet"))
    if kind == "garbage":
        file.write_bytes(os.urandom(100_000))
    elif kind == "truncated":
        file.write_bytes(file.read_bytes()[:-200])
    elif kind == "missing":
        file.unlink()
    else:
        table = parquet.read_table(file)
        binary = next(
            field.name for field in table.schema if pa.types.is_large_binary(field.type) or field.type == "binary"
        )
        rows = {name: table[name][:1].to_pylist() * 64 for name in table.column_names} | {binary: [bytes(10**6)] * 64}
        piece = pa.table(rows, schema=table.schema)
        with parquet.ParquetWriter(file, table.schema, compression="zstd", use_dictionary=False) as writer:
            for _ in range(40):
                writer.write_table(piece)
    return Shelf([str(place)])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["garbage", "truncated", "missing", "2.6 GB"])
def test_files_that_are_hostile_are_told_in_a_sentence(masks, tmp_path, kind):
    shelf = hostile(masks, tmp_path / "masks", kind)
    plot, words = Handlers(shelf, Visitors()).explain(answer(Query("fin"), shelf).query.link(), "deu")
    assert plot is None
    assert "The ranking doesn&#x27;t need the masks and stands." in words
    assert str(tmp_path) not in words


@pytest.mark.thorough
def test_a_look_takes_a_limited_time_and_the_next_one_works(masks):
    chosen, looker = Shelf([str(masks)]).choose(), Looker(Visitors().looks, seconds=0.01)
    with pytest.raises(XsnsError, match="take longer than"):
        looker.shared("deu", "fin", chosen)
    assert len(Looker(Visitors().looks).shared("deu", "fin", chosen))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at the processes of Linux")
@pytest.mark.thorough
def test_who_waits_for_a_look_ends_with_its_page():
    script = (
        "import subprocess, time\n"
        "from xsns_hf.space import looking\n"
        "from xsns_hf.space.visitors import Visitors\n"
        "started, popen = [], subprocess.Popen\n"
        "subprocess.Popen = lambda *args, **kwargs: started.append(popen(*args, **kwargs)) or started[-1]\n"
        "looking.Looker(Visitors().looks).prepare()\n"
        "print(started[0].pid, flush=True)\n"
        "time.sleep(3600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as page:
        child = Path("/proc", page.stdout.readline().strip())
        assert child.exists()
        page.kill()
    for _ in range(600):
        if not child.exists() or "Z" in (child / "stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    raise AssertionError("it is still there")
