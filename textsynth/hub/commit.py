"""The one commit of a push, tried until it is there, refused, or given up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import RunError
from textsynth.core.formatting import counted
from textsynth.hub.diff import Change, changes, refuse_differences
from textsynth.hub.errors import Fault, Patience, Say, caught, fault_of
from textsynth.hub.options import Wish
from textsynth.hub.payload import Contents
from textsynth.hub.repository import Hub, There


class Sent(NamedTuple):
    """The commit that holds the data set, and the number of the pull request that it is in, if any."""

    commit: str
    pull_request: str | None = None


class Sending:
    """The commit of one push."""

    def __init__(self, wish: Wish, contents: Contents, hub: Hub, say: Say) -> None:
        self._wish, self._contents, self._hub = wish, contents, hub
        self._patience = Patience(wish.patience_seconds, say)

    def send(self, first: There) -> Sent:
        """Make the commit on top of what was looked at first, or of what others have put beside it since.

        Raises RunError where it cannot be made; then nothing of the data set is there.
        """
        there = first
        while True:
            touched = [one for one in changes(self._contents, there) if one.what != "same"]
            if there.head != first.head:
                self._refuse_meddling(first, there, touched)
                if not self._wish.replace:
                    refuse_differences(self._contents, self._hub, there)
            try:
                done = self._commit(touched, there)
            except caught() as exception:
                fault = fault_of(exception)
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

    def _commit(self, touched: Sequence[Change], there: There) -> Sent:
        added = {one.path: self._contents.items[one.path].content for one in touched if one.what != "deleted"}
        done = self._hub.commit(
            {path: str(content) if isinstance(content, Path) else content for path, content in added.items()},
            [one.path for one in touched if one.what == "deleted"],
            parent=str(there.head),
            told=self._message(),
            pull=self._wish.pull_request,
        )
        return Sent(done.oid, str(done.pr_num) if done.pr_url else None)

    def _given_up(self, fault: Fault, first: There) -> RunError:
        empty = "; the repository was made and is empty" if set(first.files) <= {".gitattributes"} else ""
        return RunError(f"{self._wish.repo}: not pushed: {fault.sentence}; nothing of the data set was changed{empty}")

    def _refuse_meddling(self, first: There, there: There, touched: Sequence[Change]) -> None:
        for one in touched:
            before, now = first.files.get(one.path), there.files.get(one.path)
            if (before and before.blob_id) != (now and now.blob_id):
                raise RunError(
                    f"{self._wish.repo}: not pushed: somebody else changed {one.path} while this push was under way "
                    f"(commit {str(there.head)[:8]}); look at it, and push again to put this data set in its place"
                )

    def _look_again(self, fault: Fault) -> There:
        try:
            return self._hub.look()
        except RunError as blind:
            told = "whether the commit has arrived is not known, the same command again looks first"
            raise RunError(f"{self._wish.repo}: {fault.sentence}; {told}") from blind

    def _own_commit(self, first: There, there: There) -> Sent | None:
        """Return the commit whose answer was lost: the branch has moved on and holds these very files."""
        if self._wish.pull_request or there.head == first.head or not self._holds(there):
            return None
        return Sent(str(there.head))

    def _holds(self, there: There) -> bool:
        return all(one.what == "same" for one in changes(self._contents, there))

    def _own_pull(self, first: There, there: There) -> Sent | None:
        """Return the pull request whose answer was lost: one that is new and holds these very files."""
        if not self._wish.pull_request:
            return None
        for ref, head in there.pulls.items():
            if ref not in first.pulls and self._holds(There(head=head, files=self._hub.files(head))):
                return Sent(head, ref.rsplit("/", 1)[-1])
        return None

    def _message(self) -> tuple[str, str]:
        manifest = self._contents.manifest
        told = [f"Recipe {manifest['recipe']['hash'][:16]}, pushed with TextSynth."]
        if self._wish.waive:
            told.append(f"Waived: {', '.join(sorted(self._wish.waive))}.")
        rows = counted(self._contents.rows, "text")
        return f"{rows} of {manifest['name']}", "\n".join(told)
