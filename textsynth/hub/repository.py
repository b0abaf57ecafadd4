"""The repository of a data set on the Hub: its state, and the changes that a push makes to it."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textsynth.core.errors import RunError, UsageError
from textsynth.export.card.metadata import read_card
from textsynth.hub.options import MAIN, PushOptions
from textsynth.hub.schema_diff import DatasetSchema, read_schema, split_of
from textsynth.sources.hub_errors import LOGIN, HubRetry, Log, Result, classify_error, hub_exceptions, with_retries

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo
    from huggingface_hub.hf_api import RepoFile

CONNECT_SECONDS = 10.0
MAX_FILES_COMPARED = 200
PARQUET_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The state of a repository at one commit: `head` (None: there is no repository yet) and its files by path.

    `branch_exists` says whether the branch of the push exists; if not, `head` is that of main, where the branch will
    start. `tags` and `pull_requests` (by ref, as `refs/pr/3`) map to commits.
    """

    head: str | None = None
    private: bool = False
    branch_exists: bool = False
    files: Mapping[str, RepoFile] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    pull_requests: Mapping[str, str] = field(default_factory=dict)


class HubRepository:
    """The repository `repo` at a branch. Every request has a time limit, and failures that may pass are retried."""

    def __init__(self, options: PushOptions, log: Log) -> None:
        from huggingface_hub import HfApi, get_token

        self.repo, self.revision = options.repo, options.revision
        # Passed with each request, because HF_HUB_DISABLE_IMPLICIT_TOKEN may keep it from being sent by default.
        self._token = get_token()
        self.api = HfApi(token=self._token)
        self._timeout, self._max_retry_seconds = options.timeout_seconds, options.max_retry_seconds
        self._log = log

    def login(self, *, required: bool) -> str | None:
        """Return the user name of the token, None if there is no token and none is `required`.

        Raises UsageError if HF_HUB_OFFLINE is set, RunError if a required token is missing or may only read.
        """
        from huggingface_hub import constants

        if constants.is_offline_mode():
            raise UsageError(f"{self.repo}: HF_HUB_OFFLINE is set, so nothing can be pushed; unset it")
        if self._token is None:
            if required:
                raise RunError(f"{self.repo}: there is no token for the Hub; {LOGIN}")
            return None
        user = self._call(self.api.whoami, "reading the owner of the token")
        role = ((user.get("auth") or {}).get("accessToken") or {}).get("role")
        if required and role == "read":
            raise RunError(f"{self.repo}: the token of {user.get('name')} is read-only; use one with write access")
        return str(user.get("name"))

    def state(self) -> RemoteState:
        """Return the current state of the repository. Raises UsageError if the revision is a tag or a commit."""
        from huggingface_hub.constants import REGEX_COMMIT_OID

        info = self._call(self._info, "reading the repository")
        if info is None:
            return RemoteState()
        refs = self._call(
            lambda: self.api.list_repo_refs(self.repo, repo_type="dataset", include_pull_requests=True),
            "listing the branches",
        )
        branches = {branch.name: branch.target_commit for branch in refs.branches}
        tags = {tag.name: tag.target_commit for tag in refs.tags}
        pull_requests = {request.ref: request.target_commit for request in refs.pull_requests or ()}
        if self.revision not in branches and (self.revision in tags or REGEX_COMMIT_OID.fullmatch(self.revision)):
            raise UsageError(f"{self.repo}: {self.revision} is not a branch; push to a branch, such as {MAIN}")
        head = branches.get(self.revision) or pull_requests.get(self.revision) or branches.get(MAIN, info.sha)
        return RemoteState(
            head=head,
            private=bool(info.private),
            branch_exists=self.revision in branches or self.revision in pull_requests,
            files=self.files(head) if head else {},
            tags=tags,
            pull_requests=pull_requests,
        )

    def files(self, revision: str) -> dict[str, RepoFile]:
        """Return the files of a commit by path."""
        from huggingface_hub.hf_api import RepoFile

        entries = self._call(
            lambda: list(self.api.list_repo_tree(self.repo, repo_type="dataset", revision=revision, recursive=True)),
            "listing the files",
        )
        return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}

    def schema(self, remote: RemoteState) -> DatasetSchema | None:
        """Return the schema of the default config in the repository, None if there is none.

        Only the footers of its parquet files are read. Raises RunError if they cannot be.
        """
        files = list(self._data_files(remote))
        if not files:
            return None
        if len(files) > MAX_FILES_COMPARED:
            raise RunError(
                f"{self.repo}: has {len(files)} data files; at most {MAX_FILES_COMPARED} can be compared: push with "
                "--replace to skip the comparison"
            )
        return self._call(
            lambda: read_schema(self._open_parquet(files, str(remote.head))), "reading the data set in the repository"
        )

    def create(self, *, private: bool) -> None:
        """Create the repository; it is not an error if it exists already."""
        self._call(
            lambda: self.api.create_repo(self.repo, repo_type="dataset", private=private or None, exist_ok=True),
            "creating the repository",
        )

    def create_branch(self, head: str) -> None:
        """Create the branch at a commit; it is not an error if it exists already."""
        self._call(
            lambda: self.api.create_branch(
                self.repo, repo_type="dataset", branch=self.revision, revision=head, exist_ok=True
            ),
            f"creating the branch {self.revision}",
        )

    def commit(
        self,
        added: Mapping[str, Any],
        deleted: Sequence[str],
        *,
        parent: str,
        message: tuple[str, str],
        pull_request: bool,
    ) -> CommitInfo:
        """Make one commit on top of `parent`, all of it or nothing; `message` is its title and description.

        Raises the `hub_exceptions` as they are, without retries.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[Any] = [
            *(CommitOperationAdd(path, content) for path, content in added.items()),
            *(CommitOperationDelete(path) for path in deleted),
        ]
        title, description = message
        with self._time_limit(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            info = self.api.create_commit(
                self.repo,
                operations,
                repo_type="dataset",
                commit_message=title,
                commit_description=description,
                revision=self.revision,
                parent_commit=parent,
                create_pr=pull_request,
            )
        for warning in caught:
            # A UserWarning is the Hub's comment on the card; others are about the code of huggingface_hub itself.
            if warning.category is UserWarning:
                self._log(" ".join(str(warning.message).split()))
        return info

    def read_file(self, remote: RemoteState, path: str) -> bytes | None:
        """Return the content of a small file of the repository; None where it has no such file. Raises RunError."""
        if path not in remote.files:
            return None
        return self._call(lambda: self._read_file(f"{remote.head}", path), f"reading {path} in the repository")

    def tag(self, name: str, commit: str) -> None:
        """Set a tag on a commit, if it is not set already. Raises RunError if the tag is set on another commit."""
        self._call(
            lambda: self.api.create_tag(self.repo, repo_type="dataset", tag=name, revision=commit, exist_ok=True),
            f"pushed, but not tagged: setting the tag {name}",
        )
        tagged = self.state().tags.get(name, "")
        if tagged != commit:
            raise RunError(
                f"{self.repo}: pushed, but not tagged: the tag {name} is set on another commit ({tagged[:8]})"
            )

    def _info(self) -> Any:  # noqa: ANN401
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            return self.api.dataset_info(self.repo, timeout=self._timeout)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return None

    def _data_files(self, remote: RemoteState) -> Iterator[tuple[str, str]]:
        """Yield (split, path) of the files of the default config, according to the card, else to the file names."""
        configs = self._configs(remote)
        if not configs:
            yield from ((split_of(path), path) for path in sorted(remote.files) if path.endswith(".parquet"))
            return
        default = next(
            (config for config in configs if config.get("default") or config.get("config_name") == "default"),
            configs[0],
        )
        for entry in _as_list(default.get("data_files")):
            split = entry.get("split", "train") if isinstance(entry, dict) else "train"
            patterns = _as_list(entry.get("path") if isinstance(entry, dict) else entry)
            for path in sorted(remote.files):
                if any(fnmatch.fnmatch(path, str(pattern)) for pattern in patterns):
                    yield split, path

    def _configs(self, remote: RemoteState) -> list[dict[str, Any]]:
        card = self.read_file(remote, "README.md")
        if card is None:
            return []
        try:
            metadata = read_card(card.decode("utf-8", "replace")).metadata
        except UsageError:
            return []
        return [config for config in _as_list(metadata.get("configs")) if isinstance(config, dict)]

    def _read_file(self, revision: str, path: str) -> bytes:
        with self._file_system().open(f"datasets/{self.repo}@{revision}/{path}", "rb") as file:
            return bytes(file.read())

    def _open_parquet(self, files: Sequence[tuple[str, str]], revision: str) -> Iterator[tuple[str, Any]]:
        import pyarrow.parquet as pq

        system = self._file_system()
        for split, path in files:
            if not path.endswith(".parquet"):
                raise RunError(
                    f"{self.repo}: contains {path}, which is not a parquet file, so the data sets cannot be compared; "
                    "push with --replace to skip the comparison"
                )
            remote_path = f"datasets/{self.repo}@{revision}/{path}"
            with system.open(remote_path, "rb", block_size=PARQUET_BLOCK_BYTES) as file:
                yield split, pq.ParquetFile(file)

    def _file_system(self) -> Any:  # noqa: ANN401
        from huggingface_hub import HfFileSystem

        return HfFileSystem(token=self._token, skip_instance_cache=True)

    def _call(self, request: Callable[[], Result], action: str) -> Result:
        """Return what a request returns, with a time limit and retries. Raises RunError if it fails."""
        try:
            with self._time_limit():
                return with_retries(request, action, HubRetry(self.repo, self._max_retry_seconds, self._log))
        except hub_exceptions() as error:
            raise RunError(f"{self.repo}: {action}: {classify_error(error, self.repo).message}") from error

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """Give every request of huggingface_hub a time limit; by default it waits for a response without limit."""
        from huggingface_hub import get_session

        session = get_session()
        previous = session.timeout
        session.timeout = (CONNECT_SECONDS, self._timeout, self._timeout, self._timeout)
        try:
            yield
        finally:
            session.timeout = previous


def _as_list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
