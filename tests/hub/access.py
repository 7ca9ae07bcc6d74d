"""Who asks, and what they may do; and the form of answers."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.state import KINDS, Account, Commit, Hub, HubError, Repository, path_of


def hub_of(request: Request) -> Hub:
    return request.app.state.hub


def body_of(request: Request) -> bytes:
    return request.scope["body"]


def json_of(request: Request) -> dict[str, Any]:
    return json.loads(body_of(request))


def account_of(request: Request) -> Account | None:
    """Return the account of the request's token, None if it has none."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token:
        return None
    if token not in hub_of(request).accounts:
        raise HubError(401, "Invalid credentials in Authorization header")
    return hub_of(request).accounts[token]


def writer_of(request: Request, namespace: str | None = None) -> Account:
    """Return the account, which must be one that may write, in that namespace if one is given."""
    account = account_of(request)
    if account is None:
        raise HubError(401, "Invalid username or password.")
    if not account.writes or (namespace is not None and not account.owns(namespace)):
        raise HubError(403, "Forbidden: you don't have write access with this token")
    return account


def repository_of(request: Request, *, write: bool = False) -> Repository:
    """Return the repository that the request's path names.

    As on the Hub, one that isn't there and one that the account may not see look the same. There is none whose name
    is of one part, since all that there were have been renamed.
    """
    kind = request.path_params.get("kind", "models")
    parts = [request.path_params[part] for part in ("owner", "name") if part in request.path_params]
    return find(request, kind, "/".join(parts), write=write)


def find(request: Request, kind: str, name: str, *, write: bool = False) -> Repository:
    """Return a repository that the account may see, and write to if asked for."""
    found = hub_of(request).repositories.get(path_of(kind, name)) if kind in KINDS else None
    if found is None or not visible(request, found):
        raise HubError(404 if account_of(request) else 401, "Repository not found", "RepoNotFound")
    if write:
        writer_of(request, name.split("/")[0])
    return found


def commit_of(request: Request, repository: Repository, revision: str) -> Commit:
    """Return a revision's commit; if the answer is to be stale, an older one of the branch."""
    commits = list(repository.history(revision))
    age = request.scope.get("age", 0) if revision in repository.refs else 0
    return commits[min(age, len(commits) - 1)]


def visible(request: Request, repository: Repository) -> bool:
    """Tell whether the account may see a repository."""
    account = account_of(request)
    return not repository.private or bool(account and account.owns(repository.name.split("/")[0]))


def check_gate(request: Request, repository: Repository) -> None:
    """Let through those whom a gated repository gives files to."""
    account, owner = account_of(request), repository.name.split("/")[0]
    if repository.gated and not (account and (account.owns(owner) or account.name in repository.granted)):
        message = f"Access to {repository.path} is restricted."
        raise HubError(403 if account else 401, message, "GatedRepo")


def failure(request: Request, error: Exception) -> Response:
    """Return the answer that a HubError stands for."""
    assert isinstance(error, HubError)
    headers = {"X-Error-Message": error.message, **error.headers}
    if error.code:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message}, error.status, headers)
