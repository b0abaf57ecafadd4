"""How long a failing request is tried again, and when it is the server that fails rather than the request.

A request fails for good when the server answered others meanwhile; a server fails for good when it answered nothing
for `seconds`. So one bad request never stops a run, and a dead server is never taken for 5,000 bad requests.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from textsynth.core.errors import ModelError

FIRST_CONTACT_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 30.0
FEW = 4
MANY_TRIES = 100

Kind = Literal["away", "busy", "down", "broken"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A try that brought nothing, and the seconds the server asked us to wait.

    The server was away (no connection), busy (429), down (502 to 504, a time-out), or its answer was broken. Only
    the last two count against the request. `answered` says that HTTP came back, so that somebody is there.
    """

    kind: Kind
    sentence: str
    after: float | None = None
    answered: bool = False


@dataclass(slots=True)
class Attempt:
    """One request on its way: when it was first tried, the tries that count against it, its moves to other servers."""

    key: str
    started: float
    counted: int = 0
    tries: int = 0
    moves: int = 0


class Patience:
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

    def well(self, attempt: Attempt, now: float) -> None:
        """Note a whole answer."""
        self.heard = now
        self.reached = True
        self.hopeless = 0
        self.troubled.discard(attempt.key)

    def leave(self, attempt: Attempt) -> None:
        """Note that a request is no longer on its way, however it ended."""
        self.troubled.discard(attempt.key)

    def wait(self, attempt: Attempt, trouble: Trouble, now: float) -> float | None:
        """Return the seconds to wait before the next try, or None to give this request up.

        Raises ModelError when no request seems to have a chance.
        """
        self.troubled.add(attempt.key)
        attempt.tries += 1
        if trouble.kind != "away":
            self.reached = True
        if trouble.kind in ("broken", "down"):
            attempt.counted += 1
        others = self.heard is not None and self.heard > attempt.started
        if self._tried_enough(attempt) and (others or self._few_troubled()):
            self.hopeless += 1
            return None
        quiet = now - max(attempt.started, self.heard or 0.0)
        if quiet < self._limit(trouble):
            return self._pause(attempt, trouble)
        raise ModelError(self._silence(trouble, quiet))

    def _tried_enough(self, attempt: Attempt) -> bool:
        return attempt.counted > self.retries or attempt.tries > MANY_TRIES

    def _few_troubled(self) -> bool:
        return self.heard is not None and self.hopeless + len(self.troubled) <= FEW

    def _limit(self, trouble: Trouble) -> float:
        waits = self.heard is not None or trouble.kind in ("busy", "down")
        return self.seconds if waits else min(self.seconds, FIRST_CONTACT_SECONDS)

    def _pause(self, attempt: Attempt, trouble: Trouble) -> float:
        jitter = random.Random(f"{attempt.key}:{attempt.tries}").random()
        ceiling = min(LONGEST_WAIT_SECONDS, 0.25 * 2.0 ** min(attempt.tries, 10))
        if trouble.after is None:
            return jitter * ceiling
        return min(trouble.after, self.seconds) + jitter * 0.25

    def _silence(self, trouble: Trouble, quiet: float) -> str:
        if trouble.kind == "away" and not self.reached:
            return (
                f"no server at {self.address}: {trouble.sentence}, for {quiet:.0f} s; start one there"
                " (for example `vllm serve MODEL`), or put the right address into base_url"
            )
        return (
            f"the server at {self.address} has given no answer for {quiet:.0f} s; last: {trouble.sentence};"
            " start it again and run the same command: every answer that came is kept"
        )
