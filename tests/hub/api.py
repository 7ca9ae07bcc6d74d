"""The routes about repositories: making them, what is in them, their history."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hub import cards, spaces
from hub.access import account_of, body_of, commit_of, find, hub_of, json_of, repository_of, writer_of
from hub.state import Commit, HubError, PullRequest, Repository, Stored, below, operations_of, path_of

REPO = "/api/{kind}/{owner}/{name}"


def date_text(date: datetime) -> str:
    return date.strftime("%Y-%m-%dT%H:%M:%S.") + f"{date.microsecond // 1000:03d}Z"


def who_am_i(request: Request) -> JSONResponse:
    account = account_of(request)
    if account is None:
        raise HubError(401, "Invalid username or password.")
    orgs = [{"type": "org", "name": name, "roleInOrg": "admin"} for name in account.organisations]
    role = "write" if account.writes else "read"
    token = {"type": "access_token", "accessToken": {"displayName": role, "role": role}}
    return JSONResponse({"type": "user", "id": account.name, "name": account.name, "orgs": orgs, "auth": token})


def create_repository(request: Request) -> JSONResponse:
    asked = json_of(request)
    account = writer_of(request)
    namespace = asked.get("organization") or account.name
    writer_of(request, namespace)
    kind, name = f"{asked.get('type') or 'model'}s", f"{namespace}/{asked['name']}"
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    url = f"{hub_of(request).url}/{path_of(kind, name)}"
    if kind == "spaces":
        spaces.check(asked)
    try:
        made = hub_of(request).create(kind, name, private=private, author=account.name)
    except HubError as error:
        return JSONResponse({"error": error.message, "url": url}, error.status)
    if kind == "spaces":
        made.hardware = asked.get("hardware")
        card = spaces.CARD.format(title=asked["name"], sdk=asked["sdk"]).encode()
        made.commit(operations_of({"README.md": card}), title="initial commit", author=account.name)
    return JSONResponse({"url": url, "name": name, "id": name})


def delete_repository(request: Request) -> JSONResponse:
    asked = json_of(request)
    account = writer_of(request)
    name = f"{asked.get('organization') or account.name}/{asked['name']}"
    repository = find(request, f"{asked.get('type') or 'model'}s", name, write=True)
    with hub_of(request).lock:
        hub_of(request).repositories.pop(repository.path, None)
    return JSONResponse({})


def move_repository(request: Request) -> JSONResponse:
    asked = json_of(request)
    repository = find(request, f"{asked['type']}s", asked["fromRepo"], write=True)
    writer_of(request, asked["toRepo"].split("/")[0])
    hub_of(request).rename(repository, asked["toRepo"])
    return JSONResponse({})


def metadata(card: bytes) -> dict[str, Any] | None:
    """Return the metadata block of a card, None if it has none.

    Raises:
        HubError: it isn't YAML, or not a mapping.
    """
    found = re.match(r"---\r?\n(.*?)^---\s*$", card.decode(), re.DOTALL | re.MULTILINE)
    if not found:
        return None
    try:
        data = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise HubError(400, f"Invalid YAML: {error}") from error
    if data is not None and not isinstance(data, dict):
        raise HubError(400, "The metadata must be a mapping")
    return data


def validate_yaml(request: Request) -> JSONResponse:
    asked = json_of(request)
    try:
        data = metadata(asked["content"].encode())
    except HubError as error:
        return JSONResponse({"errors": [{"message": error.message}], "warnings": []}, 400)
    errors = [{"message": message} for message in cards.problems(data or {}, asked["repoType"])]
    if errors:
        return JSONResponse({"errors": errors, "warnings": []}, 400)
    warnings = [] if data else [{"message": "empty or missing yaml metadata in repo card"}]
    return JSONResponse({"errors": [], "warnings": warnings})


def tags(data: Mapping[str, Any]) -> list[str]:
    """Return the tags that the Hub makes of a card's metadata, roughly."""
    found = []
    for key, value in data.items():
        values = value if isinstance(value, list) else [value]
        if key in ("language", "license", "task_categories", "size_categories", "base_model", "tags"):
            found += [str(each) if key == "tags" else f"{key}:{each}" for each in values]
    return found


def papers(text: str) -> list[str]:
    """Return the tags of the papers on arXiv that a card links."""
    return [f"arxiv:{number}" for number in dict.fromkeys(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", text))]


def sibling(path: str, stored: Stored, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": path}
    entry = {"rfilename": path, "size": stored.size, "blobId": stored.oid}
    lfs = {"sha256": stored.sha256, "size": stored.size, "pointerSize": len(stored.pointer)}
    return {**entry, "lfs": lfs} if stored.lfs else entry


def info(request: Request) -> JSONResponse:
    repository = repository_of(request)
    revision = unquote(request.path_params.get("revision", "main"))
    commit = commit_of(request, repository, revision)
    text = commit.files["README.md"].data if "README.md" in commit.files else b""
    try:
        card = metadata(text)
    except HubError:
        card = None
    blobs = request.query_params.get("blobs", "").lower() == "true"
    expanded = request.query_params.getlist("expand")
    told = {
        "id": repository.name,
        "author": repository.name.split("/")[0],
        "sha": commit.oid,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [*tags(card or {}), *papers(text.decode())],
        "cardData": card,
        "createdAt": date_text(list(repository.history(commit.oid))[-1].date),
        "lastModified": date_text(commit.date),
        "siblings": [sibling(path, stored, blobs) for path, stored in sorted(commit.files.items())],
    }
    if unknown := {*expanded} - told.keys():
        raise HubError(400, f"{min(unknown)} can't be expanded")
    return JSONResponse({key: told[key] for key in ("id", *expanded)} if expanded else told)


def auth_check(request: Request) -> JSONResponse:
    repository_of(request, write=request.url.path.endswith("/write"))
    return JSONResponse({})


def entry(repository: Repository, commit: Commit, path: str, expand: bool) -> dict[str, Any] | None:
    """Describe a file or folder, as in a listing; None if it isn't there."""
    found: dict[str, Any]
    if stored := commit.files.get(path):
        found = {"type": "file", "oid": stored.oid, "size": stored.size, "path": path}
        if stored.lfs:
            found["lfs"] = {"oid": stored.sha256, "size": stored.size, "pointerSize": len(stored.pointer)}
    elif inside := below(commit.files, path):
        content = repr(sorted((name, file.oid) for name, file in inside.items()))
        found = {"type": "directory", "oid": hashlib.sha1(content.encode()).hexdigest(), "size": 0, "path": path}
    else:
        return None
    if expand:
        last = repository.last_change(path, commit.oid)
        found["lastCommit"] = {"id": last.oid, "title": last.title, "date": date_text(last.date)}
    return found


def names_in(files: Mapping[str, Stored], folder: str, recursive: bool) -> list[str]:
    """Return the files and folders of a folder; a file's own name if it is one."""
    if folder in files:
        return [folder]
    start = folder.count("/") + 1 if folder else 0
    names = set()
    for path in below(files, folder) if folder else files:
        parts = path.split("/")
        names.update("/".join(parts[:end]) for end in range(start + 1, len(parts) + 1))
    return sorted(name for name in names if recursive or name.count("/") == start)


def page(request: Request, items: list[Any], size: int) -> JSONResponse:
    """Answer with one page of a list, and a link to the next one."""
    start = int(request.query_params.get("cursor", 0))
    headers = {}
    if start + size < len(items):
        query = urlencode({**request.query_params, "cursor": start + size})
        headers["Link"] = f'<{hub_of(request).url}{request.scope["path"]}?{query}>; rel="next"'
    return JSONResponse(items[start : start + size], headers=headers)


def tree(request: Request) -> JSONResponse:
    repository = repository_of(request)
    commit = commit_of(request, repository, unquote(request.path_params["revision"]))
    folder = unquote(request.path_params.get("path", "")).strip("/")
    asked = {key: request.query_params.get(key, "").lower() == "true" for key in ("recursive", "expand")}
    names = names_in(commit.files, folder, asked["recursive"])
    if folder and not names:
        raise HubError(404, f"{folder} does not exist on {commit.oid}", "EntryNotFound")
    entries = [entry(repository, commit, name, asked["expand"]) for name in names]
    return page(request, entries, 50 if asked["expand"] else request.app.state.page_size)


def paths_info(request: Request) -> JSONResponse:
    repository = repository_of(request)
    commit = repository.at(unquote(request.path_params["revision"]))
    form = parse_qs(body_of(request).decode())
    expand = form.get("expand", [""])[0].lower() == "true"
    found = [entry(repository, commit, path.strip("/"), expand) for path in form.get("paths", [])]
    return JSONResponse([each for each in found if each])


def commits(request: Request) -> JSONResponse:
    repository = repository_of(request)
    found = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.message,
            "authors": [{"user": commit.author}],
            "date": date_text(commit.date),
        }
        for commit in repository.history(unquote(request.path_params["revision"]))
    ]
    return page(request, found, request.app.state.page_size)


def refs(request: Request) -> JSONResponse:
    known = {
        ref if ref.startswith("refs/") else f"refs/heads/{ref}": oid for ref, oid in repository_of(request).refs.items()
    }

    def listed(place: str, cut: str) -> list[dict[str, str]]:
        found = sorted((ref, oid) for ref, oid in known.items() if ref.startswith(place))
        return [{"name": ref.removeprefix(cut), "ref": ref, "targetCommit": oid} for ref, oid in found]

    kinds = {"branches": "refs/heads/", "converts": "refs/convert/", "tags": "refs/tags/"}
    answer = {kind: listed(place, cut=place) for kind, place in kinds.items()}
    if request.query_params.get("include_prs"):
        answer["pullRequests"] = listed("refs/pr/", cut="refs/")
    return JSONResponse(answer)


def create_branch(request: Request) -> JSONResponse:
    start = json_of(request).get("startingPoint") or "main"
    repository_of(request, write=True).point(unquote(request.path_params["branch"]), start)
    return JSONResponse({})


def create_tag(request: Request) -> JSONResponse:
    revision = unquote(request.path_params["revision"])
    repository_of(request, write=True).point(f"refs/tags/{json_of(request)['tag']}", revision)
    return JSONResponse({})


def delete_tag(request: Request) -> JSONResponse:
    repository = repository_of(request, write=True)
    tag = unquote(request.path_params["revision"])
    if repository.refs.pop(f"refs/tags/{tag}", None) is None:
        raise HubError(404, f"Tag not found: {tag}", "RevisionNotFound")
    return JSONResponse({})


def discussion(repository: Repository, pull: PullRequest) -> dict[str, Any]:
    return {
        "num": pull.number,
        "title": pull.title,
        "author": {"name": pull.author},
        "createdAt": date_text(pull.date),
        "status": "open",
        "isPullRequest": True,
        "repo": {"name": repository.name, "type": repository.kind[:-1]},
    }


def discussions(request: Request) -> JSONResponse:
    repository = repository_of(request)
    found = [discussion(repository, pull) for pull in repository.pulls]
    return JSONResponse({"discussions": found, "count": len(found), "start": 0})


def discussion_details(request: Request) -> JSONResponse:
    repository = repository_of(request)
    number = int(request.path_params["number"])
    if not 0 < number <= len(repository.pulls):
        raise HubError(404, "Discussion not found")
    found = discussion(repository, repository.pulls[number - 1])
    changes = {"base": "refs/heads/main", "mergeCommitId": None}
    return JSONResponse({**found, "events": [], "filesWithConflicts": [], "changes": changes})


ROUTES = [
    Route("/api/whoami-v2", who_am_i),
    Route("/api/repos/create", create_repository, methods=["POST"]),
    Route("/api/repos/delete", delete_repository, methods=["DELETE"]),
    Route("/api/repos/move", move_repository, methods=["POST"]),
    Route("/api/validate-yaml", validate_yaml, methods=["POST"]),
    Route("/api/{kind}/{name}", info),
    Route("/api/{kind}/{name}/revision/{revision}", info),
    Route(REPO, info),
    Route(REPO + "/revision/{revision}", info),
    Route(REPO + "/auth-check", auth_check),
    Route(REPO + "/auth-check/write", auth_check),
    Route(REPO + "/tree/{revision}", tree),
    Route(REPO + "/tree/{revision}/{path:path}", tree),
    Route(REPO + "/paths-info/{revision}", paths_info, methods=["POST"]),
    Route(REPO + "/commits/{revision}", commits),
    Route(REPO + "/refs", refs),
    Route(REPO + "/branch/{branch}", create_branch, methods=["POST"]),
    Route(REPO + "/tag/{revision}", create_tag, methods=["POST"]),
    Route(REPO + "/tag/{revision}", delete_tag, methods=["DELETE"]),
    Route(REPO + "/discussions", discussions),
    Route(REPO + "/discussions/{number:int}", discussion_details),
]
