"""What can go wrong on the Hub, each in one sentence: for models and datasets, read or written."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from xsns_hf.errors import HubError, parameter


class NoRepository(HubError):
    """The repository doesn't exist, or not for this token; the Hub doesn't say which."""


@contextmanager
def explained(name: str, kind: str = "dataset") -> Iterator[None]:
    """Say each of the Hub's many errors in one sentence.

    Args:
        name: of the repository: `user/repo` or `user/repo@revision`.
        kind: `model` or `dataset`.

    Raises:
        HubError: in place of them; but an `EntryNotFoundError` for a file that isn't in the repository is left.
    """
    repo_id, _, revision = name.partition("@")
    try:
        yield
    except (LocalEntryNotFoundError, RevisionResolutionError) as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            raise HubError(_refusal(error.__cause__, name, kind)) from error
        if isinstance(error.__cause__, FileMetadataError):
            raise HubError(
                f"What answered for {name} isn't the Hub: check HF_ENDPOINT, and whether the network asks to log in."
            ) from error
        raise HubError(
            f"{name} can't be reached on the Hub and isn't in the cache: check the connection, "
            "HF_HUB_OFFLINE and HF_ENDPOINT."
        ) from error
    except EntryNotFoundError:
        raise
    except RevisionNotFoundError as error:
        raise HubError(f"{repo_id} on the Hub has no revision {revision or 'like that'}: check its name.") from error
    except GatedRepoError as error:
        raise HubError(f"{repo_id} on the Hub is gated: ask for access on its page, then log in.") from error
    except RepositoryNotFoundError as error:
        raise NoRepository(
            f"There is no {kind} {repo_id} on the Hub that you may see: check the name, log in with "
            f"`hf auth login` for a private one, or write ./{repo_id} if a folder is meant."
        ) from error
    except HFValidationError as error:
        raise HubError(f"{repo_id} can't be the name of a {kind} on the Hub: use user/name.") from error
    except OfflineModeIsEnabled as error:
        raise HubError(f"HF_HUB_OFFLINE is set, so {name} can't be reached or changed: unset it.") from error
    except HfHubHTTPError as error:
        raise HubError(_refusal(error, name, kind)) from error
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise HubError(
            f"The connection to the Hub broke ({type(error).__name__}): repeat the command in a while."
        ) from error
    except OSError as error:
        raise HubError(
            f"The copy of {name} in the cache can't be written ({error.strerror or type(error).__name__}): "
            "free some space, or set HF_HOME to another disk."
        ) from error


def _refusal(error: HfHubHTTPError, name: str, kind: str) -> str:
    status, seconds = error.response.status_code, seconds_asked(error.response.headers)
    if seconds:
        return f"The Hub asks to wait {seconds:.0f} s before {name} (error {status}): repeat the command then."
    if status not in {401, 403}:
        return f"The Hub answered with error {status} for {name}: repeat the command in a while."
    repo_id = name.partition("@")[0]
    if kind == "model":
        return f"Your token may not read {repo_id} on the Hub: log in with one that may (`hf auth login`)."
    return (
        f"Your token may not write to {repo_id} on the Hub: log in with one that may (`hf auth login`), "
        f"pass {parameter('create_pr', 'True')} to propose the change, or write ./{repo_id} if a folder is meant."
    )


def refusal_behind(error: BaseException | None) -> Exception | None:
    """Return what the Hub refused, where a library's own error was raised from that; None for any other error.

    A file that isn't there is no refusal: most of the files that a model may have are optional.
    """
    while error is not None:
        missing = isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError)
        if isinstance(error, (LocalEntryNotFoundError, HTTPError, OfflineModeIsEnabled)) and not missing:
            return error
        error = error.__cause__
    return None


def seconds_asked(headers: Mapping[str, str]) -> float:
    """Return the seconds that an answer asks to wait, by Retry-After or the Hub's own RateLimit; 0 if it doesn't."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0)
    except (ValueError, TypeError):  # none, or a date without its zone
        left = re.search(r"r=0;.*?t=(\d+)", headers.get("ratelimit", "").replace(" ", ""))
        return float(left[1]) if left else 0
