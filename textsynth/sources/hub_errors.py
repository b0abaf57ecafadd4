"""Errors of the Hugging Face Hub, for reading and pushing: one sentence for each, and when a request is retried."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from textsynth.core.formatting import escape_control

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

FIRST_WAIT_SECONDS = 0.5
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
Log = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class HubFailure:
    """A failed request to the Hub: one sentence about it, and whether a retry may succeed.

    `retry_after` is the number of seconds that the Hub asks to wait, if it does; `status` is that of its answer, None
    if there was no answer.
    """

    message: str
    retryable: bool = False
    retry_after: float | None = None
    status: int | None = None
    timed_out: bool = False

    @property
    def unreachable(self) -> bool:
        """Whether there was no answer of the Hub."""
        return self.retryable and self.status is None

    @property
    def outcome_unknown(self) -> bool:
        """Whether the request may have succeeded nevertheless: no answer came, or a gateway reported the error."""
        return self.retryable and (self.status is None or self.status >= 500)


class HubRetry:
    """Back-off for requests to one repository: waits double from 0.5 s, for `max_seconds` from the first error.

    `log` shows a line to the user before each wait.
    """

    def __init__(
        self, repo: str, max_seconds: float, log: Log = lambda _: None, *, retry_timeouts: bool = True
    ) -> None:
        self.repo = repo
        self._max_seconds, self._log, self._retry_timeouts = max_seconds, log, retry_timeouts
        self._next_wait = FIRST_WAIT_SECONDS
        self._deadline: float | None = None

    def wait(self, failure: HubFailure, action: str) -> bool:
        """Wait before a retry, as long as the Hub asks to; return False at once if none is due.

        None is due if it could not succeed, or if the wait would end after the deadline.
        """
        now = time.monotonic()
        self._deadline = now + self._max_seconds if self._deadline is None else self._deadline
        seconds = self._next_wait if failure.retry_after is None else failure.retry_after
        if not failure.retryable or (failure.timed_out and not self._retry_timeouts) or now + seconds > self._deadline:
            return False
        self._log(f"{self.repo}: {action}: {failure.message}; retrying in {seconds:g} s")
        time.sleep(seconds)
        self._next_wait *= 2
        return True


def with_retries(request: Callable[[], Result], action: str, retry: HubRetry) -> Result:
    """Return what `request` returns, with retries. Raises the last of the `hub_exceptions` if none succeeds."""
    while True:
        try:
            return request()
        except hub_exceptions() as error:
            if not retry.wait(classify_error(error, retry.repo), action):
                raise


def http_error() -> type[Exception]:
    """Return the base class of all network errors and HTTP error responses.

    It is the HTTPError of the httpx package that huggingface_hub uses, whose name differs between versions.
    """
    from huggingface_hub.errors import HfHubHTTPError

    base: type[Exception] = HfHubHTTPError.__bases__[0]
    return base


def hub_exceptions() -> tuple[type[Exception], ...]:
    """Return the exceptions that a call of huggingface_hub raises.

    They are its own, and those of the network, of files, of Xet uploads, and of answers that cannot be parsed.
    """
    return (http_error(), OSError, ValueError, RuntimeError, KeyError)


def classify_error(error: BaseException, repo: str) -> HubFailure:
    """Return what one of the `hub_exceptions` means for the user, raised by a request about the data set `repo`."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    cause = error.__cause__
    if isinstance(error, RuntimeError) and cause is not None:
        return classify_error(cause, repo)
    if isinstance(error, OfflineModeIsEnabled):
        return HubFailure("HF_HUB_OFFLINE is set, so the Hub is not contacted; unset it")
    if isinstance(error, HfHubHTTPError):
        return _classify_response(error, repo)
    summary = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
    if isinstance(error, http_error()):
        if "Timeout" in type(error).__name__:
            return HubFailure(f"no answer in time from the Hub at {_endpoint()}", retryable=True, timed_out=True)
        return HubFailure(f"the connection to the Hub at {_endpoint()} failed ({summary})", retryable=True)
    if type(error).__name__ in ("JSONDecodeError", "KeyError"):
        return HubFailure(
            f"the answer from {_endpoint()} does not come from the Hub; is there a proxy in between?", retryable=True
        )
    if "xet" in f"{type(error).__module__}{error}".lower():
        return HubFailure(
            f"the upload through Xet failed ({summary}); set HF_HUB_DISABLE_XET=1 to upload without it",
            retryable="client error" not in summary,
        )
    return HubFailure(_one_line(str(error)))


def _classify_response(error: HfHubHTTPError, repo: str) -> HubFailure:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    status = error.response.status_code
    server_message = _one_line(error.server_message or "")
    detail = f" ({server_message})" if server_message else ""
    if isinstance(error, GatedRepoError):
        page = f"{_endpoint()}/datasets/{repo}"
        return HubFailure(f"the data set is gated{detail}; request access at {page}, and {LOGIN}", status=status)
    if isinstance(error, RevisionNotFoundError):
        return HubFailure(f"there is no such revision{detail}", status=status)
    if isinstance(error, RepositoryNotFoundError):
        return HubFailure(f"the Hub has no such data set, or this login has no access to it; {LOGIN}", status=status)
    if status == 401:
        return HubFailure(f"the Hub rejected the token{detail}; {LOGIN}", status=status)
    if status == 403:
        return HubFailure(f"the token has no permission for this{detail}; use one that has", status=status)
    if status == 429:
        header = error.response.headers.get("Retry-After", "")
        seconds = float(header) if header.isdecimal() else None
        wait = f"; it asks to wait {seconds:g} s" if seconds is not None else ""
        return HubFailure(
            f"the Hub has received too many requests{wait}", retryable=True, retry_after=seconds, status=status
        )
    if status in (409, 412):
        return HubFailure(f"another commit has changed the repository{detail}", retryable=True, status=status)
    return HubFailure(
        f"the Hub answered with status {status}{detail}", retryable=status >= 500 or status == 408, status=status
    )


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _one_line(text: str) -> str:
    return escape_control(" ".join(text.split())).rstrip(".")
