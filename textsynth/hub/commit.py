"""The one commit of a push, tried until it is there, refused, or given up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import RunError
from textsynth.core.formatting import pluralize
from textsynth.hub.diff import FileChange, file_changes, refuse_differences
from textsynth.hub.errors import HubFailure, HubRetry, Say, classify_error, hub_exceptions
from textsynth.hub.options import PushOptions
from textsynth.hub.payload import PushPayload
from textsynth.hub.repository import HubRepository, RemoteState


class CommitResult(NamedTuple):
    """The commit that holds the data set, and the number of the pull request that it is in, if any."""

    commit: str
    pull_request: str | None = None


class CommitUpload:
    """The commit of one push."""

    def __init__(self, wish: PushOptions, contents: PushPayload, hub: HubRepository, say: Say) -> None:
        self._wish, self._contents, self._hub = wish, contents, hub
        self._patience = HubRetry(wish.max_retry_seconds, say)

    def send(self, first: RemoteState) -> CommitResult:
        """Make the commit on top of what was looked at first, or of what others have put beside it since.

        Raises RunError where it cannot be made; then nothing of the data set is there.
        """
        there = first
        while True:
            touched = [one for one in file_changes(self._contents, there) if one.what != "same"]
            if there.head != first.head:
                self._refuse_meddling(first, there, touched)
                if not self._wish.replace:
                    refuse_differences(self._contents, self._hub, there)
            try:
                done = self._commit(touched, there)
            except hub_exceptions() as exception:
                fault = classify_error(exception)
                again = self._patience.again(fault, f"{self._wish.repo}: pushing")
                if again or fault.unsure:
                    there = self._look_again(fault)
                    lost = self._own_pull(first, there) or self._own_commit(first, there)
                    if lost is not None:
                        return lost
                if not again:
                    raise self._given_up(fault, first) from exception
            else:
                return done

    def _commit(self, touched: Sequence[FileChange], there: RemoteState) -> CommitResult:
        added = {one.path: self._contents.items[one.path].content for one in touched if one.what != "deleted"}
        done = self._hub.commit(
            {path: str(content) if isinstance(content, Path) else content for path, content in added.items()},
            [one.path for one in touched if one.what == "deleted"],
            parent=str(there.head),
            told=self._message(),
            pull=self._wish.pull_request,
        )
        return CommitResult(done.oid, str(done.pr_num) if done.pr_url else None)

    def _given_up(self, fault: HubFailure, first: RemoteState) -> RunError:
        empty = "; the repository was made and is empty" if set(first.files) <= {".gitattributes"} else ""
        return RunError(f"{self._wish.repo}: not pushed: {fault.sentence}; nothing of the data set was changed{empty}")

    def _refuse_meddling(self, first: RemoteState, there: RemoteState, touched: Sequence[FileChange]) -> None:
        for one in touched:
            before, now = first.files.get(one.path), there.files.get(one.path)
            if (before and before.blob_id) != (now and now.blob_id):
                raise RunError(
                    f"{self._wish.repo}: not pushed: somebody else changed {one.path} while this push was under way "
                    f"(commit {str(there.head)[:8]}); look at it, and push again to put this data set in its place"
                )

    def _look_again(self, fault: HubFailure) -> RemoteState:
        try:
            return self._hub.state()
        except RunError as blind:
            told = "whether the commit has arrived is not known, the same command again looks first"
            raise RunError(f"{self._wish.repo}: {fault.sentence}; {told}") from blind

    def _own_commit(self, first: RemoteState, there: RemoteState) -> CommitResult | None:
        """Return the commit whose answer was lost: the branch has moved on and holds these very files."""
        if self._wish.pull_request or there.head == first.head or not self._holds(there):
            return None
        return CommitResult(str(there.head))

    def _holds(self, there: RemoteState) -> bool:
        return all(one.what == "same" for one in file_changes(self._contents, there))

    def _own_pull(self, first: RemoteState, there: RemoteState) -> CommitResult | None:
        """Return the pull request whose answer was lost: one that is new and holds these very files."""
        if not self._wish.pull_request:
            return None
        for ref, head in there.pulls.items():
            if ref not in first.pulls and self._holds(RemoteState(head=head, files=self._hub.files(head))):
                return CommitResult(head, ref.rsplit("/", 1)[-1])
        return None

    def _message(self) -> tuple[str, str]:
        manifest = self._contents.manifest
        told = [f"Recipe {manifest['recipe']['hash'][:16]}, pushed with TextSynth."]
        if self._wish.waive:
            told.append(f"Waived: {', '.join(sorted(self._wish.waive))}.")
        rows = pluralize(self._contents.rows, "text")
        return f"{rows} of {manifest['name']}", "\n".join(told)
