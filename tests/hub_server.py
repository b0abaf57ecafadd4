"""A server on loopback that speaks the Hub's protocol for data sets, as huggingface_hub 2 and datasets 5 use it.

In a test: `with hub() as server: … server.url, server.store, server.asked`; the clients run in processes of their own,
as they read HF_ENDPOINT when they are imported (`server.environment(home)`). By hand: python tests/hub_server.py PORT.

Spoken: whoami-v2, repos/create, validate-yaml, preupload, LFS batch with PUT (in parts above `part` bytes) and verify,
commit (also as a pull request), branch, tag, refs, tree by pages, paths-info, revision info, resolve with ranges. Not
spoken: Xet (asking for its token is answered 404, as a mirror without it would), the viewer and its parquet export.
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
from tests.hub_store import DATA, LARGE, Blob, Refused, Repo, Store, card_of, entries, ref

PAGE = 3  # entries of a page of a listing: few, so that there is always a second one
ID = r"(?P<id>[\w.-]+/[\w.-]+)"
API = f"/api/datasets/{ID}"


@dataclass(slots=True)
class Slip:
    """Something that goes wrong with the requests whose `METHOD path` matches `at`, but the first `skip`.

    `kind` is a status (`after`: its Retry-After), `gated`, `html` (a proxy's page), `reset` (before anything is done),
    `cut` (in the middle of the body), `lost` (done, and the answer never comes), or `slow` (by `seconds`). `times` is
    how often; `act` is called with the store first, as if someone else came in between.
    """

    at: str
    kind: str | int = 500
    times: int = 1_000_000
    skip: int = 0
    after: str = ""
    seconds: float = 0.0
    act: Callable[[Store], object] | None = None

    def strikes(self, request: str) -> bool:
        if not re.search(self.at, request):
            return False
        self.skip -= 1
        if self.skip >= 0 or self.times <= 0:
            return False
        self.times -= 1
        return True


NONE = Slip("", "")


class Server(loopback.Server):
    """The Hub: what it keeps, what goes wrong, and every request as `METHOD path` in order of arrival."""

    def __init__(self, slips: Sequence[Slip] = (), *, part: int = 1 << 40, port: int = 0) -> None:
        super().__init__(Handler, port)
        self.store = Store()
        self.slips = list(slips)
        self.part = part
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def environment(self, home: Path, token: str | None = "hf_anna", **more: str) -> dict[str, str]:
        """Return the environment of a client whose caches and login lie in `home`."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        given = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "COLUMNS": "100"}
        quiet = dict.fromkeys(("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS"), "1")
        quiet["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
        login = {} if token is None else {"HF_TOKEN": token}
        return {**own, **given, **quiet, **login, "PYTHONPATH": str(Path(__file__).parent.parent), **more}

    def writes(self) -> list[str]:
        """Return the requests that change something."""
        reads = ("GET", "HEAD", "POST /api/validate-yaml", "POST /api/datasets/.*/paths-info")
        return [one for one in self.asked if not re.match("|".join(reads), one)]


class Handler(loopback.Handler):
    """One client's connection."""

    server: Server

    def handle_request(self) -> None:
        self.url = urlsplit(self.path)
        self.asks = {name: values[0] for name, values in parse_qs(self.url.query).items()}
        request = f"{self.command} {unquote(self.url.path)}"
        self.server.asked.append(request)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        self.token = token
        slip = next((one for one in self.server.slips if one.strikes(request)), NONE)
        if slip.act is not None:
            slip.act(self.server.store)
        if slip.kind in ("reset", "cut"):
            if slip.kind == "cut":
                self.rfile.read(int(self.headers.get("Content-Length", "0")) // 2)
            self.reset()
            return
        body = self.body()
        time.sleep(slip.seconds)
        answer = self.refused(slip) or self.worked(body)
        if slip.kind == "lost":
            self.reset()
        elif slip.kind == "html":
            self.send(200, b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"})
        else:
            self.send(*answer)

    def refused(self, slip: Slip) -> tuple[Any, ...] | None:
        if isinstance(slip.kind, int):
            return slip.kind, {"error": f"fault {slip.kind} of the test"}, {"Retry-After": slip.after}
        if slip.kind == "gated":
            return 403, {"error": "Access to this dataset is restricted"}, {"X-Error-Code": "GatedRepo"}
        return None

    def worked(self, body: bytes) -> tuple[Any, ...]:
        try:
            return self.answer(self.command.replace("HEAD", "GET"), self.url.path, body)
        except Refused as refusal:
            told = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            return refusal.status, {"error": refusal.message}, told

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()
        self.close_connection = True

    def send(self, status: int, told: Any = None, headers: dict[str, str] | None = None) -> None:
        data = told if isinstance(told, bytes) else b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def answer(self, method: str, path: str, body: bytes) -> tuple[Any, ...]:
        """Return status, what is told (JSON or bytes) and headers."""
        for told, pattern, work in ROUTES:
            match = re.fullmatch(pattern, path)
            if told == method and match is not None:
                given = {name: unquote(one) for name, one in match.groupdict().items() if one is not None}
                with self.server.store.lock:
                    return work(self, body=body, **given)
        raise Refused(404, f"no route {method} {path}")

    def repo(self, id_: str, *, write: bool = False) -> Repo:
        return self.server.store.repo(id_, self.token, write=write)

    def whoami(self, body: bytes) -> tuple[Any, ...]:
        account = self.server.store.who(self.token)
        if account is None:
            raise Refused(401, "Invalid credentials in Authorization header")
        orgs = [{"name": name, "type": "org"} for name in account["orgs"]]
        auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": account["role"]}}
        return 200, {"type": "user", "name": account["name"], "orgs": orgs, "auth": auth}

    def create(self, body: bytes) -> tuple[Any, ...]:
        told = json.loads(body)
        owner = told.get("organization") or (self.server.store.who(self.token) or {}).get("name")
        private = told.get("visibility") == "private" or bool(told.get("private"))
        id_ = f"{owner}/{told['name']}"
        answer = {"url": f"{self.server.url}/datasets/{id_}", "name": id_, "id": id_}
        try:
            self.server.store.create(id_, self.token, private=private)
        except Refused as refusal:
            if refusal.status != 409:
                raise
            return 409, {"error": refusal.message, **answer}
        return 200, answer

    def validate(self, body: bytes) -> tuple[Any, ...]:
        # The Hub's own validator cannot be had here: this one only looks whether there is a block of YAML.
        content = json.loads(body)["content"]
        good = content.startswith("---\n") and "\n---\n" in content[3:]
        return (200, {"errors": [], "warnings": []}) if good else (400, {"errors": [{"message": "no metadata"}]})

    def info(self, body: bytes, id: str, revision: str = "main") -> tuple[Any, ...]:  # noqa: A002
        repo = self.repo(id)
        commit = repo.commit(revision)
        files = [{"rfilename": path} for path in sorted(commit.files)]
        told = {"_id": "0", "id": repo.id, "author": id.split("/")[0], "sha": commit.sha, "private": repo.private}
        card = card_of(commit.files.get("README.md"))
        gated = "auto" if repo.gated else False
        return 200, {**told, "gated": gated, "disabled": False, "tags": [], "siblings": files, "cardData": card}

    def refs(self, body: bytes, id: str) -> tuple[Any, ...]:  # noqa: A002
        repo = self.repo(id)
        told: dict[str, Any] = {"converts": []}
        told["branches"] = [ref(f"refs/heads/{name}", sha) for name, sha in repo.branches.items()]
        told["tags"] = [ref(f"refs/tags/{name}", sha) for name, sha in repo.tags.items()]
        if "include_prs" in self.asks:
            told["pullRequests"] = [ref(name, sha) for name, sha in repo.pulls.items()]
        return 200, told

    def tree(self, body: bytes, id: str, revision: str, under: str = "") -> tuple[Any, ...]:  # noqa: A002
        commit = self.repo(id).commit(revision)
        inside = f"{under.strip('/')}/" if under.strip("/") else ""
        files = {path: blob for path, blob in commit.files.items() if path.startswith(inside)}
        if inside and not files:
            raise Refused(404, f"{under} does not exist", "EntryNotFound")
        listed = entries(files, inside, recursive=self.asks.get("recursive", "").lower() in ("true", "1"))
        start = int(self.asks.get("cursor", "0"))
        headers = {}
        if start + PAGE < len(listed):
            more = "&".join(f"{name}={value}" for name, value in {**self.asks, "cursor": start + PAGE}.items())
            headers["Link"] = f'<{self.server.url}{self.url.path}?{more}>; rel="next"'
        return 200, listed[start : start + PAGE], headers

    def paths(self, body: bytes, id: str, revision: str) -> tuple[Any, ...]:  # noqa: A002
        commit = self.repo(id).commit(revision)
        asked = parse_qs(body.decode()).get("paths", []) if not body.startswith(b"{") else json.loads(body)["paths"]
        listed = {one["path"]: one for one in entries(commit.files, "", recursive=True)}
        return 200, [listed[path] for path in asked if path in listed]

    def preupload(self, body: bytes, id: str, revision: str) -> tuple[Any, ...]:  # noqa: A002
        files = self.repo(id, write="create_pr" not in self.asks).commit(revision).files
        told = []
        for one in json.loads(body)["files"]:
            large = one["path"].endswith(DATA) or one["size"] > LARGE
            there = files.get(one["path"])
            oid = None if there is None else there.sha256 if there.large else there.oid
            mode = "lfs" if large else "regular"
            told.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return 200, {"files": told}

    def batch(self, body: bytes, id: str) -> tuple[Any, ...]:  # noqa: A002
        self.repo(id)
        objects = []
        for one in json.loads(body)["objects"]:
            told = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.server.store.objects:
                at = f"{self.server.url}/lfs/{one['oid']}"
                parts = range(1, -(-one["size"] // self.server.part) + 1)
                header = {str(part): f"{at}/{part}" for part in parts}
                multi_label = {"href": f"{at}/complete", "header": {"chunk_size": str(self.server.part), **header}}
                upload = multi_label if len(parts) > 1 else {"href": at}
                told["actions"] = {"upload": upload, "verify": {"href": f"{at}/verify"}}
            objects.append(told)
        return 200, {"transfer": "basic", "objects": objects}

    def put(self, body: bytes, oid: str, part: str | None = None) -> tuple[Any, ...]:
        store = self.server.store
        if part is not None:
            store.parts.setdefault(oid, {})[int(part)] = body
            return 200, None, {"ETag": f'"part{part}"'}
        if Blob(body).sha256 != oid:
            raise Refused(400, "the content is not what its hash says")
        store.objects[oid] = body
        return 200, None

    def complete(self, body: bytes, oid: str) -> tuple[Any, ...]:
        parts = self.server.store.parts.get(oid, {})
        return self.put(b"".join(parts[one["partNumber"]] for one in json.loads(body)["parts"]), oid)

    def verify(self, body: bytes, oid: str) -> tuple[Any, ...]:
        if oid not in self.server.store.objects:
            raise Refused(404, "no such object")
        return 200, {}

    def commit(self, body: bytes, id: str, revision: str) -> tuple[Any, ...]:  # noqa: A002
        pull = "create_pr" in self.asks
        repo, account = self.repo(id, write=not pull), self.server.store.who(self.token)
        if account is None:
            raise Refused(401, "Invalid username or password.")
        told = self.server.store.write(repo, revision, body.split(b"\n"), account["name"], pull=pull)
        return 200, {name: self.server.url + one if name.endswith("Url") else one for name, one in told.items()}

    def branch(self, body: bytes, id: str, name: str) -> tuple[Any, ...]:  # noqa: A002
        repo = self.repo(id, write=True)
        if name in repo.branches:
            raise Refused(409, "Reference already exists")
        repo.branches[name] = repo.commit(json.loads(body or b"{}").get("startingPoint", "main")).sha
        return 200, {}

    def tag(self, body: bytes, id: str, revision: str) -> tuple[Any, ...]:  # noqa: A002
        repo, name = self.repo(id, write=True), json.loads(body)["tag"]
        if name in repo.tags:
            raise Refused(409, f"Tag reference exists already: {name}")
        repo.tags[name] = repo.commit(revision).sha
        return 200, {}

    def resolve(self, body: bytes, id: str, revision: str, name: str) -> tuple[Any, ...]:  # noqa: A002
        repo = self.repo(id)
        commit = repo.commit(revision)
        if repo.gated:
            raise Refused(403 if self.server.store.who(self.token) else 401, "Access is restricted", "GatedRepo")
        blob = commit.files.get(name)
        if blob is None:
            raise Refused(404, "Entry not found", "EntryNotFound")
        etag = blob.sha256 if blob.large else blob.oid
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(blob.data))} if blob.large else {}
        headers["Content-Type"] = "application/octet-stream"
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            return 200, blob.data, {**headers, "Content-Length": str(len(blob.data))}
        first, last = int(span[1]), min(int(span[2] or len(blob.data)), len(blob.data) - 1)
        if first > last:
            raise Refused(416, "no such range")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(blob.data)}"
        return 206, blob.data[first : last + 1], headers


ROUTES: tuple[tuple[str, str, Callable[..., tuple[Any, ...]]], ...] = (
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("GET", API, Handler.info),
    ("GET", f"{API}/revision/(?P<revision>.+)", Handler.info),
    ("GET", f"{API}/refs", Handler.refs),
    ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?P<under>/.*)?", Handler.tree),
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
def hub(*slips: Slip, part: int = 1 << 40) -> Iterator[Server]:
    """Run a Hub for a test."""
    with loopback.running(Server(slips, part=part)) as server:
        yield server


if __name__ == "__main__":
    by_hand = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    sys.stderr.write(f"HF_ENDPOINT={by_hand.url} HF_TOKEN=hf_anna HF_HUB_DISABLE_XET=1\n")
    by_hand.serve_forever()
