"""The routes that move files: what is uploaded how, large files, commits, downloads."""

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.access import body_of, check_gate, hub_of, json_of, repository_of, writer_of
from hub.api import REPO
from hub.state import HubError, Operation, Repository, Stored, goes_to_lfs, path_of

PLACES = ("/{owner}/{name}", "/{kind}/{owner}/{name}")


def writable(request: Request, *, proposal: bool) -> Repository:
    """Return the repository, which the account may write to; a proposal may come from anyone who may write at all."""
    repository = repository_of(request)
    writer_of(request, None if proposal else repository.name.split("/")[0])
    return repository


def proposes(request: Request) -> bool:
    return request.query_params.get("create_pr") == "1"


def preupload(request: Request) -> JSONResponse:
    repository = writable(request, proposal=proposes(request))
    files = repository.at(unquote(request.path_params["revision"])).files
    answers = []
    for file in json_of(request)["files"]:
        mode = "lfs" if goes_to_lfs(file["path"], file["size"]) else "regular"
        answer: dict[str, Any] = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
        if stored := files.get(file["path"]):
            answer["oid"] = stored.etag
        answers.append(answer)
    return JSONResponse({"files": answers})


def lfs_batch(request: Request) -> JSONResponse:
    asked = json_of(request)
    repository = writable(request, proposal="ref" not in asked)
    place = f"{hub_of(request).url}/lfs/{repository.kind}/{repository.name}"
    objects = []
    for each in asked["objects"]:
        answer: dict[str, Any] = {"oid": each["oid"], "size": each["size"], "authenticated": True}
        if each["oid"] not in repository.lfs:
            upload, verify = {"href": f"{place}/{each['oid']}"}, {"href": f"{place}/verify"}
            answer["actions"] = {"upload": upload, "verify": verify}
        objects.append(answer)
    return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")


def lfs_repository(request: Request) -> Repository:
    """Return the repository of an upload; like the storage behind the Hub, it asks for no token."""
    name = f"{request.path_params['owner']}/{request.path_params['name']}"
    return hub_of(request).repositories[path_of(request.path_params["kind"], name)]


def lfs_upload(request: Request) -> Response:
    data, oid = body_of(request), request.path_params["oid"]
    if hashlib.sha256(data).hexdigest() != oid:
        raise HubError(400, "The content isn't what was announced")
    lfs_repository(request).lfs[oid] = data
    return Response(headers={"ETag": f'"{oid}"'})


def lfs_verify(request: Request) -> JSONResponse:
    asked = json_of(request)
    data = lfs_repository(request).lfs.get(asked["oid"])
    if data is None or len(data) != asked["size"]:
        raise HubError(404, "The file isn't there")
    return JSONResponse({})


def operation(repository: Repository, key: str, value: dict[str, Any]) -> Operation:
    """Return what one line of a commit asks for."""
    path = value["path"]
    if key == "file":
        data = base64.b64decode(value["content"]) if value.get("encoding") == "base64" else value["content"].encode()
        return Operation(path, Stored(data))
    if key == "lfsFile":
        if value["oid"] not in repository.lfs:
            raise HubError(400, f"{path} points to a large file that was never uploaded")
        return Operation(path, Stored(repository.lfs[value["oid"]], lfs=True))
    if key in ("deletedFile", "deletedFolder"):
        return Operation(path, None, folder=key == "deletedFolder")
    raise HubError(400, f"Unknown operation: {key}")


def commit(request: Request) -> JSONResponse:
    repository = writable(request, proposal=proposes(request))
    account = writer_of(request)
    lines = [json.loads(line) for line in body_of(request).splitlines() if line.strip()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    operations = [operation(repository, line["key"], line["value"]) for line in lines if line["key"] != "header"]
    revision, parent = unquote(request.path_params["revision"]), header.get("parentCommit")
    message = {"title": header["summary"], "message": header.get("description", ""), "author": account.name}
    place = f"{hub_of(request).url}/{repository.path}"
    if proposes(request):
        made, pull = repository.propose(operations, base=parent or revision, **message)
        extra = {"pullRequestUrl": f"{place}/discussions/{pull.number}"}
    else:
        made, extra = repository.commit(operations, revision=revision, parent=parent, **message), {}
    return JSONResponse({"success": True, "commitOid": made.oid, "commitUrl": f"{place}/commit/{made.oid}", **extra})


def span(asked: str, size: int) -> tuple[int, int]:
    """Return where a range starts and ends, the end excluded."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if not found or found[0] == "bytes=-":
        raise HubError(416, "Invalid range", headers={"Content-Range": f"bytes */{size}"})
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise HubError(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{size}"})
    return start, end


def resolve(request: Request) -> Response:
    repository = repository_of(request)
    check_gate(request, repository)
    revision, path = unquote(request.path_params["revision"]), request.path_params["path"]
    found = repository.at(revision)
    headers = {"X-Repo-Commit": found.oid, "Accept-Ranges": "bytes"}
    stored = found.files.get(unquote(path))
    if stored is None:
        raise HubError(404, "Entry not found", "EntryNotFound", headers)
    headers["ETag"] = f'"{stored.etag}"'
    if stored.lfs:
        headers |= {"X-Linked-Etag": f'"{stored.etag}"', "X-Linked-Size": str(stored.size)}
    if revision != found.oid:  # as on the Hub: a download is of one commit, even if the branch moves meanwhile
        headers["Location"] = f"/{repository.path}/resolve/{found.oid}/{path}"
        return Response(status_code=307, headers=headers)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if asked := request.headers.get("range"):
        start, end = span(asked, stored.size)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
        return Response(stored.data[start:end], 206, headers, "application/octet-stream")
    return Response(stored.data, 200, headers, "application/octet-stream")


ROUTES = [
    Route(REPO + "/preupload/{revision}", preupload, methods=["POST"]),
    Route(REPO + "/commit/{revision}", commit, methods=["POST"]),
    Route("/lfs/{kind}/{owner}/{name}/verify", lfs_verify, methods=["POST"]),
    Route("/lfs/{kind}/{owner}/{name}/{oid}", lfs_upload, methods=["PUT"]),
    *(Route(place + ".git/info/lfs/objects/batch", lfs_batch, methods=["POST"]) for place in PLACES),
    *(Route(place + "/resolve/{revision}/{path:path}", resolve) for place in ("/{name}", *PLACES)),
]
