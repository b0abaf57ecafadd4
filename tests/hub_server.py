"""A server on loopback with the Hub's protocol for data sets, as huggingface_hub 2 and datasets 5 use it.

In a test: `with hub() as server: … server.url, server.store, server.requests`; clients run in processes of their own,
because they read HF_ENDPOINT when they are imported (`server.environment(home)`). By hand: python tests/hub_server.py
PORT.

Implemented: whoami-v2, repos/create, validate-yaml, preupload, LFS batch with PUT (in parts above `part_bytes`) and
verify, commit (also as a pull request), branch, tag, refs, tree by pages, paths-info, revision info, resolve with
ranges. Not implemented: Xet (a request for its token gets 404, as from a mirror without Xet), the viewer and its
parquet export.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import loopback
from tests.hub_store import LFS_MIN_BYTES, LFS_SUFFIXES, Blob, ErrorResponse, Repo, Store, card_metadata, entries, ref

PAGE_ENTRIES = 3  # few entries per page of a listing, so that there is always a second page
ID = r"(?P<id>[\w.-]+/[\w.-]+)"
API = f"/api/datasets/{ID}"
Response = tuple[Any, ...]
"""Status, content (JSON, bytes or None), and headers; the last two may be left out."""


@dataclass(slots=True)
class HubFault:
    """A fault in the requests whose `METHOD path` matches `pattern`, except the first `skip` ones.

    `kind` is a status (with `retry_after` as its Retry-After), `gated`, `html` (a proxy's page), `reset` (before
    anything is done), `cut` (in the middle of the body), `lost` (the request is carried out, but the response never
    arrives), or `slow` (by `seconds`). `times` is how often it happens. `before` is called with the store first, like
    the action of another user at that moment, and `after` once the request is carried out, before its response.
    """

    pattern: str
    kind: str | int = 500
    times: int = 1_000_000
    skip: int = 0
    retry_after: str = ""
    seconds: float = 0.0
    before: Callable[[Store], object] | None = None
    after: Callable[[Store], object] | None = None

    def applies_to(self, request: str) -> bool:
        if not re.search(self.pattern, request):
            return False
        self.skip -= 1
        if self.skip >= 0 or self.times <= 0:
            return False
        self.times -= 1
        return True


NO_FAULT = HubFault("", "")


class Server(loopback.Server):
    """The Hub: its store, its faults, and every request as `METHOD path` in order of arrival."""

    def __init__(self, faults: Sequence[HubFault] = (), *, part_bytes: int = 1 << 40, port: int = 0) -> None:
        super().__init__(Handler, port)
        self.store = Store()
        self.faults = list(faults)
        self.part_bytes = part_bytes
        self.requests: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def environment(self, home: Path, token: str | None = "hf_anna", **variables: str) -> dict[str, str]:
        """Return the environment of a client whose caches and login are in `home`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        hub = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "COLUMNS": "100"}
        quiet = dict.fromkeys(("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS"), "1")
        quiet["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
        login = {} if token is None else {"HF_TOKEN": token}
        return {**inherited, **hub, **quiet, **login, "PYTHONPATH": str(Path(__file__).parent.parent), **variables}

    def writes(self) -> list[str]:
        """Return the requests that change something."""
        reads = ("GET", "HEAD", "POST /api/validate-yaml", "POST /api/datasets/.*/paths-info")
        return [request for request in self.requests if not re.match("|".join(reads), request)]


class Handler(loopback.Handler):
    """The connection of one client."""

    server: Server

    def handle_request(self) -> None:
        self.url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(self.url.query).items()}
        request = f"{self.command} {unquote(self.url.path)}"
        self.server.requests.append(request)
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        fault = next((fault for fault in self.server.faults if fault.applies_to(request)), NO_FAULT)
        if fault.before is not None:
            fault.before(self.server.store)
        if fault.kind in ("reset", "cut"):
            if fault.kind == "cut":
                self.rfile.read(int(self.headers.get("Content-Length", "0")) // 2)
            self.reset()
            return
        body = self.body()
        time.sleep(fault.seconds)
        response = self.fault_response(fault) or self.response(body)
        if fault.after is not None:
            fault.after(self.server.store)
        if fault.kind == "lost":
            self.reset()
        elif fault.kind == "html":
            self.send(200, b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"})
        else:
            self.send(*response)

    def fault_response(self, fault: HubFault) -> Response | None:
        if isinstance(fault.kind, int):
            return fault.kind, {"error": f"fault {fault.kind} of the test"}, {"Retry-After": fault.retry_after}
        if fault.kind == "gated":
            return 403, {"error": "Access to this dataset is restricted"}, {"X-Error-Code": "GatedRepo"}
        return None

    def response(self, body: bytes) -> Response:
        try:
            return self.route(self.command.replace("HEAD", "GET"), self.url.path, body)
        except ErrorResponse as error:
            headers = {"X-Error-Code": error.code, "X-Error-Message": error.message}
            return error.status, {"error": error.message}, headers

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()
        self.close_connection = True

    def send(self, status: int, content: Any = None, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def route(self, method: str, path: str, body: bytes) -> Response:
        for route_method, pattern, handle in ROUTES:
            match = re.fullmatch(pattern, path)
            if route_method == method and match is not None:
                values = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                with self.server.store.lock:
                    return handle(self, body=body, **values)
        raise ErrorResponse(404, f"no route {method} {path}")

    def repo(self, id_: str, *, write: bool = False) -> Repo:
        return self.server.store.repo(id_, self.token, write=write)

    def whoami(self, body: bytes) -> Response:
        account = self.server.store.account(self.token)
        if account is None:
            raise ErrorResponse(401, "Invalid credentials in Authorization header")
        orgs = [{"name": name, "type": "org"} for name in account["orgs"]]
        auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": account["role"]}}
        return 200, {"type": "user", "name": account["name"], "orgs": orgs, "auth": auth}

    def create(self, body: bytes) -> Response:
        options = json.loads(body)
        owner = options.get("organization") or (self.server.store.account(self.token) or {}).get("name")
        private = options.get("visibility") == "private" or bool(options.get("private"))
        id_ = f"{owner}/{options['name']}"
        content = {"url": f"{self.server.url}/datasets/{id_}", "name": id_, "id": id_}
        try:
            self.server.store.create(id_, self.token, private=private)
        except ErrorResponse as error:
            if error.status != 409:
                raise
            return 409, {"error": error.message, **content}
        return 200, content

    def validate(self, body: bytes) -> Response:
        # The Hub's own validator is not available offline: this one only checks that there is a block of YAML.
        content = json.loads(body)["content"]
        valid = content.startswith("---\n") and "\n---\n" in content[3:]
        return (200, {"errors": [], "warnings": []}) if valid else (400, {"errors": [{"message": "no metadata"}]})

    def info(self, body: bytes, id: str, revision: str = "main") -> Response:  # noqa: A002
        repo = self.repo(id)
        commit = repo.commit(revision)
        return 200, {
            "_id": "0",
            "id": repo.id,
            "author": id.split("/")[0],
            "sha": commit.sha,
            "private": repo.private,
            "gated": "auto" if repo.gated else False,
            "disabled": False,
            "tags": [],
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
            "cardData": card_metadata(commit.files.get("README.md")),
        }

    def refs(self, body: bytes, id: str) -> Response:  # noqa: A002
        repo = self.repo(id)
        content: dict[str, Any] = {"converts": []}
        content["branches"] = [ref(f"refs/heads/{name}", sha) for name, sha in repo.branches.items()]
        content["tags"] = [ref(f"refs/tags/{name}", sha) for name, sha in repo.tags.items()]
        if "include_prs" in self.query:
            content["pullRequests"] = [ref(name, sha) for name, sha in repo.pull_requests.items()]
        return 200, content

    def tree(self, body: bytes, id: str, revision: str, folder: str = "") -> Response:  # noqa: A002
        commit = self.repo(id).commit(revision)
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        files = {path: blob for path, blob in commit.files.items() if path.startswith(prefix)}
        if prefix and not files:
            raise ErrorResponse(404, f"{folder} does not exist", "EntryNotFound")
        listed = entries(files, prefix, recursive=self.query.get("recursive", "").lower() in ("true", "1"))
        start = int(self.query.get("cursor", "0"))
        headers = {}
        if start + PAGE_ENTRIES < len(listed):
            query = {**self.query, "cursor": start + PAGE_ENTRIES}
            next_page = "&".join(f"{name}={value}" for name, value in query.items())
            headers["Link"] = f'<{self.server.url}{self.url.path}?{next_page}>; rel="next"'
        return 200, listed[start : start + PAGE_ENTRIES], headers

    def paths(self, body: bytes, id: str, revision: str) -> Response:  # noqa: A002
        commit = self.repo(id).commit(revision)
        paths = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode()).get("paths", [])
        listed = {entry["path"]: entry for entry in entries(commit.files, "", recursive=True)}
        return 200, [listed[path] for path in paths if path in listed]

    def preupload(self, body: bytes, id: str, revision: str) -> Response:  # noqa: A002
        existing = self.repo(id, write="create_pr" not in self.query).commit(revision).files
        files = []
        for file in json.loads(body)["files"]:
            is_large = file["path"].endswith(LFS_SUFFIXES) or file["size"] > LFS_MIN_BYTES
            blob = existing.get(file["path"])
            oid = None if blob is None else blob.sha256 if blob.is_lfs else blob.oid
            mode = "lfs" if is_large else "regular"
            files.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return 200, {"files": files}

    def batch(self, body: bytes, id: str) -> Response:  # noqa: A002
        self.repo(id)
        objects = []
        for requested in json.loads(body)["objects"]:
            entry = {"oid": requested["oid"], "size": requested["size"]}
            if entry["oid"] not in self.server.store.objects:
                url, part_bytes = f"{self.server.url}/lfs/{entry['oid']}", self.server.part_bytes
                parts = range(1, -(-entry["size"] // part_bytes) + 1)
                header = {"chunk_size": str(part_bytes), **{str(part): f"{url}/{part}" for part in parts}}
                multipart = {"href": f"{url}/complete", "header": header}
                upload = multipart if len(parts) > 1 else {"href": url}
                entry["actions"] = {"upload": upload, "verify": {"href": f"{url}/verify"}}
            objects.append(entry)
        return 200, {"transfer": "basic", "objects": objects}

    def put(self, body: bytes, oid: str, part: str | None = None) -> Response:
        store = self.server.store
        if part is not None:
            store.parts.setdefault(oid, {})[int(part)] = body
            return 200, None, {"ETag": f'"part{part}"'}
        if Blob(body).sha256 != oid:
            raise ErrorResponse(400, "the content does not match its hash")
        store.objects[oid] = body
        return 200, None

    def complete(self, body: bytes, oid: str) -> Response:
        parts = self.server.store.parts.get(oid, {})
        return self.put(b"".join(parts[part["partNumber"]] for part in json.loads(body)["parts"]), oid)

    def verify(self, body: bytes, oid: str) -> Response:
        if oid not in self.server.store.objects:
            raise ErrorResponse(404, "no such object")
        return 200, {}

    def commit(self, body: bytes, id: str, revision: str) -> Response:  # noqa: A002
        pull_request = "create_pr" in self.query
        repo, account = self.repo(id, write=not pull_request), self.server.store.account(self.token)
        if account is None:
            raise ErrorResponse(401, "Invalid username or password.")
        content = self.server.store.write(repo, revision, body.split(b"\n"), account["name"], pull_request=pull_request)
        return 200, {
            name: self.server.url + value if name.endswith("Url") else value for name, value in content.items()
        }

    def branch(self, body: bytes, id: str, name: str) -> Response:  # noqa: A002
        repo = self.repo(id, write=True)
        if name in repo.branches:
            raise ErrorResponse(409, "Reference already exists")
        repo.branches[name] = repo.commit(json.loads(body or b"{}").get("startingPoint", "main")).sha
        return 200, {}

    def tag(self, body: bytes, id: str, revision: str) -> Response:  # noqa: A002
        repo, name = self.repo(id, write=True), json.loads(body)["tag"]
        if name in repo.tags:
            raise ErrorResponse(409, f"Tag reference exists already: {name}")
        repo.tags[name] = repo.commit(revision).sha
        return 200, {}

    def resolve(self, body: bytes, id: str, revision: str, name: str) -> Response:  # noqa: A002
        repo = self.repo(id)
        commit = repo.commit(revision)
        if repo.gated:
            raise ErrorResponse(
                403 if self.server.store.account(self.token) else 401, "Access is restricted", "GatedRepo"
            )
        blob = commit.files.get(name)
        if blob is None:
            raise ErrorResponse(404, "Entry not found", "EntryNotFound")
        etag = blob.sha256 if blob.is_lfs else blob.oid
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(blob.data))} if blob.is_lfs else {}
        headers["Content-Type"] = "application/octet-stream"
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            return 200, blob.data, {**headers, "Content-Length": str(len(blob.data))}
        first, last = int(span[1]), min(int(span[2] or len(blob.data)), len(blob.data) - 1)
        if first > last:
            raise ErrorResponse(416, "no such range")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(blob.data)}"
        return 206, blob.data[first : last + 1], headers


ROUTES: tuple[tuple[str, str, Callable[..., Response]], ...] = (
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("GET", API, Handler.info),
    ("GET", f"{API}/revision/(?P<revision>.+)", Handler.info),
    ("GET", f"{API}/refs", Handler.refs),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?P<folder>/.*)?", Handler.tree),
    ("POST", f"{API}/paths-info/(?P<revision>.+)", Handler.paths),
    ("POST", f"{API}/preupload/(?P<revision>.+)", Handler.preupload),
    ("POST", f"{API}/commit/(?P<revision>.+)", Handler.commit),
    ("POST", f"{API}/branch/(?P<name>.+)", Handler.branch),
    ("POST", f"{API}/tag/(?P<revision>.+)", Handler.tag),
    ("POST", rf"/datasets/{ID}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", r"/lfs/(?P<oid>\w+)(?:/(?P<part>\d+))?", Handler.put),
    ("POST", r"/lfs/(?P<oid>\w+)/complete", Handler.complete),
    ("POST", r"/lfs/(?P<oid>\w+)/verify", Handler.verify),
    ("GET", rf"/datasets/{ID}/resolve/(?P<revision>[^/]+)/(?P<name>.+)", Handler.resolve),
)


@contextlib.contextmanager
def hub(*faults: HubFault, part_bytes: int = 1 << 40) -> Iterator[Server]:
    """Run a Hub for a test."""
    with loopback.running(Server(faults, part_bytes=part_bytes)) as server:
        yield server


if __name__ == "__main__":
    manual_server = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    sys.stderr.write(f"HF_ENDPOINT={manual_server.url} HF_TOKEN=hf_anna HF_HUB_DISABLE_XET=1\n")
    manual_server.serve_forever()
