"""What one server understands, found out once: parameters it refuses are left out from then on.

Everything that could change an answer is sent at its neutral value, since a server may otherwise take it from the
model's own generation_config: top_k, min_p and the penalties, and `enable_thinking` for chat templates. A server that
refuses a parameter it does not know (api.openai.com) is asked again without it at once, and told apart from a server
that refuses the request. What a recipe sets itself is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.protocol import MAX_N, parse_choices

ServerKind = Literal["auto", "vllm", "openai"]
# What OpenAI's own interface does not know; the first entry is what is sent, the next what is tried after a refusal.
NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "top_k": (0, -1),  # older engines call -1 what newer ones call 0
    "min_p": (0.0,),
    "repetition_penalty": (1.0,),
    "presence_penalty": (0.0,),
    "frequency_penalty": (0.0,),
}
UNKNOWN_TO_OPENAI = ("top_k", "min_p", "repetition_penalty", "chat_template_kwargs")
THINKING = "chat_template_kwargs"
# What says how a prompt becomes tokens, in the words of vLLM's endpoints and of its /tokenize alike.
RENDERING = (THINKING, "chat_template", "add_generation_prompt", "continue_final_message", "add_special_tokens")
LOGPROBS = (20, 5)  # how many log-probabilities are asked for: most servers' limit, then that of older ones
MOST_BODIES = 256


class SentParameters(NamedTuple):
    """A body, and the parameters in it: those that every server takes, and those that may be left out."""

    verified: dict[str, object]
    unverified: dict[str, object]
    body: bytes


class ServerCapabilities:
    """How one server is spoken to. `left_out` are parameters it refused, `forms` how it takes constraints, by endpoint.

    `thinking` is None where the model is not to think, else how many tokens it may think before its answer. `token_ids`
    maps an option to the ids of the tokens that spell it, where the server tells them; `exact` says that its
    log-probabilities were seen not to depend on the sampling. `engine` is what every answer must come from, as far as
    it is told. `draws` is how many answers to one prompt may be asked for in one request.
    """

    def __init__(
        self,
        model: str,
        extra: Mapping[str, object],
        *,
        speaks: ServerKind = "auto",
        thinking: int | None = None,
        constraints: bool = True,
        engine: str | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.model = model
        self.extra = extra
        self.thinking = thinking
        self.engine = engine
        self.left_out: set[str] = set(UNKNOWN_TO_OPENAI) if speaks == "openai" else set()
        self.forms: dict[str, wire.ConstraintForm] = {}
        self.unfit: set[str] = set()
        self.token_ids: dict[str, tuple[int, ...]] | None = None
        self.exact: bool | None = None
        self.draws = MAX_N
        self.logprobs = 0
        self.in_vain = 0
        self._neutral = {name: 0 for name in NEUTRAL}
        self._known: set[str] = set()
        self._speaks = speaks
        self._constraints = constraints
        self._say = say
        self._renamed = False
        self._bodies: dict[tuple[object, ...], SentParameters] = {}
        self._bodies_for: tuple[object, ...] = ()

    def parameters_sent(self, request: ModelRequest, draws: int = 1) -> SentParameters:
        """Return the body of a request as far as all is known; a prompt is asked several times and encoded once."""
        state = (
            len(self.left_out), len(self.forms), len(self.unfit), self.token_ids, self.logprobs, self._renamed,
            *self._neutral.values(),
        )  # fmt: skip
        if state != self._bodies_for or len(self._bodies) >= MOST_BODIES:
            self._bodies.clear()
            self._bodies_for = state
        key = (request.prompt, request.sampling, request.constraint, request.options, draws)
        found = self._bodies.get(key)
        if found is None:
            firm, may = self.parameters(request, self.constraint_form(request), draws)
            found = self._bodies[key] = SentParameters(firm, may, wire.encode({**firm, **may}))
        return found

    def constraint_form(self, request: ModelRequest) -> wire.ConstraintForm | None:
        """Return how the request's constraint is sent; None where it is not, or where nobody knows yet."""
        if not self._constraints or request.constraint is None or request.constraint.value in self.unfit:
            return None
        if self._speaks != "auto":
            return "structured_outputs" if self._speaks == "vllm" else "response_format"
        return self.forms.get(wire.path_of(request))

    def needs_probe(self, request: ModelRequest) -> bool:
        """Whether the form of the request's constraint must be found out before it is sent."""
        wanted = self._constraints and request.constraint is not None and self._speaks == "auto"
        return wanted and wire.path_of(request) not in self.forms

    def parameters(
        self, request: ModelRequest, form: wire.ConstraintForm | None, draws: int = 1
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Return the body without what may be left out, and what may be, of which nothing is refused so far."""
        firm = wire.parameters(request, self.model)
        thinks = self.thinking is not None and not request.options
        if thinks:
            firm["max_tokens"] = request.sampling.max_tokens + (self.thinking or 0)
        may: dict[str, object] = {}
        for name, values in NEUTRAL.items():
            if name not in firm and name not in self.left_out:
                may[name] = values[self._neutral[name]]
        if request.prompt.messages and THINKING not in self.left_out:
            may[THINKING] = {"enable_thinking": thinks}
        if form is not None and request.constraint is not None:
            may |= wire.constraint_parameters(request.constraint, form)
        if request.options:
            count = LOGPROBS[self.logprobs]
            firm |= {"logprobs": True, "top_logprobs": count} if request.prompt.messages else {"logprobs": count}
            ids = [one for option in request.options for one in (self.token_ids or {}).get(option, ())]
            if ids and wire.IDS not in self.left_out:
                may[wire.IDS] = ids
        if draws > 1:
            firm["n"] = draws
        if self._renamed:
            firm["max_completion_tokens"] = firm.pop("max_tokens")
        own = {name: value for name, value in self.extra.items() if value is not None}
        firm = {name: value for name, value in {**firm, **own}.items() if name not in self.extra or name in own}
        return firm, {name: value for name, value in may.items() if name not in self.extra}

    def rendering(self, request: ModelRequest) -> dict[str, object]:
        """Return those of the request's parameters that say how its prompt becomes tokens."""
        firm, may = self.parameters(request, None)
        return {name: value for name, value in {**firm, **may}.items() if name in RENDERING}

    def confirm(self, names: Mapping[str, object]) -> None:
        """Note that a request with these parameters was answered."""
        self._known.update(names)

    def unverified(self, names: Mapping[str, object]) -> list[str]:
        """Return those of the parameters that no answered request had yet, or that are constraints.

        None where leaving them out has not helped before.
        """
        if self.in_vain >= 2:
            return []
        return [name for name in names if name not in self._known or name in wire.CONSTRAINTS]

    def disable(self, request: ModelRequest, names: list[str]) -> None:
        """Leave these parameters out from now on; a constraint only for requests with the same one."""
        gone = [name for name in names if name not in self.left_out and name not in wire.CONSTRAINTS]
        self.left_out.update(gone)
        if request.constraint is not None and any(name in wire.CONSTRAINTS for name in names):
            if request.constraint.value not in self.unfit:
                self._say(f"the server refuses the constraint {request.constraint.value[:60]!r}: answers are only read")
            self.unfit.add(request.constraint.value)
        if gone:
            self._say(f"the server does not take {', '.join(gone)}: left out")

    def try_alternative(self, name: str, sent: object) -> bool:
        """Send another neutral value of the parameter from now on; False where there is none."""
        values = NEUTRAL.get(name, ())
        if name in self.left_out or not values:
            return False
        if values[self._neutral[name]] != sent:
            return True  # another request has learned it meanwhile
        if self._neutral[name] + 1 == len(values):
            return False
        self._neutral[name] += 1
        return True

    def rename_max_tokens(self) -> None:
        """Call the limit of new tokens `max_completion_tokens` from now on, as OpenAI's newer models want it."""
        self._renamed = True

    def disable_n(self) -> None:
        """Ask for one answer a request from now on."""
        if self.draws > 1:
            self._say("the server gives one answer a request: draws of one prompt are asked for one by one")
        self.draws = 1

    def reduce_n(self, sent: int) -> None:
        """Ask for fewer answers at once than the `sent` ones that were too many."""
        self.draws = min(self.draws, max(1, sent // 2))

    def reduce_logprobs(self, sent: object) -> bool:
        """Ask for fewer log-probabilities from now on; False where it cannot be fewer."""
        if sent != LOGPROBS[self.logprobs]:
            return True
        if self.logprobs + 1 == len(LOGPROBS):
            return False
        self.logprobs += 1
        return True


ASKED_AGAIN = (400, 404, 422, 501)
ONE_CHOICE = re.compile(r"(?<![\w\\])n(?!\w)|completion choice|candidate.?count", re.IGNORECASE)
"""How servers that give one answer a request refuse `n`."""


class RequestEncoder:
    """One request as one server understands it: what is sent now, how it is read, and what a refusal teaches.

    `form` sends the constraint in a form that is still to be found out; `draws` is how many answers are asked for.
    """

    def __init__(
        self,
        dialect: ServerCapabilities,
        request: ModelRequest,
        form: wire.ConstraintForm | None = None,
        draws: int = 1,
    ) -> None:
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
            sent = self._dialect.parameters_sent(self._request, self._draws)
            self._firm, self._may = sent.verified, sent.unverified
            return sent.body
        form = self._form if self._form is not None else self._dialect.constraint_form(self._request)
        self._firm, may = self._dialect.parameters(self._request, form, self._draws)
        self._may = {name: value for name, value in may.items() if name not in self._bare}
        return wire.encode({**self._firm, **self._may})

    def parse(self, raw: bytes) -> Completion:
        """Return the answer to what was sent last. Raises wire.Broken where it is none.

        Raises ModelError where another engine answered than the recipe names.
        """
        completion = wire.parse_completion(raw, self._request)
        self.on_success()
        return self._checked(completion)

    def parse_choices(self, raw: bytes) -> list[Completion | None]:
        """Return all answers to what was sent last, fewer where the server gives fewer; see `read` and `read_draws`."""
        if self._draws == 1:
            return [self.parse(raw)]
        found = parse_choices(raw, self._request, self._draws)
        self.on_success()
        if len(found) < self._draws:
            self._dialect.disable_n()
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

    def on_success(self) -> None:
        """Note that what was sent last was answered: what was left out of it for that is what the server refuses."""
        self._dialect.confirm(self._may)
        if self._doubted and not self._bare:
            self._dialect.disable_n()
        blamed = [name for name in self._bare if name in wire.CONSTRAINTS] or self._bare
        if blamed and (self._form is None or blamed is self._bare):
            self._dialect.disable(self._request, blamed)
        self._bare = []

    def on_rejection(self, status: int, raw: bytes) -> bool:
        """Learn from a refusal; return whether another body is worth sending at once. Ends after a few times."""
        said = raw.decode("utf-8", "replace")
        if status not in ASKED_AGAIN or wire.TOO_LONG.search(said):
            return False
        if "max_tokens" in self._firm and "max_completion_tokens" in said and "max_tokens" not in self._dialect.extra:
            self._dialect.rename_max_tokens()
            return True
        if self._draws > 1 and status != 404 and ONE_CHOICE.search(said):
            self._dialect.disable_n()
            self._draws = 1
            return True
        named = [name for name in self._may if _names(name, said)]
        if named and not self._bare:
            return self._without(named, said)
        count = self._firm.get("top_logprobs", self._firm.get("logprobs"))
        if self._request.options and "logprobs" in said and count is not None:
            return self._dialect.reduce_logprobs(count)
        if self._draws > 1 and status != 404:
            self._draws, self._doubted = 1, True
            return True
        return status != 404 and self._strip()

    def _strip(self) -> bool:
        """Leave out what may be to blame where the refusal names nothing: first all but a constraint, then that too."""
        suspects = self._dialect.unverified(self._may)
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
        gone = [name for name in named if not (other and self._dialect.try_alternative(name, self._may[name]))]
        self._dialect.disable(self._request, gone)
        return True


def _names(name: str, said: str) -> bool:
    """Whether a refusal names the parameter; a constraint it may also name by what is wrong with it."""
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", said) is not None
