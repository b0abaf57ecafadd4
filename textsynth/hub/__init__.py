"""Publishing a finished run: its data set becomes one commit on the Hugging Face Hub, or nothing is pushed.

    read the run → check the release → read the repository → compare features and rows → commit → tag

The commit names its parent, so it never goes on top of a state that was not compared. After a lost connection, or after
another commit, the repository is read again: files that are there already are not sent twice, and files that somebody
else changed in the meantime are not overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textsynth.core.errors import RunError, UsageError
from textsynth.core.formatting import pluralize
from textsynth.hub.commit import CommitUpload
from textsynth.hub.diff import FileChange, file_changes, refuse_differences, refuse_edited_card
from textsynth.hub.options import MAIN, PushOptions
from textsynth.hub.payload import PushPayload, read_payload
from textsynth.hub.release_checks import check_release
from textsynth.hub.repository import HubRepository, RemoteState
from textsynth.recipe import Recipe
from textsynth.sources.hub_errors import Log, classify_error

__all__ = ["FileChange", "PushOptions", "PushResult", "check_login", "push"]

DRY_RUN_RETRY_SECONDS = 5.0
"""A dry run without a network shows what it can after this time at most."""


@dataclass(frozen=True, slots=True)
class PushResult:
    """The result of a push.

    `files` lists each file of the data set, and each file that is deleted, with its change. `commit` is None if nothing
    was sent. `url` is the page of the pull request or the commit, else of the data set.
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


def check_login(options: PushOptions, *, log: Log = lambda _: None) -> None:
    """Raise UsageError or RunError if no push could succeed: invalid options, no login, or no write access."""
    options.check()
    HubRepository(options, log).login(required=True)


def push(folder: Path, options: PushOptions, *, log: Log = lambda _: None, recipe: Recipe | None = None) -> PushResult:
    """Publish the data set of the run in `folder` as one commit; pushing the same data set again makes no commit.

    `recipe` is that of the run, if it is loaded: to push provenance, its sources are read again. Raises UsageError for
    everything refused before anything is sent (no data set, a check that was neither made nor waived, other features or
    fewer texts without `replace`), RunError if the Hub or the network fails. A dry run without a network is no error:
    its result has the files that a push would send, and says that the Hub was not asked.
    """
    options.check()
    payload = read_payload(folder, with_provenance=options.with_provenance, waived=options.waive, recipe=recipe)
    check_release(folder, payload.manifest, payload.license, options.waive)
    if options.dry_run:
        return _dry_run(options, payload, log)
    repository = HubRepository(options, log)
    repository.login(required=True)
    remote, changes, notes = _compare(options, payload, repository)
    remote = _create_missing(options, repository, remote)
    if all(file.what == "same" for file in changes):
        sentence, commit, pull_request = f"{options.repo} already has this data set: nothing was sent", None, None
    else:
        commit, pull_request = CommitUpload(options, payload, repository, log).send(remote)
        sentence = _sentence(options, payload)
    if options.tag is not None:
        repository.tag(options.tag, commit or str(remote.head))
    return PushResult(
        repo=options.repo,
        revision=f"refs/pr/{pull_request}" if pull_request else options.revision,
        url=_url(options.repo, commit, pull_request),
        files=changes,
        sentence=sentence,
        commit=commit,
        pull_request=pull_request,
        tag=options.tag,
        waived=sorted(options.waive),
        notes=notes,
    )


def _compare(
    options: PushOptions, payload: PushPayload, repository: HubRepository
) -> tuple[RemoteState, list[FileChange], list[str]]:
    """Return the state of the repository, the changes of a push and notes on them. Raises UsageError to refuse them."""
    remote = repository.state()
    changes = file_changes(payload, remote)
    notes = _notes(options, remote)
    _check_tag(options, remote, changes)
    if not options.replace:
        refuse_differences(payload, repository, remote)
        refuse_edited_card(payload, repository, remote)
    return remote, changes, notes


def _create_missing(options: PushOptions, repository: HubRepository, remote: RemoteState) -> RemoteState:
    """Create the repository and the branch if they do not exist, and return the state afterwards."""
    if remote.head is None:
        repository.create(private=options.private)
        remote = repository.state()
    if remote.head is None:
        raise RunError(f"{options.repo}: the repository exists, but this token has no access to it; use another token")
    if not remote.branch_exists and not options.pull_request:
        repository.create_branch(remote.head)
    return remote


def _check_tag(options: PushOptions, remote: RemoteState, changes: Sequence[FileChange]) -> None:
    commit = remote.tags.get(options.tag or "")
    if commit is not None and (commit != remote.head or any(file.what != "same" for file in changes)):
        raise UsageError(
            f"{options.repo}: the tag {options.tag} is already set on another commit ({commit[:8]}); use another tag"
        )


def _notes(options: PushOptions, remote: RemoteState) -> list[str]:
    """Return the notes on `private`. Raises UsageError if it is set and the repository is public."""
    if remote.head is None or not options.private:
        return []
    rule = "private has an effect only when the repository is created"
    if remote.private:
        return [f"{rule}; {options.repo} is private already"]
    raise UsageError(
        f"{options.repo}: not pushed: {rule}, and this one is public; make it private in its settings on the Hub, or "
        "leave --private out"
    )


def _dry_run(options: PushOptions, payload: PushPayload, log: Log) -> PushResult:
    """Return what a push would do; without a network, what it would send."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return _local_dry_run_result(options, payload, "HF_HUB_OFFLINE is set")
    seconds = min(options.max_retry_seconds, DRY_RUN_RETRY_SECONDS)
    repository = HubRepository(replace(options, max_retry_seconds=seconds), log)
    try:
        repository.login(required=False)
        remote, changes, notes = _compare(options, payload, repository)
    except RunError as error:
        failure = None if error.__cause__ is None else classify_error(error.__cause__, options.repo)
        if failure is None or not failure.unreachable:
            raise
        return _local_dry_run_result(options, payload, failure.message)
    return _dry_run_result(options, remote, changes, notes)


def _local_dry_run_result(options: PushOptions, payload: PushPayload, reason: str) -> PushResult:
    """Return the result of a dry run that could not ask the Hub, with every file that a push may send."""
    files = [FileChange(path, file.size, "unknown") for path, file in payload.files.items()]
    sentence = (
        f"nothing was sent, and the Hub was not asked ({reason}); a push would send up to "
        f"{pluralize(len(files), 'file')}: which of them {options.repo} has already is not known"
    )
    waived = sorted(options.waive)
    return PushResult(options.repo, options.revision, _url(options.repo), files, sentence, dry_run=True, waived=waived)


def _dry_run_result(
    options: PushOptions, remote: RemoteState, changes: Sequence[FileChange], notes: Sequence[str]
) -> PushResult:
    planned = [*notes]
    if remote.head is None:
        planned.append(f"the repository would be created, {'private' if options.private else 'public'}")
    elif not remote.branch_exists and not options.pull_request:
        planned.append(f"the branch {options.revision} would be created")
    written = sum(file.what in ("new", "changed") for file in changes)
    deleted = sum(file.what == "deleted" for file in changes)
    sentence = f"nothing was sent; a push would write {pluralize(written, 'file')} and delete {deleted:,}"
    result = PushResult(options.repo, options.revision, _url(options.repo), changes, sentence, dry_run=True)
    return replace(result, waived=sorted(options.waive), notes=planned)


def _sentence(options: PushOptions, payload: PushPayload) -> str:
    target = f"as a pull request to {options.repo}" if options.pull_request else f"to {options.repo}"
    branch = f", branch {options.revision}" if options.revision != MAIN else ""
    return f"pushed {pluralize(payload.rows, 'text')} {target}{branch}, in one commit"


def _url(repo: str, commit: str | None = None, pull_request: str | None = None) -> str:
    from huggingface_hub import constants

    page = f"{constants.ENDPOINT}/datasets/{repo}"
    if pull_request:
        return f"{page}/discussions/{pull_request}"
    return f"{page}/commit/{commit}" if commit else page
