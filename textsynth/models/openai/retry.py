"""How long a failing request is tried again, and when it is the server that fails rather than the request.

A request fails for good when the server answered others meanwhile; a server fails for good when it answered nothing
for `seconds`. So one bad request never stops a run, and a dead server is never taken for 5,000 bad requests.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Literal

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.connection import Reply
from textsynth.models.openai import protocol as wire

FIRST_CONTACT_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 30.0
FEW = 4
MANY_TRIES = 100

Kind = Literal["away", "busy", "down", "broken"]


@dataclass(frozen=True, slots=True)
class TransientError:
    """A try that brought nothing, and the seconds the server asked us to wait.

    The server was away (no connection), busy (429), down (502 to 504, a time-out), or its answer was broken. Only
    the last two count against the request. `answered` says that HTTP came back, so that somebody is there.
    """

    kind: Kind
    sentence: str
    retry_after_seconds: float | None = None
    server_responded: bool = False


@dataclass(slots=True)
class RetryState:
    """One request on its way: when it was first tried, the tries that count against it, its moves to other servers."""

    key: str
    started: float
    counted_tries: int = 0
    tries: int = 0
    endpoint_switches: int = 0


class RetryPolicy:
    """Decides after each trouble; `now` is a monotonic time in seconds given by the caller.

    `heard` is the time of the last whole answer, `hopeless` how many requests in a row were given up without one.
    """

    def __init__(self, *, retries: int, seconds: float, address: str) -> None:
        self.retries = retries
        self.seconds = seconds
        self.address = address
        self.heard: float | None = None
        self.reached = False
        self.troubled: set[str] = set()
        self.hopeless = 0

    def record_success(self, attempt: RetryState, now: float) -> None:
        """Note a whole answer."""
        self.heard = now
        self.reached = True
        self.hopeless = 0
        self.troubled.discard(attempt.key)

    def release(self, attempt: RetryState) -> None:
        """Note that a request is no longer on its way, however it ended."""
        self.troubled.discard(attempt.key)

    def next_delay(self, attempt: RetryState, trouble: TransientError, now: float) -> float | None:
        """Return the seconds to wait before the next try, or None to give this request up.

        Raises ModelError when no request seems to have a chance.
        """
        self.troubled.add(attempt.key)
        attempt.tries += 1
        if trouble.kind != "away":
            self.reached = True
        if trouble.kind in ("broken", "down"):
            attempt.counted_tries += 1
        others = self.heard is not None and self.heard > attempt.started
        if self._tried_enough(attempt) and (others or self._few_troubled()):
            self.hopeless += 1
            return None
        quiet = now - max(attempt.started, self.heard or 0.0)
        if quiet < self._limit(trouble):
            return self._pause(attempt, trouble)
        raise ModelError(self._silence(trouble, quiet))

    def _tried_enough(self, attempt: RetryState) -> bool:
        return attempt.counted_tries > self.retries or attempt.tries > MANY_TRIES

    def _few_troubled(self) -> bool:
        return self.heard is not None and self.hopeless + len(self.troubled) <= FEW

    def _limit(self, trouble: TransientError) -> float:
        waits = self.heard is not None or trouble.kind in ("busy", "down")
        return self.seconds if waits else min(self.seconds, FIRST_CONTACT_SECONDS)

    def _pause(self, attempt: RetryState, trouble: TransientError) -> float:
        jitter = random.Random(f"{attempt.key}:{attempt.tries}").random()
        ceiling = min(LONGEST_WAIT_SECONDS, 0.25 * 2.0 ** min(attempt.tries, 10))
        if trouble.retry_after_seconds is None:
            return jitter * ceiling
        return min(trouble.retry_after_seconds, self.seconds) + jitter * 0.25

    def _silence(self, trouble: TransientError, quiet: float) -> str:
        if trouble.kind == "away" and not self.reached:
            return (
                f"no server at {self.address}: {trouble.sentence}, for {quiet:.0f} s; start one there"
                " (for example `vllm serve MODEL`), or put the right address into base_url"
            )
        return (
            f"the server at {self.address} has given no answer for {quiet:.0f} s; last: {trouble.sentence};"
            " start it again and run the same command: every answer that came is kept"
        )


ALL_REFUSED = 5
NO_TEMPLATE = re.compile(r"chat[ _]template(?!_?kwargs)", re.IGNORECASE)
GATED = re.compile(
    r"gated|restricted|awaiting a review|not (been )?granted|accept (the|its) (terms|license|licence)", re.I
)


class ErrorClassifier:
    """Reads refusals of one model's servers, and counts whether anything else ever came.

    `answered` is to be raised with every answer: a server that has answered is not taken for one that refuses all.
    """

    def __init__(self, model: str, key: str | None, key_env: str | None) -> None:
        self.answered = 0
        self._model = model
        self._key = key
        self._key_env = key_env
        self._refused = 0

    def classify(self, reply: Reply, where: str) -> Completion | TransientError | None:
        """Return the failure of this request, or the trouble that is worth another try.

        None is a 404, which may be an unknown model or no interface at all. Raises ModelError for what no further
        request can change. `where` names the server.
        """
        status = reply.status
        said = self.redact(wire.server_message(reply.body))
        self._hopeless(reply, said, where)
        if status == 429:
            return TransientError(
                "busy", f"HTTP 429: {said!r}", wire.retry_after(reply.header("Retry-After")), server_responded=True
            )
        if status in (502, 503, 504):
            return TransientError(
                "down", f"HTTP {status}: {said!r}", wire.retry_after(reply.header("Retry-After")), server_responded=True
            )
        if status >= 500 or status in (408, 409, 425):
            return TransientError("broken", f"HTTP {status}: {said!r}", server_responded=True)
        return None if status == 404 else self._refused_request(reply, said, where)

    def redact(self, said: str) -> str:
        """Return what a server says without our key, should it repeat it."""
        return said if self._key is None else said.replace(self._key, "***")

    def _hopeless(self, reply: Reply, said: str, where: str) -> None:
        status = reply.status
        if status in (401, 403) and GATED.search(said):
            raise ModelError(
                f"{where} may not give us the gated model {self._model!r} (HTTP {status}: {said!r});"
                " accept its terms with the account that the key belongs to"
            )
        if status in (401, 403):
            raise ModelError(f"{where} refuses {self._key_used()} (HTTP {status}: {said!r})")
        if status == 402 or wire.error_code(reply.body) == "insufficient_quota":
            raise ModelError(f"{where} wants to be paid first (HTTP {status}: {said!r})")
        if status in (400, 500) and NO_TEMPLATE.search(said) and not self.answered:
            raise ModelError(
                f"the model {self._model!r} at {where.removeprefix('the server at ')} has no chat template"
                f" (HTTP {status}: {said!r}); write mode: completion in its settings, or serve it with a template"
            )
        if 300 <= status < 400:
            to = reply.header("Location") or ""
            raise ModelError(f"{where} sends us on to {to!r}; put the right address into base_url")

    def _refused_request(self, reply: Reply, said: str, where: str) -> Completion:
        status = reply.status
        if status == 413 or wire.TOO_LONG.search(said) or wire.error_code(reply.body) == "context_length_exceeded":
            return Completion("", failure=f"too long a prompt for {self._model!r}: {said}")
        self._refused += 1
        if not self.answered and self._refused >= ALL_REFUSED:
            raise ModelError(
                f"{where} refused each of the first {self._refused} requests"
                f" (HTTP {status}: {said!r}); parameters can be changed or left out with body"
            )
        return Completion("", failure=f"refused by the server (HTTP {status}): {said}")

    def _key_used(self) -> str:
        if self._key_env is None:
            return "requests without a key; name the variable that holds one with key_env"
        return f"the key in {self._key_env!r}"
