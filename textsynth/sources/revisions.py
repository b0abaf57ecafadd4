"""The commit of a data set on the Hub that a branch or tag refers to, and the license that its card names.

This takes one request with a time limit of ten seconds. `load_dataset` alone needs half a minute to give up on a Hub
that cannot be reached, and waits without limit for one that does not answer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.sources.hub_errors import HubRetry, classify_error, http_error, hub_exceptions, with_retries

TIMEOUT_SECONDS = 10.0
MAX_RETRY_SECONDS = 2.0
"""Leaves time for two retries, after 0.5 and 1 s."""


class Commit(NamedTuple):
    """A commit of a data set, and the license that its card names (None: none, or more than one)."""

    sha: str
    license: str | None


def commit_of(path: str, revision: str | None) -> Commit:
    """Return the commit that `revision` (None: the newest) of the data set `path` refers to.

    Raises SourceError with the reason alone: there is no such data set or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    info = _dataset_info(path, revision, HfApi())
    license_ = getattr(info.card_data, "license", None)
    return Commit(str(info.sha), license_ if isinstance(license_, str) else None)


def is_offline() -> bool:
    """Return whether HF_HUB_OFFLINE keeps huggingface_hub and datasets from contacting the Hub."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


def _dataset_info(path: str, revision: str | None, api: Any) -> Any:  # noqa: ANN401
    from huggingface_hub.errors import HFValidationError, RevisionNotFoundError

    retry = HubRetry(path, MAX_RETRY_SECONDS, retry_timeouts=False)
    try:
        return with_retries(
            lambda: api.dataset_info(path, revision=revision, timeout=TIMEOUT_SECONDS), "reading its revision", retry
        )
    except HFValidationError as error:
        raise SourceError(f"it is neither a folder nor a name on the Hub, which is owner/name: {error}") from error
    except RevisionNotFoundError as error:
        raise SourceError(
            f"it has no revision {revision!r}{did_you_mean(str(revision), _revisions(path, api))}"
        ) from error
    except hub_exceptions() as error:
        failure = classify_error(error, path)
        hint = "; set HF_HUB_OFFLINE=1 to read a copy downloaded earlier" if failure.unreachable else ""
        raise SourceError(f"{failure.message}{hint}") from error


def _revisions(path: str, api: Any) -> list[str]:  # noqa: ANN401
    try:
        refs = api.list_repo_refs(path, repo_type="dataset")
    except http_error():
        return []
    return [ref.name for ref in (*refs.branches, *refs.tags)]
