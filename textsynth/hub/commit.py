"""The one commit of a push: it is retried until it succeeds, is refused, or the time for retries is over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import RunError
from textsynth.core.formatting import pluralize
from textsynth.hub.diff import FileChange, file_changes, refuse_differences
from textsynth.hub.options import PushOptions
from textsynth.hub.payload import PushPayload
from textsynth.hub.repository import HubRepository, RemoteState
from textsynth.sources.hub_errors import HubFailure, HubRetry, Log, classify_error, hub_exceptions


class CommitResult(NamedTuple):
    """The commit that contains the data set, and the number of its pull request, if there is one."""

    commit: str
    pull_request: str | None = None


class CommitUpload:
    """The commit of one push."""

    def __init__(self, options: PushOptions, payload: PushPayload, repository: HubRepository, log: Log) -> None:
        self._options, self._payload, self._repository = options, payload, repository
        self._retry = HubRetry(options.repo, options.max_retry_seconds, log)

    def send(self, first: RemoteState) -> CommitResult:
        """Make the commit on top of the state `first`, or of unrelated commits that others have added since.

        Raises RunError if it cannot be made; then nothing of the data set is in the repository.
        """
        remote = first
        while True:
            changes = [file for file in file_changes(self._payload, remote) if file.what != "same"]
            if remote.head != first.head:
                self._refuse_conflicts(first, remote, changes)
                if not self._options.replace:
                    refuse_differences(self._payload, self._repository, remote)
            try:
                return self._commit(changes, remote)
            except hub_exceptions() as error:
                failure = classify_error(error, self._options.repo)
                retry = self._retry.wait(failure, "pushing")
                if retry or failure.outcome_unknown:
                    remote = self._read_state_again(failure)
                    result = self._own_pull_request(first, remote) or self._own_commit(first, remote)
                    if result is not None:
                        return result
                if not retry:
                    raise self._not_pushed(failure, first) from error

    def _commit(self, changes: Sequence[FileChange], remote: RemoteState) -> CommitResult:
        added = {file.path: self._payload.files[file.path].content for file in changes if file.what != "deleted"}
        info = self._repository.commit(
            {path: str(content) if isinstance(content, Path) else content for path, content in added.items()},
            [file.path for file in changes if file.what == "deleted"],
            parent=str(remote.head),
            message=self._message(),
            pull_request=self._options.pull_request,
        )
        return CommitResult(info.oid, str(info.pr_num) if info.pr_url else None)

    def _not_pushed(self, failure: HubFailure, first: RemoteState) -> RunError:
        repo, is_empty = self._options.repo, set(first.files) <= {".gitattributes"}
        empty = "; the repository was created and is empty" if is_empty else ""
        return RunError(f"{repo}: not pushed: {failure.message}; nothing of the data set was changed{empty}")

    def _refuse_conflicts(self, first: RemoteState, remote: RemoteState, changes: Sequence[FileChange]) -> None:
        """Raise RunError if a commit made since `first` changed a file that this push changes too."""
        for file in changes:
            before, now = first.files.get(file.path), remote.files.get(file.path)
            if (before and before.blob_id) != (now and now.blob_id):
                raise RunError(
                    f"{self._options.repo}: not pushed: another commit ({str(remote.head)[:8]}) changed {file.path} "
                    "during this push; check that change, and push again to overwrite it"
                )

    def _read_state_again(self, failure: HubFailure) -> RemoteState:
        try:
            return self._repository.state()
        except RunError as error:
            raise RunError(
                f"{self._options.repo}: {failure.message}; it is unknown whether the commit was made: the same command "
                "checks that first"
            ) from error

    def _own_commit(self, first: RemoteState, remote: RemoteState) -> CommitResult | None:
        """Return the commit whose response was lost: the branch has a new commit with exactly these files."""
        if self._options.pull_request or remote.head == first.head or not self._has_data_set(remote):
            return None
        return CommitResult(str(remote.head))

    def _own_pull_request(self, first: RemoteState, remote: RemoteState) -> CommitResult | None:
        """Return the pull request whose response was lost: one that is new and has exactly these files."""
        if not self._options.pull_request:
            return None
        for ref, head in remote.pull_requests.items():
            if ref in first.pull_requests:
                continue
            if self._has_data_set(RemoteState(head=head, files=self._repository.files(head))):
                return CommitResult(head, ref.rsplit("/", 1)[-1])
        return None

    def _has_data_set(self, remote: RemoteState) -> bool:
        return all(file.what == "same" for file in file_changes(self._payload, remote))

    def _message(self) -> tuple[str, str]:
        """Return the title and the description of the commit."""
        manifest = self._payload.manifest
        description = [f"Recipe {manifest['recipe']['hash'][:16]}, pushed with TextSynth."]
        if self._options.waive:
            description.append(f"Waived: {', '.join(sorted(self._options.waive))}.")
        return f"{pluralize(self._payload.rows, 'text')} of {manifest['name']}", "\n".join(description)
