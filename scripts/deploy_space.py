# /// script
# requires-python = ">=3.11"
# dependencies = ["xsns-hf"]
# ///
"""Create or update a Space that answers from mask datasets on the Hub.

    python scripts/deploy_space.py user/space --masks user/xlmr-masks
    python scripts/deploy_space.py user/space --masks user/xlmr-masks,user/other --private --hardware t4-small

The Space gets what git tracks of spaces_app/ and xsns_hf/ of this clone in one commit, or none if nothing changed.
Modules there that are gone here are deleted; other files stay, and so does what was edited on the Hub in the README's
header (title, emoji …).

Visitors may bring a language where the Space may load the masks' checkpoint: those named with --model; by default those
of datasets that have the Space's owner.
"""

import os
import re
import subprocess
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceCard
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError
from rich.console import Console

from xsns_hf import MaskRepository, XsnsError
from xsns_hf.dataset.commands import is_on_hub
from xsns_hf.dataset.stores.hub import NOT_OURS, Hub
from xsns_hf.errors import HubError
from xsns_hf.space.catalogue import datasets_in

ROOT = Path(__file__).parents[1]
PACKAGE = "xsns_hf/__init__.py"
OURS = ("xsns_hf/", "xsns_hf-")
RELIED_ON = ("sdk", "sdk_version", "python_version", "app_file", "datasets")

api = HfApi()
console = Console(highlight=False, soft_wrap=True)


def main(
    space: Annotated[str, typer.Argument(help="user/name of the Space; made if there is none.")],
    masks: Annotated[str, typer.Option(help="Mask datasets on the Hub, with commas.")],
    model: Annotated[
        list[str] | None, typer.Option(help="A checkpoint on the Hub that it loads for visitors; may be repeated.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="For a new Space.")] = False,
    hardware: Annotated[str | None, typer.Option(help="Such as cpu-basic, zero-a10g or t4-small.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")] = False,
) -> None:
    """Create or update a Space."""
    tracked, datasets = _tracked(), _datasets(masks)
    variables = {"XSNS_MASKS": ",".join(datasets), "XSNS_MODEL": ",".join(model or _own_models(space, datasets))}
    with _explained(space):
        commit, hashes = _look(space)
        deployed = {"README.md", PACKAGE} <= hashes.keys()  # else the README is the Hub's template
        files = _files(tracked, space, list(datasets), kept=SpaceCard.load(space).data.to_dict() if deployed else {})
        gone = [path for path in hashes if path.startswith(OURS) and path not in files]
        steps: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(path) for path in gone]
        for path, data in files.items():
            if hashes.get(path) not in (_git_blob(data), sha256(data).hexdigest()):  # of a small file, of a large one
                steps.append(CommitOperationAdd(path, data))
        done = [f"{len(steps)} file{'s' * (len(steps) > 1)} changed"] if steps else []
        if not dry_run:
            done += _set_up(space, variables, private, hardware, new=commit is None, chosen=model is not None)
        if steps and not dry_run:
            with warnings.catch_warnings():
                # The similarities that ship are data that belong to the code.
                warnings.filterwarnings("ignore", message=".*about to commit a data file", category=UserWarning)
                api.create_commit(
                    space, steps, commit_message="Deploy xsns_hf", repo_type="space", parent_commit=commit
                )
    verb = "Would deploy" if dry_run else "Updated" if commit else "Created"
    console.print(f"{verb} {space}: {', '.join(done)}." if done else f"{space} is up to date: no commit.")
    size, address = sum(map(len, files.values())) / 1e6, f"{api.endpoint}/spaces/{space}"
    console.print(f"{len(files)} files, {size:.1f} MB, to answer from {masks}.\nOpen it when it is built: {address}")
    if closed := [name for name, is_private in datasets.items() if is_private]:
        console.print(f"Next: add a token that reads {', '.join(closed)} as the secret HF_TOKEN in {address}/settings.")


def _datasets(masks: str) -> dict[str, bool]:
    """Return the mask datasets, all of which could be opened, and whether each is private."""
    private = {}
    for name in datasets_in(masks) or [masks]:
        if not isinstance(store := MaskRepository(name).store, Hub):
            raise XsnsError(f"{name} is a folder, which no Space sees: `xsns push` it, and give its name on the Hub.")
        with store.explained():
            private[name] = bool(api.dataset_info(store.repo_id).private)
    return private


def _look(space: str) -> tuple[str | None, dict[str, str]]:
    """Return the Space's commit and the hash of each file, None and nothing if there's none to deploy to yet."""
    if space.count("/") != 1:
        raise XsnsError(f"{space} can't be the name of a Space: use user/name.")
    if not api.repo_exists(space, repo_type="space"):
        return None, {}
    api.auth_check(space, repo_type="space", write=True)
    info = api.space_info(space, files_metadata=True)
    hashes = {file.rfilename: file.lfs.sha256 if file.lfs else str(file.blob_id) for file in info.siblings or ()}
    if hashes.keys() - NOT_OURS and PACKAGE not in hashes:
        raise XsnsError(f"The Space {space} holds another app: deploy to another name.")
    return info.sha, hashes


def _own_models(space: str, datasets: Iterable[str]) -> list[str]:
    """Return the checkpoints on the Hub of the datasets that have the Space's owner: others could name any."""
    own = [name for name in datasets if name.partition("/")[0] == space.partition("/")[0]]
    recipes = [recipe for name in own for recipe in MaskRepository(name).recipes().values()]
    return sorted({recipe.checkpoint for recipe in recipes if is_on_hub(recipe)})


def _tracked() -> list[Path]:
    """Return the files to deploy: those that git tracks, so no secret or cache that lies beside them.

    Raises:
        XsnsError: git doesn't know them.
    """
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", "LICENSE", "spaces_app", "xsns_hf"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # as set in hooks
    try:
        names = os.fsdecode(subprocess.run(command, env=plain, capture_output=True, check=True).stdout).split("\0")
    except (OSError, subprocess.CalledProcessError) as error:
        raise _no_clone() from error
    if PACKAGE not in names or "spaces_app/README.md" not in names:
        raise _no_clone()
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _no_clone() -> XsnsError:
    return XsnsError(
        f"{ROOT} isn't a git clone of xsns_hf, so what belongs to it and what merely lies there can't be told apart: "
        "`git clone` it and run the script from there (or see what `git -C … status` complains of)."
    )


def _files(tracked: list[Path], space: str, datasets: list[str], kept: dict[str, Any]) -> dict[str, bytes]:
    """Return all that the Space is to hold, by path; `kept` is its README's header."""
    named = {path.relative_to(ROOT).as_posix().removeprefix("spaces_app/"): path for path in tracked}
    files = {name: path.read_bytes() for name, path in named.items() if not re.search(r"/(\.|__pycache__)", f"/{name}")}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    # The package isn't installed there, but masks record its version.
    metadata = f"Metadata-Version: 2.1\nName: xsns-hf\nVersion: {version}\n".encode()
    card = SpaceCard(files["README.md"].decode())
    ours = card.data.to_dict() | {"datasets": sorted({name.partition("@")[0] for name in datasets})}
    header = yaml.safe_dump(ours | kept | {key: ours[key] for key in RELIED_ON}, sort_keys=False, allow_unicode=True)
    host = re.sub("[^a-z0-9]+", "-", space.lower())
    readme = f"---\n{header}---\n{card.text.replace('user/space', space).replace('user-space', host)}".encode()
    return files | {"README.md": readme, f"xsns_hf-{version}.dist-info/METADATA": metadata}


def _set_up(
    space: str, variables: dict[str, str], private: bool, hardware: str | None, *, new: bool, chosen: bool
) -> list[str]:
    """Make the Space if it is new, and set what isn't a file; return what was set.

    Args:
        space: its name.
        variables: which it is to have; an empty one may be left out.
        private: whether a new one is.
        hardware: that it runs on, if any is asked for.
        new: whether it is.
        chosen: whether the models were named: else what somebody has set already stays.
    """
    done = []
    if new:
        # Refused if it is there after all: then its README must be kept, and what is gone here deleted.
        api.create_repo(
            space,
            repo_type="space",
            space_sdk="gradio",
            private=private or None,
            space_hardware=hardware,  # type: ignore[arg-type]  # the Hub says which it has, more than its client knows
        )
    elif hardware and hardware != api.get_space_runtime(space).requested_hardware:
        api.request_space_hardware(space, hardware)  # type: ignore[arg-type]  # as above
        done.append(f"hardware {hardware}")
    present = {name: variable.value or "" for name, variable in api.get_space_variables(space).items()}
    if "XSNS_MODEL" in present and not chosen:
        variables = variables | {"XSNS_MODEL": present["XSNS_MODEL"]}
    for name, value in variables.items():
        if present.get(name, "") != value:
            api.add_space_variable(space, name, value)
            done.append(f"{name} set")
    return done


def _git_blob(data: bytes) -> str:
    """Return the name that git gives to a file's content."""
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def _explained(space: str) -> Iterator[None]:
    """Turn each of the Hub's errors into one sentence."""
    try:
        yield
    except HFValidationError as error:
        raise HubError(f"{space} can't be the name of a Space: use user/name.") from error
    except HfHubHTTPError as error:
        reason = f"the Hub answers with error {error.response.status_code} ({error.server_message or 'unexplained'})"
        if error.response.status_code in {401, 403}:
            reason = "your token may not write there: log in with one that may (`hf auth login`), or give another name"
        raise HubError(f"{space} isn't deployed, since {reason}.") from error
    except (HTTPError, OSError, RuntimeError) as error:  # RuntimeError: an upload that failed
        raise HubError(f"The connection to the Hub broke ({type(error).__name__}): repeat the command.") from error


if __name__ == "__main__":
    try:
        typer.run(main)
    except XsnsError as error:
        raise SystemExit(f"deploy_space: {error.on_command_line()}") from None
