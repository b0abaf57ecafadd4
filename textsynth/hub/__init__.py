"""Publishing: a finished run's data set becomes one commit on the Hub, or nothing does.

    read the folder → cleared? → look at the repository → same features, no fewer texts? → one commit → tag

A commit names its parent, so that it never lands on what was not looked at. After a lost connection or somebody
else's commit the repository is looked at again: what is there already is not sent twice, and what somebody else wrote
meanwhile is not overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textsynth.core.errors import RunError, UsageError
from textsynth.core.formatting import pluralize
from textsynth.hub.commit import CommitUpload
from textsynth.hub.diff import FileChange, file_changes, refuse_differences
from textsynth.hub.errors import Say
from textsynth.hub.options import MAIN, PushOptions
from textsynth.hub.payload import PushPayload, read_payload
from textsynth.hub.release_checks import check_release
from textsynth.hub.repository import HubRepository, RemoteState
from textsynth.recipe import Recipe

__all__ = ["FileChange", "PushOptions", "PushResult", "check_login", "push"]


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push came to.

    `files` says of each file of the data set, and of each that goes, what becomes of it. `commit` is None where nothing
    was sent; `url` leads to the pull request or commit that was made, else to the data set.
    """

    repo: str
    revision: str
    url: str
    files: Sequence[FileChange]
    sentence: str
    commit: str | None = None
    pull_request: str | None = None
    tag: str | None = None
    dry_run: bool = False
    waived: Sequence[str] = ()
    notes: Sequence[str] = ()


def check_login(wish: PushOptions, *, say: Say = lambda _: None) -> None:
    """Raise UsageError or RunError where a push could not succeed whatever is pushed: no login, no right to write."""
    wish.check()
    HubRepository(wish, say).login(needed=True)


def push(folder: Path, wish: PushOptions, *, say: Say = lambda _: None, recipe: Recipe | None = None) -> PushResult:
    """Publish the data set of the run in `folder` as one commit; the same data set again makes none.

    `recipe` is the run's, where it is at hand: with provenance its sources are read again. Raises
    UsageError for what is refused before anything is sent (no data set, a check neither made nor waived, other features
    or fewer texts without `replace`), RunError for what the Hub or the network does not do.
    """
    wish.check()
    contents = read_payload(folder, with_passports=wish.with_provenance, waived=wish.waive, recipe=recipe)
    check_release(folder, contents.manifest, contents.license, wish.waive)
    hub = HubRepository(wish, say)
    hub.login(needed=not wish.dry_run)
    there = hub.state()
    plan = file_changes(contents, there)
    notes = _notes(wish, there)
    _refuse_tag(wish, there, plan)
    if not wish.replace:
        refuse_differences(contents, hub, there)
    if wish.dry_run:
        return _dry(wish, there, plan, notes)
    there = _made(wish, hub, there)
    if all(one.what == "same" for one in plan):
        told, commit, pull = f"{wish.repo} holds this very data set: nothing was sent", None, None
    else:
        commit, pull = CommitUpload(wish, contents, hub, say).send(there)
        told = _sentence(wish, contents)
    if wish.tag is not None:
        hub.tag(wish.tag, commit or str(there.head))
    return PushResult(
        repo=wish.repo,
        revision=f"refs/pr/{pull}" if pull else wish.revision,
        url=_url(wish.repo, commit, pull),
        files=plan,
        sentence=told,
        commit=commit,
        pull_request=pull,
        tag=wish.tag,
        waived=sorted(wish.waive),
        notes=notes,
    )


def _made(wish: PushOptions, hub: HubRepository, there: RemoteState) -> RemoteState:
    """Make the repository and the branch where they are not there, and return what stands there then."""
    if there.head is None:
        hub.create(private=wish.private)
        there = hub.state()
    if there.head is None:
        raise RunError(f"{wish.repo}: there is such a repository, but this token may not see it; take another one")
    if not there.branch and not wish.pull_request:
        hub.begin_branch(there.head)
    return there


def _refuse_tag(wish: PushOptions, there: RemoteState, plan: Sequence[FileChange]) -> None:
    found = there.tags.get(wish.tag or "")
    if found is not None and (found != there.head or any(one.what != "same" for one in plan)):
        raise UsageError(
            f"{wish.repo}: the tag {wish.tag} names another commit already ({found[:8]}); take another one"
        )


def _notes(wish: PushOptions, there: RemoteState) -> list[str]:
    if there.head is None or not wish.private:
        return []
    told = "private counts only when a repository is made"
    if there.private:
        return [f"{told}; {wish.repo} is private already"]
    raise UsageError(
        f"{wish.repo}: not pushed: {told}, and this one is public; make it private in its settings on the Hub, or "
        "leave --private out"
    )


def _dry(wish: PushOptions, there: RemoteState, plan: Sequence[FileChange], notes: Sequence[str]) -> PushResult:
    told = [*notes]
    if there.head is None:
        told.append(f"the repository would be made, {'private' if wish.private else 'public'}")
    elif not there.branch and not wish.pull_request:
        told.append(f"the branch {wish.revision} would be made")
    new = sum(one.what in ("new", "changed") for one in plan)
    gone = sum(one.what == "deleted" for one in plan)
    sentence = f"nothing was sent; a push would write {pluralize(new, 'file')} and delete {gone:,}"
    done = PushResult(wish.repo, wish.revision, _url(wish.repo), plan, sentence, dry_run=True)
    return replace(done, waived=sorted(wish.waive), notes=told)


def _sentence(wish: PushOptions, contents: PushPayload) -> str:
    where = "as a pull request to " if wish.pull_request else "to "
    branch = f", branch {wish.revision}" if wish.revision != MAIN else ""
    return f"pushed {pluralize(contents.rows, 'text')} {where}{wish.repo}{branch}, in one commit"


def _url(repo: str, commit: str | None = None, pull: str | None = None) -> str:
    from huggingface_hub import constants

    page = f"{constants.ENDPOINT}/datasets/{repo}"
    return f"{page}/discussions/{pull}" if pull else f"{page}/commit/{commit}" if commit else page
