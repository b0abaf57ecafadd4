"""The data of the Hub of tests/hub_server.py: accounts, repositories with real commits and refs, and LFS objects.

Everything is in memory. A commit is complete or not made: it is created from its parent's files in one step, under one
lock.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LFS_SUFFIXES = (".parquet", ".gz", ".arrow", ".zip")
LFS_MIN_BYTES = 10_000_000
ACCOUNTS = {
    "hf_anna": {"name": "anna", "orgs": ["acme"], "role": "write"},
    "hf_bob": {"name": "bob", "orgs": [], "role": "write"},
    "hf_reader": {"name": "anna", "orgs": ["acme"], "role": "read"},
}


class ErrorResponse(Exception):
    """An error response of the Hub: a status, a sentence, and the code in the header X-Error-Code."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit: its bytes, and whether it is stored as an LFS object."""

    data: bytes
    is_lfs: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self) -> str:
        """The git id: of the bytes, or of the LFS pointer that replaces them."""
        content = self.pointer if self.is_lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def pointer(self) -> bytes:
        lines = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return lines.encode()

    def entry(self, path: str) -> dict[str, Any]:
        """Return its entry in a listing."""
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return entry


@dataclass(frozen=True, slots=True)
class Commit:
    """A state of a repository: all its files, the commit message, and the parent commit."""

    sha: str
    parent: str | None
    files: Mapping[str, Blob]
    title: str
    description: str = ""
    author: str = ""


@dataclass
class Repo:
    """One data set on the Hub."""

    id: str
    private: bool = False
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)

    def commit(self, revision: str) -> Commit:
        """Return the commit of a branch, tag, pull request or sha."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name) or self.pull_requests.get(name) or name
        commit = self.commits.get(sha)
        if commit is None:
            raise ErrorResponse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def add(self, parent: str | None, files: Mapping[str, Blob], title: str, description: str, author: str) -> Commit:
        oids = {path: blob.oid for path, blob in files.items()}
        content = json.dumps([self.id, parent, title, oids, len(self.commits)])
        sha = hashlib.sha1(content.encode()).hexdigest()
        self.commits[sha] = Commit(sha, parent, dict(files), title, description, author)
        return self.commits[sha]

    def history(self, revision: str = "main") -> list[Commit]:
        """Return the commits of a revision, newest first."""
        commits: list[Commit] = []
        sha: str | None = self.commit(revision).sha
        while sha is not None:
            commits.append(self.commits[sha])
            sha = commits[-1].parent
        return commits


class Store:
    """All data of the Hub; with `put` and `files`, tests write and read it without a client."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}

    def account(self, token: str | None) -> dict[str, Any] | None:
        return ACCOUNTS.get(token or "")

    def repo(self, id_: str, token: str | None, *, write: bool = False) -> Repo:
        """Return a repository that this token may read, or write."""
        repo, account = self.repos.get(id_), self.account(token)
        is_owner = account is not None and id_.split("/")[0] in {account["name"], *account["orgs"]}
        if repo is None or (repo.private and not is_owner):
            raise ErrorResponse(404 if account else 401, "Repository not found", "RepoNotFound")
        if write and account is None:
            raise ErrorResponse(401, "Invalid username or password.")
        if write and not (is_owner and account is not None and account["role"] == "write"):
            raise ErrorResponse(403, f"You don't have the rights to write to {id_}")
        return repo

    def create(self, id_: str, token: str | None, *, private: bool = False) -> Repo:
        account, namespace = self.account(token), id_.split("/")[0]
        if account is None:
            raise ErrorResponse(401, "Invalid username or password.")
        if account["role"] != "write" or namespace not in {account["name"], *account["orgs"]}:
            raise ErrorResponse(403, f"You don't have the rights to create a dataset under the namespace {namespace}")
        with self.lock:
            if id_ in self.repos:
                raise ErrorResponse(409, "You already created this dataset repo")
            repo = self.repos[id_] = Repo(id_, private)
            first = repo.add(None, {".gitattributes": Blob(b"*.parquet filter=lfs\n")}, "initial commit", "", "")
            repo.branches["main"] = first.sha
            return repo

    def put(self, id_: str, files: Mapping[str, bytes], *, title: str = "by hand", **options: bool) -> Commit:
        """Commit files without any check, as another user would; the repository is created if it does not exist."""
        with self.lock:
            if id_ not in self.repos:
                self.repos[id_] = Repo(id_, **options)
            repo = self.repos[id_]
            head = repo.commits.get(repo.branches.get("main", ""))
            blobs = {path: Blob(data, path.endswith(LFS_SUFFIXES)) for path, data in files.items()}
            commit = repo.add(head and head.sha, {**(head.files if head else {}), **blobs}, title, "", "someone")
            repo.branches["main"] = commit.sha
            return commit

    def files(self, id_: str, revision: str = "main") -> dict[str, bytes]:
        """Return the bytes of every file of a revision except .gitattributes."""
        files = self.repos[id_].commit(revision).files
        return {path: blob.data for path, blob in sorted(files.items()) if path != ".gitattributes"}

    def write(
        self, repo: Repo, revision: str, lines: Iterable[bytes], author: str, *, pull_request: bool
    ) -> dict[str, Any]:
        """Make a commit from a client's request: one line of JSON per operation."""
        operations = [json.loads(line) for line in lines if line.strip()]
        header = next(operation["value"] for operation in operations if operation["key"] == "header")
        with self.lock:
            if not pull_request and revision not in repo.branches and revision not in repo.pull_requests:
                raise ErrorResponse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            head = repo.commit(revision)
            parent = header.get("parentCommit")
            if parent is not None and not head.sha.startswith(parent) and not pull_request:
                raise ErrorResponse(412, "A commit has happened since. Please refresh and try again.")
            files = self._apply(operations, dict(head.files))
            commit = repo.add(head.sha, files, header["summary"], header.get("description", ""), author)
            response = {
                "success": True,
                "commitOid": commit.sha,
                "commitUrl": f"/datasets/{repo.id}/commit/{commit.sha}",
            }
            if pull_request:
                number = len(repo.pull_requests) + 1
                repo.pull_requests[f"refs/pr/{number}"] = commit.sha
                response["pullRequestUrl"] = f"/datasets/{repo.id}/discussions/{number}"
            elif revision in repo.pull_requests:
                repo.pull_requests[revision] = commit.sha
            else:
                repo.branches[revision] = commit.sha
            return response

    def _apply(self, operations: Iterable[Mapping[str, Any]], files: dict[str, Blob]) -> dict[str, Blob]:
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]))
            elif operation["key"] == "lfsFile":
                if value["oid"] not in self.objects:
                    raise ErrorResponse(422, f"LFS pointer pointed to a file that does not exist: {value['path']}")
                files[value["path"]] = Blob(self.objects[value["oid"]], is_lfs=True)
            elif operation["key"] == "deletedFile":
                if value["path"] not in files:
                    raise ErrorResponse(404, "A file with this name doesn't exist", "EntryNotFound")
                del files[value["path"]]
            elif operation["key"] == "deletedFolder":
                files = {path: blob for path, blob in files.items() if not path.startswith(value["path"])}
        return files


def card_metadata(blob: Blob | None) -> dict[str, Any] | None:
    """Return the metadata of a README, None if there are none."""
    import yaml

    parts = (blob.data.decode() if blob else "").split("\n---\n", 1)
    metadata = yaml.safe_load(parts[0].removeprefix("---\n")) if len(parts) == 2 else None
    return metadata if isinstance(metadata, dict) else None


def ref(name: str, sha: str) -> dict[str, str]:
    return {"name": name.split("/", 2)[2] if not name.startswith("refs/pr") else name, "ref": name, "targetCommit": sha}


def entries(files: Mapping[str, Blob], prefix: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Return the listing of the files and folders below `prefix`."""
    listed: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(files.items()):
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            folder = prefix + "/".join(parts[:depth])
            listed[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if recursive or len(parts) == 1:
            listed[path] = blob.entry(path)
    return [listed[path] for path in sorted(listed)]
