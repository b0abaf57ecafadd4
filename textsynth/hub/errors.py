"""What goes wrong between here and the Hub, as one sentence each, and whether trying again may help."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from textsynth.core.errors import RunError
from textsynth.core.formatting import escape_control

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

FIRST_WAIT_SECONDS = 0.5
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
Say = Callable[[str], None]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class HubFailure:
    """One fault: the sentence for it, whether it may pass, how many seconds the Hub asks to wait, and its status.

    `status` is that of the Hub's answer, None where none came.
    """

    sentence: str
    passing: bool = False
    after: float | None = None
    status: int | None = None

    @property
    def unsure(self) -> bool:
        """Whether what was asked may have been done all the same: no answer came, or one from something in between."""
        return self.passing and (self.status is None or self.status >= 500)


def hub_exceptions() -> tuple[type[Exception], ...]:
    """Return the exceptions of huggingface_hub: its own, of the network, of files, of Xet, of answers without sense."""
    from huggingface_hub.errors import HfHubHTTPError

    # HfHubHTTPError is an HTTPError of the httpx in use, whose name differs between versions
    return (HfHubHTTPError.__bases__[0], OSError, ValueError, RuntimeError, KeyError)


def classify_error(fault: BaseException) -> HubFailure:
    """Return what an exception of `caught` means for a person."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    cause = fault.__cause__
    if isinstance(fault, RuntimeError) and cause is not None:
        return classify_error(cause)
    if isinstance(fault, OfflineModeIsEnabled):
        return HubFailure("HF_HUB_OFFLINE is set, so that the Hub is not asked; unset it")
    if isinstance(fault, HfHubHTTPError):
        return _answered(fault)
    told = (str(fault).strip().splitlines() or [""])[0] or type(fault).__name__
    if isinstance(fault, HfHubHTTPError.__bases__[0]):
        kind = "no answer in time" if "Timeout" in type(fault).__name__ else f"the connection was lost ({told})"
        return HubFailure(f"{kind} from {_endpoint()}", passing=True)
    if type(fault).__name__ in ("JSONDecodeError", "KeyError"):
        return HubFailure(f"{_endpoint()} answers what the Hub would not; is it a proxy's page?", passing=True)
    if _of_xet(fault):
        return HubFailure(
            f"the upload by Xet failed ({told}); HF_HUB_DISABLE_XET=1 does without it",
            "client error" not in told,
        )
    return HubFailure(_flat(str(fault)))


class HubRetry:
    """How long to keep trying: waits that double from half a second on, `seconds` in all from the first fault."""

    def __init__(self, seconds: float, say: Say) -> None:
        self._seconds, self._say = seconds, say
        self._wait = FIRST_WAIT_SECONDS
        self._until: float | None = None

    def again(self, fault: HubFailure, doing: str) -> bool:
        """Wait before another try, as long as the Hub asks if it does; False where none would help, or time is up."""
        now = time.monotonic()
        self._until = now + self._seconds if self._until is None else self._until
        wait = self._wait if fault.after is None else fault.after
        if not fault.passing or now + wait > self._until:
            return False
        self._say(f"{doing}: {fault.sentence}; trying again in {wait:g} s")
        time.sleep(wait)
        self._wait *= 2
        return True


def with_retries(work: Callable[[], Found], doing: str, patience: HubRetry) -> Found:
    """Return what `work` returns, tried again where that may help. Raises RunError."""
    while True:
        try:
            return work()
        except hub_exceptions() as exception:
            fault = classify_error(exception)
            if not patience.again(fault, doing):
                raise RunError(f"{doing}: {fault.sentence}") from exception


def _answered(fault: HfHubHTTPError) -> HubFailure:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    status = fault.response.status_code
    server = _flat(fault.server_message or "")
    said = f" ({server})" if server else ""
    after = fault.response.headers.get("Retry-After", "")
    if isinstance(fault, GatedRepoError):
        return HubFailure(f"access to this repository must be asked for on its page{said}", status=status)
    if isinstance(fault, RevisionNotFoundError):
        return HubFailure(f"there is no such revision{said}", status=status)
    if isinstance(fault, RepositoryNotFoundError):
        return HubFailure("the Hub has no such data set, or this token may not see it", status=status)
    if status == 401:
        return HubFailure(f"the Hub does not take the token{said}; {LOGIN}", status=status)
    if status == 403:
        return HubFailure(f"the token may not do this{said}; take one that may write there", status=status)
    if status == 429:
        seconds = float(after) if after.isdigit() else None
        told = f"; it asks to wait {seconds:g} s" if seconds is not None else ""
        return HubFailure(f"the Hub has had too many requests{told}", passing=True, after=seconds, status=status)
    if status in (409, 412):
        return HubFailure(f"somebody else has changed the repository meanwhile{said}", passing=True, status=status)
    if status >= 500 or status == 408:
        return HubFailure(f"the Hub failed with status {status}{said}", passing=True, status=status)
    return HubFailure(f"the Hub refuses with status {status}{said}", status=status)


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _of_xet(fault: BaseException) -> bool:
    return "xet" in f"{type(fault).__module__}{fault}".lower()


def _flat(text: str) -> str:
    return escape_control(" ".join(text.split())).rstrip(".")
