"""What an HTTP status that is no answer means: trouble worth another try, the failure of one request, or the end."""

from __future__ import annotations

import re

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.connection import Reply
from textsynth.models.remote import wire
from textsynth.models.remote.patience import Trouble

ALL_REFUSED = 5
NO_TEMPLATE = re.compile(r"chat[ _]template(?!_?kwargs)", re.IGNORECASE)
GATED = re.compile(
    r"gated|restricted|awaiting a review|not (been )?granted|accept (the|its) (terms|license|licence)", re.I
)


class Refusals:
    """Reads refusals of one model's servers, and counts whether anything else ever came.

    `answered` is to be raised with every answer: a server that has answered is not taken for one that refuses all.
    """

    def __init__(self, model: str, key: str | None, key_env: str | None) -> None:
        self.answered = 0
        self._model = model
        self._key = key
        self._key_env = key_env
        self._refused = 0

    def read(self, reply: Reply, where: str) -> Completion | Trouble | None:
        """Return the failure of this request, or the trouble that is worth another try.

        None is a 404, which may be an unknown model or no interface at all. Raises ModelError for what no further
        request can change. `where` names the server.
        """
        status = reply.status
        said = self.scrubbed(wire.server_message(reply.body))
        self._hopeless(reply, said, where)
        if status == 429:
            return Trouble("busy", f"HTTP 429: {said!r}", wire.retry_after(reply.header("Retry-After")), answered=True)
        if status in (502, 503, 504):
            return Trouble(
                "down", f"HTTP {status}: {said!r}", wire.retry_after(reply.header("Retry-After")), answered=True
            )
        if status >= 500 or status in (408, 409, 425):
            return Trouble("broken", f"HTTP {status}: {said!r}", answered=True)
        return None if status == 404 else self._refused_request(reply, said, where)

    def scrubbed(self, said: str) -> str:
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
                f" (HTTP {status}: {said!r}); write prompts: completion in its settings, or serve it with a template"
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
