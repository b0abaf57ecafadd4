"""One request as one server understands it: what is sent, how the answer is read, and what a refusal teaches.

A refusal that names a parameter is believed. One that names nothing is tried without what may be to blame: first for
one answer instead of several, then without the parameters that were never answered, then without the constraint.
"""

from __future__ import annotations

import re
from dataclasses import replace

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, Request
from textsynth.models.remote import wire
from textsynth.models.remote.dialect import Dialect
from textsynth.models.remote.draws import read_draws

ASKED_AGAIN = (400, 404, 422, 501)
ONE_CHOICE = re.compile(r"(?<![\w\\])n(?!\w)|completion choice|candidate.?count", re.IGNORECASE)
"""How servers that give one answer a request refuse `n`."""


class Phrasing:
    """One request as one server understands it: what is sent now, how it is read, and what a refusal teaches.

    `form` sends the constraint in a form that is still to be found out; `draws` is how many answers are asked for.
    """

    def __init__(self, dialect: Dialect, request: Request, form: wire.Form | None = None, draws: int = 1) -> None:
        self._dialect = dialect
        self._request = request
        self._form = form
        self._draws = draws
        self._doubted = False
        self._bare: list[str] = []
        self._firm: dict[str, object] = {}
        self._may: dict[str, object] = {}

    def body(self) -> bytes:
        """Return the body to send now."""
        if self._form is None and not self._bare:
            sent = self._dialect.sent(self._request, self._draws)
            self._firm, self._may = sent.firm, sent.may
            return sent.body
        form = self._form if self._form is not None else self._dialect.form(self._request)
        self._firm, may = self._dialect.parameters(self._request, form, self._draws)
        self._may = {name: value for name, value in may.items() if name not in self._bare}
        return wire.encoded({**self._firm, **self._may})

    def read(self, raw: bytes) -> Completion:
        """Return the answer to what was sent last. Raises wire.Broken where it is none.

        Raises ModelError where another engine answered than the recipe names.
        """
        completion = wire.read_answer(raw, self._request)
        self.answered()
        return self._checked(completion)

    def read_draws(self, raw: bytes) -> list[Completion | None]:
        """Return all answers to what was sent last, fewer where the server gives fewer; see `read` and `read_draws`."""
        if self._draws == 1:
            return [self.read(raw)]
        found = read_draws(raw, self._request, self._draws)
        self.answered()
        if len(found) < self._draws:
            self._dialect.one_a_request()
        return [None if one is None else self._checked(one) for one in found]

    def _checked(self, completion: Completion) -> Completion:
        wanted = self._dialect.engine
        if wanted is not None and not completion.engine.startswith(wanted):
            found = repr(completion.engine) if completion.engine else "a server that tells no engine"
            raise ModelError(
                f"the answers of {self._dialect.model!r} come from {found}, but the recipe says engine: {wanted}"
            )
        if completion.scores is None or not self._dialect.exact:
            return completion
        return replace(completion, scores=replace(completion.scores, exact=True))

    def answered(self) -> None:
        """Note that what was sent last was answered: what was left out of it for that is what the server refuses."""
        self._dialect.took(self._may)
        if self._doubted and not self._bare:
            self._dialect.one_a_request()
        blamed = [name for name in self._bare if name in wire.CONSTRAINTS] or self._bare
        if blamed and (self._form is None or blamed is self._bare):
            self._dialect.refuse(self._request, blamed)
        self._bare = []

    def refused(self, status: int, raw: bytes) -> bool:
        """Learn from a refusal; return whether another body is worth sending at once. Ends after a few times."""
        said = raw.decode("utf-8", "replace")
        if status not in ASKED_AGAIN or wire.TOO_LONG.search(said):
            return False
        if "max_tokens" in self._firm and "max_completion_tokens" in said and "max_tokens" not in self._dialect.extra:
            self._dialect.rename_limit()
            return True
        if self._draws > 1 and status != 404 and ONE_CHOICE.search(said):
            self._dialect.one_a_request()
            self._draws = 1
            return True
        named = [name for name in self._may if _names(name, said)]
        if named and not self._bare:
            return self._without(named, said)
        count = self._firm.get("top_logprobs", self._firm.get("logprobs"))
        if self._request.options and "logprobs" in said and count is not None:
            return self._dialect.fewer_logprobs(count)
        if self._draws > 1 and status != 404:
            self._draws, self._doubted = 1, True
            return True
        return status != 404 and self._strip()

    def _strip(self) -> bool:
        """Leave out what may be to blame where the refusal names nothing: first all but a constraint, then that too."""
        suspects = self._dialect.suspects(self._may)
        parameters = [name for name in suspects if name not in wire.CONSTRAINTS]
        if not suspects:
            self._dialect.in_vain += bool(self._bare)
            return False
        self._bare += parameters or suspects
        return True

    def _without(self, named: list[str], said: str) -> bool:
        if self._form is not None and any(name in wire.CONSTRAINTS for name in named):
            return False  # that is what was to be found out
        # "must be -1 (disable), or at least 1" says that another value would do
        other = "-1" in said
        gone = [name for name in named if not (other and self._dialect.try_other_value(name, self._may[name]))]
        self._dialect.refuse(self._request, gone)
        return True


def _names(name: str, said: str) -> bool:
    """Whether a refusal names the parameter; a constraint it may also name by what is wrong with it."""
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", said) is not None
