"""Which commit of a data set on the Hub a branch or tag names now, and under which licence its card puts it.

Asking takes one request, with a time limit of ten seconds: `load_dataset` by itself takes half a minute to give up on a
Hub that cannot be reached, and waits for ever for one that does not answer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from textsynth.core.errors import SourceError, did_you_mean

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TIMEOUT_SECONDS = 10.0
WAITS = (0.5, 1.0, None)


class Commit(NamedTuple):
    """A commit of a data set, and the licence that its card names (None: none, or more than one)."""

    sha: str
    license: str | None


def commit_of(path: str, revision: str | None) -> Commit:
    """Return the commit that `revision` (None: the newest) of the data set `path` names.

    Raises SourceError with the reason alone: there is no such data set or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    info = _asked(path, revision, HfApi())
    found = getattr(info.card_data, "license", None)
    return Commit(str(info.sha), found if isinstance(found, str) else None)


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE keeps huggingface_hub and datasets from asking the Hub."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


def network_fault() -> type[Exception]:
    """Return the exception from which all of the network and of the Hub's answers come.

    It is the HTTPError of the httpx that huggingface_hub uses, whose name differs between its versions.
    """
    from huggingface_hub.errors import HfHubHTTPError

    found: type[Exception] = HfHubHTTPError.__bases__[0]
    return found


def _asked(path: str, revision: str | None, api: Any) -> Any:  # noqa: ANN401
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    http_error = network_fault()
    for wait in WAITS:
        try:
            return api.dataset_info(path, revision=revision, timeout=TIMEOUT_SECONDS)
        except HFValidationError as fault:
            raise SourceError(f"it is no name on the Hub, which is owner/name, and no folder here: {fault}") from fault
        except HfHubHTTPError as fault:
            if wait is None or fault.response.status_code < 500:
                raise SourceError(_answered(fault, path, revision, api)) from fault
        except http_error as fault:
            if wait is None or "Timeout" in type(fault).__name__:
                raise SourceError(
                    f"the Hub at {api.endpoint} cannot be reached ({str(fault) or type(fault).__name__}); with "
                    "HF_HUB_OFFLINE=1 what was downloaded before is read"
                ) from fault
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _answered(fault: HfHubHTTPError, path: str, revision: str | None, api: Any) -> str:  # noqa: ANN401
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    status = fault.response.status_code
    if isinstance(fault, GatedRepoError):
        return f"it is gated: ask for access at {api.endpoint}/datasets/{path}, and log in with `hf auth login`"
    if isinstance(fault, RevisionNotFoundError):
        return f"it has no revision {revision!r}{did_you_mean(str(revision), _revisions(path, api))}"
    if isinstance(fault, RepositoryNotFoundError):
        return "the Hub has no such data set, or not for this login (`hf auth login`, HF_TOKEN)"
    if status == 401:
        return "the Hub does not take the token; log in with `hf auth login`, or set HF_TOKEN"
    told = " ".join((fault.server_message or "").split())
    return f"the Hub answers with status {status}{f' ({told})' if told else ''}"


def _revisions(path: str, api: Any) -> list[str]:  # noqa: ANN401
    try:
        refs = api.list_repo_refs(path, repo_type="dataset")
    except network_fault():
        return []
    return [one.name for one in (*refs.branches, *refs.tags)]
