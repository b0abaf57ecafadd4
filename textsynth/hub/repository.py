"""A data set's repository on the Hub as a push sees it: what stands there, and the few things done to it."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textsynth.core.errors import RunError, UsageError
from textsynth.export.card.metadata import read_card
from textsynth.hub.errors import LOGIN, Found, HubRetry, Say, with_retries
from textsynth.hub.options import MAIN, PushOptions
from textsynth.hub.schema_diff import DatasetSchema, read_schema, split_of

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo
    from huggingface_hub.hf_api import RepoFile

CONNECT_SECONDS = 10.0
MOST_FILES_COUNTED = 200


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What stands in a repository at one commit: `head` (None: there is no repository yet) and its files by path.

    `branch` says whether the branch asked for exists; if not, `head` is that of main, from which it will begin.
    """

    head: str | None = None
    private: bool = False
    branch: bool = False
    files: Mapping[str, RepoFile] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    pulls: Mapping[str, str] = field(default_factory=dict)


class HubRepository:
    """The repository `repo` at a branch. Every request has a time limit; what may pass is tried again."""

    def __init__(self, wish: PushOptions, say: Say) -> None:
        from huggingface_hub import HfApi, get_token

        self.repo, self.revision = wish.repo, wish.revision
        # given with each request, also where HF_HUB_DISABLE_IMPLICIT_TOKEN keeps it from being sent unasked
        self._token = get_token()
        self.api = HfApi(token=self._token)
        self._timeout, self._patience = wish.timeout_seconds, wish.max_retry_seconds
        self._say = say

    def login(self, *, needed: bool) -> str | None:
        """Return the name behind the token, None without one where none is `needed`.

        Raises UsageError where the Hub may not be asked or no token is there, RunError for one that cannot write.
        """
        from huggingface_hub import constants

        if constants.is_offline_mode():
            raise UsageError(f"{self.repo}: HF_HUB_OFFLINE is set, so that nothing can be pushed; unset it")
        if self._token is None:
            if needed:
                raise RunError(f"{self.repo}: there is no token for the Hub; {LOGIN}")
            return None
        who = self._patiently(self.api.whoami, "asking the Hub whose token this is")
        role = ((who.get("auth") or {}).get("accessToken") or {}).get("role")
        if needed and role == "read":
            raise RunError(f"{self.repo}: the token of {who.get('name')} may only read; make one that may write")
        return str(who.get("name"))

    def state(self) -> RemoteState:
        """Return what stands in the repository now. Raises UsageError where the revision is a tag or a commit."""
        from huggingface_hub.constants import REGEX_COMMIT_OID

        info = self._patiently(self._info, "looking at the repository")
        if info is None:
            return RemoteState()
        refs = self._patiently(
            lambda: self.api.list_repo_refs(self.repo, repo_type="dataset", include_pull_requests=True),
            "looking at its branches",
        )
        branches = {one.name: one.target_commit for one in refs.branches}
        tags = {one.name: one.target_commit for one in refs.tags}
        pulls = {one.ref: one.target_commit for one in refs.pull_requests or ()}
        if self.revision not in branches and (self.revision in tags or REGEX_COMMIT_OID.fullmatch(self.revision)):
            raise UsageError(f"{self.repo}: {self.revision} is no branch; a push goes to a branch, such as {MAIN}")
        head = branches.get(self.revision) or pulls.get(self.revision) or branches.get(MAIN, info.sha)
        return RemoteState(
            head=head,
            private=bool(info.private),
            branch=self.revision in branches or self.revision in pulls,
            files=self.files(head) if head else {},
            tags=tags,
            pulls=pulls,
        )

    def files(self, revision: str) -> dict[str, RepoFile]:
        """Return the files of a commit by path."""
        from huggingface_hub.hf_api import RepoFile

        entries = self._patiently(
            lambda: list(self.api.list_repo_tree(self.repo, repo_type="dataset", revision=revision, recursive=True)),
            "listing its files",
        )
        return {one.path: one for one in entries if isinstance(one, RepoFile)}

    def shape(self, there: RemoteState) -> DatasetSchema | None:
        """Return the shape of the default config that stands there, None where there is none.

        Only the ends of its parquet files are read. Raises RunError where they cannot be.
        """
        files = list(self._data_files(there))
        if not files:
            return None
        if len(files) > MOST_FILES_COUNTED:
            raise RunError(f"{self.repo}: holds {len(files)} data files, too many to be compared; see --replace")
        return self._patiently(lambda: read_schema(self._opened(files, str(there.head))), "reading the data set there")

    def create(self, *, private: bool) -> None:
        """Make the repository; one that is there already is no fault."""
        self._patiently(
            lambda: self.api.create_repo(self.repo, repo_type="dataset", private=private or None, exist_ok=True),
            "making the repository",
        )

    def begin_branch(self, head: str) -> None:
        """Make the branch at a commit; one that is there already is no fault."""
        self._patiently(
            lambda: self.api.create_branch(
                self.repo, repo_type="dataset", branch=self.revision, revision=head, exist_ok=True
            ),
            f"making the branch {self.revision}",
        )

    def commit(
        self, added: Mapping[str, Any], deleted: Sequence[str], *, parent: str, told: tuple[str, str], pull: bool
    ) -> CommitInfo:
        """Make one commit on top of `parent`: all of it or nothing. Lets every exception of `caught` through."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[Any] = [
            *(CommitOperationAdd(path, item) for path, item in added.items()),
            *(CommitOperationDelete(path) for path in deleted),
        ]
        with self._limited(), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            done = self.api.create_commit(
                self.repo,
                operations,
                repo_type="dataset",
                commit_message=told[0],
                commit_description=told[1],
                revision=self.revision,
                parent_commit=parent,
                create_pr=pull,
            )
        for warning in warned:
            # what the Hub says of the card; others are about huggingface_hub's own code
            if warning.category is UserWarning:
                self._say(" ".join(str(warning.message).split()))
        return done

    def tag(self, name: str, commit: str) -> None:
        """Name a commit; a tag that names it already is no fault. Raises RunError where the tag names another one."""
        self._patiently(
            lambda: self.api.create_tag(self.repo, repo_type="dataset", tag=name, revision=commit, exist_ok=True),
            f"pushed, but not tagged: setting the tag {name}",
        )
        found = self.state().tags.get(name, "")
        if found != commit:
            raise RunError(f"{self.repo}: pushed, but not tagged: the tag {name} names another commit ({found[:8]})")

    def _info(self) -> Any:  # noqa: ANN401
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            return self.api.dataset_info(self.repo, timeout=self._timeout)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return None

    def _data_files(self, there: RemoteState) -> Iterator[tuple[str, str]]:
        """Yield split and path of the files of the default config, as the card there says, else by their names."""
        configs = self._configs(there)
        if configs:
            chosen = next((one for one in configs if one.get("default") or one.get("config_name") == "default"), None)
            for one in _as_list((chosen or configs[0]).get("data_files")):
                split = one.get("split", "train") if isinstance(one, dict) else "train"
                patterns = _as_list(one.get("path") if isinstance(one, dict) else one)
                for path in sorted(there.files):
                    if any(fnmatch.fnmatch(path, str(pattern)) for pattern in patterns):
                        yield split, path
            return
        for path in sorted(there.files):
            if path.endswith(".parquet"):
                yield split_of(path), path

    def _configs(self, there: RemoteState) -> list[dict[str, Any]]:
        if "README.md" not in there.files:
            return []
        text = self._patiently(lambda: self._read(f"{there.head}", "README.md"), "reading the card there")
        try:
            found = read_card(text.decode("utf-8", "replace")).metadata
        except UsageError:
            return []
        return [one for one in _as_list(found.get("configs")) if isinstance(one, dict)]

    def _read(self, revision: str, path: str) -> bytes:
        with self._system().open(f"datasets/{self.repo}@{revision}/{path}", "rb") as file:
            return bytes(file.read())

    def _opened(self, files: Sequence[tuple[str, str]], revision: str) -> Iterator[tuple[str, Any]]:
        import pyarrow.parquet as pq

        system = self._system()
        for split, path in files:
            if not path.endswith(".parquet"):
                raise RunError(
                    f"{self.repo}: holds {path}, which is no parquet file, so that the data sets cannot be compared; "
                    "--replace pushes all the same"
                )
            with system.open(f"datasets/{self.repo}@{revision}/{path}", "rb", block_size=1 << 16) as file:
                yield split, pq.ParquetFile(file)

    def _system(self) -> Any:  # noqa: ANN401
        from huggingface_hub import HfFileSystem

        return HfFileSystem(token=self._token, skip_instance_cache=True)

    def _patiently(self, work: Callable[[], Found], doing: str) -> Found:
        with self._limited():
            return with_retries(work, f"{self.repo}: {doing}", HubRetry(self._patience, self._say))

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Give every request of huggingface_hub a time limit: by itself it waits for an answer for ever."""
        from huggingface_hub import get_session

        session = get_session()
        before = session.timeout
        session.timeout = (CONNECT_SECONDS, self._timeout, self._timeout, self._timeout)
        try:
            yield
        finally:
            session.timeout = before


def _as_list(told: object) -> list[Any]:
    if isinstance(told, list):
        return told
    return [] if told is None else [told]
