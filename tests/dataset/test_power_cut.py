"""Power cuts: a file system in an image goes down with all that was never written to the disk, and comes up again."""

import fcntl
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_durable import contents, listed, put

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not Path("/dev/loop-control").exists(),
        reason="only root may mount an image",
    ),
]

GOING_DOWN = 0x8004587D
"""The ioctl by which ext4 and xfs stop: `_IOR('X', 125, __u32)`."""

WITHOUT_FLUSHING = 2
LANGUAGES = ["fin", "nob", "swe", "deu", "rus", "hin", "jpn", "fra"]


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


@pytest.fixture(params=["ext4", "xfs"])
def image(request, tmp_path) -> Path:
    """An empty file system."""
    if shutil.which(f"mkfs.{request.param}") is None:
        pytest.skip(f"there is no mkfs.{request.param}: install {request.param}progs or e2fsprogs")
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run([f"mkfs.{request.param}", "-q", path], check=True)
    (tmp_path / "mounted").mkdir()
    return path


def cut(at: Path) -> None:
    handle = os.open(at, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, GOING_DOWN, struct.pack("I", WITHOUT_FLUSHING))
    finally:
        os.close(handle)


def changing(folder: Path) -> subprocess.Popen:
    """Start what adds and replaces masks, and says so of each change once it is made."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, __file__, folder], stdout=subprocess.PIPE, text=True, env=environment)


def main(folder: Path) -> None:
    for number in range(10_000):
        language = LANGUAGES[number % len(LANGUAGES)]
        put(folder, language, number, replace=True)
        print(number, flush=True)


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 7.0, 12.0])
def test_what_was_said_to_be_there_is_there_after_a_power_cut(image, tmp_path, seconds):
    at = tmp_path / "mounted"
    with mounted(image, at):
        process = changing(at / "masks")
        assert process.stdout
        said = [int(process.stdout.readline())]
        time.sleep(seconds + random.uniform(0, 0.4))
        cut(at)
        process.kill()
        said += [int(line) for line in process.stdout.read().split()]
        process.wait()
    check_after(image, at, said[-1])


@pytest.mark.parametrize("seconds", [0, 1, 5, 20, 35])
def test_a_change_is_there_however_soon_the_power_goes(image, tmp_path, seconds):
    at = tmp_path / "mounted"
    with mounted(image, at):
        for number in range(3):
            put(at / "masks", LANGUAGES[number], number, replace=True)
        time.sleep(seconds)
        cut(at)
    check_after(image, at, 2)


def check_after(image: Path, at: Path, last: int) -> None:
    """Make sure that all changes up to the last are there, and all that is listed can be read."""
    with mounted(image, at):
        folder = at / "masks"
        there = contents(folder)
        assert {language for language, _ in there} >= set(LANGUAGES[: last + 1])
        put(folder, "ell", 5000)  # completes what was begun
        assert {file for file in listed(folder) if not (folder / file).is_file()} == set()
        assert {language for language, _ in contents(folder)} == {language for language, _ in there} | {"ell"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
