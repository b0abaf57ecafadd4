"""What the Hub of tests/hub_server.py keeps: accounts, repositories with real commits and refs, large objects.

All in memory. A commit is whole or not there: it is made from its parent's files in one step, under one lock.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

DATA = (".parquet", ".gz", ".arrow", ".zip")
LARGE = 10_000_000
ACCOUNTS = {
    "hf_anna": {"name": "anna", "orgs": ["acme"], "role": "write"},
    "hf_bob": {"name": "bob", "orgs": [], "role": "write"},
    "hf_reader": {"name": "anna", "orgs": ["acme"], "role": "read"},
}


class Refused(Exception):
    """What the Hub answers instead: a status, a sentence, and the code in the header X-Error-Code."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit: its bytes, and whether it lies in the large store."""

    data: bytes
    large: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self) -> str:
        """The git id: of the bytes, or of the pointer that stands for a large file."""
        told = self.pointer if self.large else self.data
        return hashlib.sha1(b"blob %d\0" % len(told) + told).hexdigest()

    @property
    def pointer(self) -> bytes:
        told = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return told.encode()

    def entry(self, path: str) -> dict[str, Any]:
        """Return what a listing says of it."""
        told: dict[str, Any] = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        if self.large:
            told["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return told


@dataclass(frozen=True, slots=True)
class Commit:
    """A state of a repository: all its files, what was said, and the commit before."""

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
    pulls: dict[str, str] = field(default_factory=dict)

    def commit(self, revision: str) -> Commit:
        """Return the commit that a branch, tag, pull request or sha names."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name) or self.pulls.get(name) or name
        found = self.commits.get(sha)
        if found is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def add(self, parent: str | None, files: Mapping[str, Blob], title: str, description: str, author: str) -> Commit:
        told = json.dumps([self.id, parent, title, {path: one.oid for path, one in files.items()}, len(self.commits)])
        sha = hashlib.sha1(told.encode()).hexdigest()
        self.commits[sha] = Commit(sha, parent, dict(files), title, description, author)
        return self.commits[sha]

    def history(self, revision: str = "main") -> list[Commit]:
        """Return the commits of a revision, the newest first."""
        found: list[Commit] = []
        sha: str | None = self.commit(revision).sha
        while sha is not None:
            found.append(self.commits[sha])
            sha = found[-1].parent
        return found


class Store:
    """Everything the Hub keeps; `put` and `files` are how a test looks inside and writes past the clients."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}

    def who(self, token: str | None) -> dict[str, Any] | None:
        return ACCOUNTS.get(token or "")

    def repo(self, id_: str, token: str | None, *, write: bool = False) -> Repo:
        """Return a repository that this token may see, or change."""
        found, account = self.repos.get(id_), self.who(token)
        owns = account is not None and id_.split("/")[0] in {account["name"], *account["orgs"]}
        if found is None or (found.private and not owns):
            raise Refused(404 if account else 401, "Repository not found", "RepoNotFound")
        if write and account is None:
            raise Refused(401, "Invalid username or password.")
        if write and not (owns and account is not None and account["role"] == "write"):
            raise Refused(403, f"You don't have the rights to write to {id_}")
        return found

    def create(self, id_: str, token: str | None, *, private: bool = False) -> Repo:
        account = self.who(token)
        if account is None:
            raise Refused(401, "Invalid username or password.")
        if account["role"] != "write" or id_.split("/")[0] not in {account["name"], *account["orgs"]}:
            raise Refused(403, f"You don't have the rights to create a dataset under the namespace {id_.split('/')[0]}")
        with self.lock:
            if id_ in self.repos:
                raise Refused(409, "You already created this dataset repo")
            repo = self.repos[id_] = Repo(id_, private)
            first = repo.add(None, {".gitattributes": Blob(b"*.parquet filter=lfs\n")}, "initial commit", "", "")
            repo.branches["main"] = first.sha
            return repo

    def put(self, id_: str, files: Mapping[str, bytes], *, title: str = "by hand", **options: bool) -> Commit:
        """Write files past every check, as another person would; the repository is made if it is not there."""
        with self.lock:
            if id_ not in self.repos:
                self.repos[id_] = Repo(id_, **options)
            repo = self.repos[id_]
            head = repo.commits.get(repo.branches.get("main", ""))
            blobs = {path: Blob(data, path.endswith(DATA)) for path, data in files.items()}
            added = repo.add(head and head.sha, {**(head.files if head else {}), **blobs}, title, "", "someone")
            repo.branches["main"] = added.sha
            return added

    def files(self, id_: str, revision: str = "main") -> dict[str, bytes]:
        """Return the bytes of every file of a revision, .gitattributes aside."""
        found = self.repos[id_].commit(revision).files
        return {path: blob.data for path, blob in sorted(found.items()) if path != ".gitattributes"}

    def write(self, repo: Repo, revision: str, lines: Iterable[bytes], author: str, *, pull: bool) -> dict[str, Any]:
        """Take a commit as the clients send it: a line of JSON an operation."""
        told = [json.loads(line) for line in lines if line.strip()]
        header = next(one["value"] for one in told if one["key"] == "header")
        with self.lock:
            if not pull and revision not in repo.branches and revision not in repo.pulls:
                raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            head = repo.commit(revision)
            parent = header.get("parentCommit")
            if parent is not None and not head.sha.startswith(parent) and not pull:
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            files = self._changed(dict(head.files), told)
            added = repo.add(head.sha, files, header["summary"], header.get("description", ""), author)
            answer = {"success": True, "commitOid": added.sha, "commitUrl": f"/datasets/{repo.id}/commit/{added.sha}"}
            if pull:
                number = len(repo.pulls) + 1
                repo.pulls[f"refs/pr/{number}"] = added.sha
                answer["pullRequestUrl"] = f"/datasets/{repo.id}/discussions/{number}"
            elif revision in repo.pulls:
                repo.pulls[revision] = added.sha
            else:
                repo.branches[revision] = added.sha
            return answer

    def _changed(self, files: dict[str, Blob], told: Iterable[Mapping[str, Any]]) -> dict[str, Blob]:
        for one in told:
            value = one["value"]
            if one["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]))
            elif one["key"] == "lfsFile":
                if value["oid"] not in self.objects:
                    raise Refused(422, f"LFS pointer pointed to a file that does not exist: {value['path']}")
                files[value["path"]] = Blob(self.objects[value["oid"]], large=True)
            elif one["key"] == "deletedFile":
                if value["path"] not in files:
                    raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
                del files[value["path"]]
            elif one["key"] == "deletedFolder":
                files = {path: blob for path, blob in files.items() if not path.startswith(value["path"])}
        return files


def card_of(blob: Blob | None) -> dict[str, Any] | None:
    """Return the metadata of a README."""
    import yaml

    parts = (blob.data.decode() if blob else "").split("\n---\n", 1)
    found = yaml.safe_load(parts[0].removeprefix("---\n")) if len(parts) == 2 else None
    return found if isinstance(found, dict) else None


def ref(name: str, sha: str) -> dict[str, str]:
    return {"name": name.split("/", 2)[2] if not name.startswith("refs/pr") else name, "ref": name, "targetCommit": sha}


def entries(files: Mapping[str, Blob], inside: str, *, recursive: bool) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(files.items()):
        parts = path.removeprefix(inside).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            folder = inside + "/".join(parts[:depth])
            found[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if recursive or len(parts) == 1:
            found[path] = blob.entry(path)
    return [found[path] for path in sorted(found)]
