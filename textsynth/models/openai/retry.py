"""What happens after a failed attempt: which failures are worth another one, after which delay, and when to give up.

ErrorClassifier sorts the error responses of a server: into failures of the one request, failures that may pass, and
those that no request can avoid. RetryPolicy decides about failures that may pass. A request fails for good when it
used up its retries while the server answered others; the run stops when the server answered nothing for
`max_downtime_seconds`. So one bad request never stops a run, and a dead server is never taken for 5,000 bad requests.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.response import Response
from textsynth.models.openai import context_length, protocol

FIRST_CONTACT_SECONDS = 15.0
"""How long a server that never responded may be unreachable."""
BASE_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 30.0
MAX_ATTEMPTS = 100
"""Attempts of one request, those included that do not count against it."""
MAX_LONE_FAILURES = 4
"""If no more requests than this fail at once or in a row, the cause is sought in them and not in the server."""
MAX_REJECTIONS = 5
"""Once this many requests were rejected and none was answered, the run stops."""
MAX_MALFORMED = 4
"""Once this many responses were malformed and none was not, the run stops: waiting does not help with such a server."""
NO_CHAT_TEMPLATE = re.compile(r"chat[ _]template(?!_?kwargs)", re.IGNORECASE)
NOT_THE_KEY = re.compile(
    r"country|region|territory|location|your ip|ip address|network|blocked|polic(?:y|ies)", re.IGNORECASE
)
"""What a rejection with HTTP 403 names where the key is not its cause."""
TLS_EXPECTED = re.compile(r"HTTP request (?:was sent )?to (?:an )?HTTPS (?:port|server)", re.IGNORECASE)
GATED = re.compile(
    r"gated|restricted|awaiting a review|not (been )?granted|accept (the|its) (terms|license|licence)", re.IGNORECASE
)

ErrorKind = Literal["unreachable", "rate_limited", "unavailable", "broken"]


@dataclass(frozen=True, slots=True)
class TransientError:
    """A failed attempt after which another one may succeed, and the seconds that the server asked to wait before it.

    Kinds: unreachable (no connection), rate_limited (429), unavailable (502 to 504, or a timeout), and broken (the
    connection broke off, the response is malformed, or another status from 500). Only the last two count against the
    request. `server_responded` says whether there was an HTTP response; `cure` says what to do if every response of the
    server is as malformed as this one, or if the proxy stays unreachable.
    """

    kind: ErrorKind
    message: str
    retry_after_seconds: float | None = None
    server_responded: bool = False
    cure: str = ""


@dataclass(slots=True)
class RetryState:
    """One request: the time of its first attempt, the attempts so far, and those that count against it.

    `endpoint_switches` is how often it moved to another server.
    """

    key: str
    started: float
    counted_attempts: int = 0
    attempts: int = 0
    endpoint_switches: int = 0


class RetryPolicy:
    """Decides after each transient error. `now` is a monotonic time in seconds.

    `last_response` is the time of the last complete response, `server_reached` whether the server ever responded in any
    way; `failing` are the keys of the requests whose last attempt failed, `consecutive_failures` how many requests were
    given up since the last response.
    """

    def __init__(self, *, retries: int, max_downtime_seconds: float, address: str) -> None:
        self.retries = retries
        self.max_downtime_seconds = max_downtime_seconds
        self.address = address
        self.last_response: float | None = None
        self.server_reached = False
        self.failing: set[str] = set()
        self.consecutive_failures = 0

    def record_success(self, state: RetryState, now: float) -> None:
        """Note a complete response."""
        self.last_response = now
        self.server_reached = True
        self.consecutive_failures = 0
        self.failing.discard(state.key)

    def release(self, state: RetryState) -> None:
        """Note that a request has ended, whatever its result."""
        self.failing.discard(state.key)

    def next_delay(self, state: RetryState, error: TransientError, now: float) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give this request up.

        Raises ModelError when no request seems to have a chance.
        """
        self.failing.add(state.key)
        state.attempts += 1
        if error.kind != "unreachable":
            self.server_reached = True
        if error.kind in ("broken", "unavailable"):
            state.counted_attempts += 1
        others_succeed = self.last_response is not None and self.last_response > state.started
        if self._is_used_up(state) and (others_succeed or self._fails_alone()):
            self.consecutive_failures += 1
            return None
        downtime = now - max(state.started, self.last_response or 0.0)
        if downtime < self._max_downtime(error):
            return self._delay(state, error)
        raise ModelError(self._downtime_message(error, downtime))

    def _is_used_up(self, state: RetryState) -> bool:
        return state.counted_attempts > self.retries or state.attempts > MAX_ATTEMPTS

    def _fails_alone(self) -> bool:
        has_responded = self.last_response is not None
        return has_responded and self.consecutive_failures + len(self.failing) <= MAX_LONE_FAILURES

    def _max_downtime(self, error: TransientError) -> float:
        has_responded = self.last_response is not None or error.kind in ("rate_limited", "unavailable")
        return self.max_downtime_seconds if has_responded else min(self.max_downtime_seconds, FIRST_CONTACT_SECONDS)

    def _delay(self, state: RetryState, error: TransientError) -> float:
        """Return an exponential back-off with full jitter, or what the server asks for and a little jitter."""
        jitter = random.Random(f"{state.key}:{state.attempts}").random()
        if error.retry_after_seconds is not None:
            return min(error.retry_after_seconds, self.max_downtime_seconds) + jitter * BASE_DELAY_SECONDS
        return jitter * min(MAX_DELAY_SECONDS, BASE_DELAY_SECONDS * 2.0 ** min(state.attempts, 10))

    def _downtime_message(self, error: TransientError, downtime: float) -> str:
        if error.kind == "unreachable" and error.cure:
            return f"no connection to the server at {self.address} for {downtime:.0f} s: {error.message}; {error.cure}"
        if error.kind == "unreachable" and not self.server_reached:
            return (
                f"no server at {self.address}: {error.message}, for {downtime:.0f} s; start one there"
                " (for example `vllm serve MODEL`), or correct base_url"
            )
        return (
            f"the server at {self.address} has given no answer for {downtime:.0f} s; last error: {error.message};"
            f" {_downtime_cure(error)} and run the same command: all answers received so far are kept"
        )


def _downtime_cure(error: TransientError) -> str:
    """Return what to do about a server that has answered nothing for long; this was its last error."""
    if error.kind == "rate_limited":
        return "wait until its limit allows requests again, lower concurrency if that is too high,"
    if error.kind == "unavailable" and not error.server_responded:
        return "start it again, or raise timeout_seconds if it is slow,"
    if error.server_responded:
        return "look into its log, correct the cause"
    return "start it again"


class ErrorClassifier:
    """Sorts the error responses of one model's servers. `answered` counts the requests that were answered.

    A server that has answered is never taken for one that rejects every request.
    """

    def __init__(self, model: str, api_keys: Sequence[str], api_key_env: str | None) -> None:
        self.answered = 0
        self._model = model
        self._api_keys = api_keys
        self._api_key_env = api_key_env
        self._rejected = 0
        self._malformed = 0

    def record_malformed(self, error: TransientError, server: str) -> None:
        """Note a malformed response. Raises ModelError where the server has sent nothing else."""
        self._malformed += 1
        if not self.answered and self._malformed >= MAX_MALFORMED:
            raise ModelError(
                f"{server} gives no completions: each of the first {self._malformed} responses was malformed, and"
                f" {error.message}; {error.cure}"
            )

    def classify(self, response: Response, server: str) -> Completion | TransientError | None:
        """Return the failure of this request, or the error that is worth another attempt.

        None is a 404 or 405, which means an unknown model or no API at all. Raises ModelError for what no further
        request can change. `server` names the server in messages.
        """
        status = response.status
        message = self.redact(protocol.server_message(response.body))
        self._raise_if_fatal(response, message, server)
        if status in (404, 405):
            return None
        if status == 429 or status in (502, 503, 504):
            retry_after = protocol.parse_retry_after(response.header("Retry-After"))
            kind: ErrorKind = "rate_limited" if status == 429 else "unavailable"
            return TransientError(kind, f"HTTP {status}: {message!r}", retry_after, server_responded=True)
        if status >= 500 or status in (408, 409, 425):
            return TransientError("broken", f"HTTP {status}: {message!r}", server_responded=True)
        return self._rejection(response, message, server)

    def redact(self, message: str) -> str:
        """Return a message of the server without our keys, which it may repeat."""
        for api_key in self._api_keys:
            message = message.replace(api_key, "***")
        return message

    def _raise_if_fatal(self, response: Response, message: str, server: str) -> None:
        status = response.status
        if status in (401, 403) and GATED.search(message):
            raise ModelError(
                f"{server} is not allowed to use the gated model {self._model!r} (HTTP {status}: {message!r});"
                " accept its terms with the account that the key belongs to"
            )
        if status == 403 and NOT_THE_KEY.search(message):
            raise ModelError(f"{server} forbids requests from here (HTTP 403: {message!r}); that is not about the key")
        if status in (401, 403):
            raise ModelError(f"{server} refuses {self._key_description()} (HTTP {status}: {message!r})")
        if TLS_EXPECTED.search(message):
            raise ModelError(f"{server} expects HTTPS (HTTP {status}: {message!r}); write https:// in base_url")
        if status == 402 or protocol.error_code(response.body) == "insufficient_quota":
            raise ModelError(f"the account at {server} has no credit left (HTTP {status}: {message!r})")
        if status in (400, 500) and NO_CHAT_TEMPLATE.search(message) and not self.answered:
            raise ModelError(
                f"the model {self._model!r} at {server.removeprefix('the server at ')} has no chat template"
                f" (HTTP {status}: {message!r}); write mode: completion in its options, or serve it with a template"
            )
        if 300 <= status < 400:
            location = response.header("Location") or ""
            raise ModelError(f"{server} redirects to {location!r}; write the final address as base_url")

    def _rejection(self, response: Response, message: str, server: str) -> Completion:
        text = response.body.decode("utf-8", "replace")
        is_too_long = response.status == 413 or context_length.is_prompt_too_long(message)
        free_tokens = context_length.free_context_tokens(text)
        if free_tokens is not None and free_tokens >= context_length.MIN_COMPLETION_TOKENS:
            return protocol.rejected_failure(response.status, message)
        if is_too_long or protocol.error_code(response.body) == "context_length_exceeded":
            return protocol.too_long_failure(self._model, message)
        self._rejected += 1
        if not self.answered and self._rejected >= MAX_REJECTIONS:
            raise ModelError(
                f"{server} rejected each of the first {self._rejected} requests (HTTP {response.status}: {message!r});"
                " change or remove parameters with extra_body"
            )
        return protocol.rejected_failure(response.status, message)

    def _key_description(self) -> str:
        if self._api_key_env is None:
            return "requests without a key; name the environment variable that holds one with api_key_env"
        return f"the key in {self._api_key_env!r}"
