"""What one server understands, found out once: parameters it refuses are left out from then on.

Everything that could change an answer is sent at its neutral value, since a server may otherwise take it from the
model's own generation_config: top_k, min_p and the penalties, and `enable_thinking` for chat templates. A server that
refuses a parameter it does not know (api.openai.com) is asked again without it at once, and told apart from a server
that refuses the request. What a recipe sets itself is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from textsynth.core.records import Request
from textsynth.models.remote import wire
from textsynth.models.remote.draws import MOST_DRAWS

Speaks = Literal["auto", "vllm", "openai"]
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


class Sent(NamedTuple):
    """A body, and the parameters in it: those that every server takes, and those that may be left out."""

    firm: dict[str, object]
    may: dict[str, object]
    body: bytes


class Dialect:
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
        speaks: Speaks = "auto",
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
        self.forms: dict[str, wire.Form] = {}
        self.unfit: set[str] = set()
        self.token_ids: dict[str, tuple[int, ...]] | None = None
        self.exact: bool | None = None
        self.draws = MOST_DRAWS
        self.logprobs = 0
        self.in_vain = 0
        self._neutral = {name: 0 for name in NEUTRAL}
        self._known: set[str] = set()
        self._speaks = speaks
        self._constraints = constraints
        self._say = say
        self._renamed = False
        self._bodies: dict[tuple[object, ...], Sent] = {}
        self._bodies_for: tuple[object, ...] = ()

    def sent(self, request: Request, draws: int = 1) -> Sent:
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
            firm, may = self.parameters(request, self.form(request), draws)
            found = self._bodies[key] = Sent(firm, may, wire.encoded({**firm, **may}))
        return found

    def form(self, request: Request) -> wire.Form | None:
        """Return how the request's constraint is sent; None where it is not, or where nobody knows yet."""
        if not self._constraints or request.constraint is None or request.constraint.value in self.unfit:
            return None
        if self._speaks != "auto":
            return "structured_outputs" if self._speaks == "vllm" else "response_format"
        return self.forms.get(wire.path_of(request))

    def unsure(self, request: Request) -> bool:
        """Whether the form of the request's constraint must be found out before it is sent."""
        wanted = self._constraints and request.constraint is not None and self._speaks == "auto"
        return wanted and wire.path_of(request) not in self.forms

    def parameters(
        self, request: Request, form: wire.Form | None, draws: int = 1
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
            may |= wire.constrained(request.constraint, form)
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

    def rendering(self, request: Request) -> dict[str, object]:
        """Return those of the request's parameters that say how its prompt becomes tokens."""
        firm, may = self.parameters(request, None)
        return {name: value for name, value in {**firm, **may}.items() if name in RENDERING}

    def took(self, names: Mapping[str, object]) -> None:
        """Note that a request with these parameters was answered."""
        self._known.update(names)

    def suspects(self, names: Mapping[str, object]) -> list[str]:
        """Return those of the parameters that no answered request had yet, or that are constraints.

        None where leaving them out has not helped before.
        """
        if self.in_vain >= 2:
            return []
        return [name for name in names if name not in self._known or name in wire.CONSTRAINTS]

    def refuse(self, request: Request, names: list[str]) -> None:
        """Leave these parameters out from now on; a constraint only for requests with the same one."""
        gone = [name for name in names if name not in self.left_out and name not in wire.CONSTRAINTS]
        self.left_out.update(gone)
        if request.constraint is not None and any(name in wire.CONSTRAINTS for name in names):
            if request.constraint.value not in self.unfit:
                self._say(f"the server refuses the constraint {request.constraint.value[:60]!r}: answers are only read")
            self.unfit.add(request.constraint.value)
        if gone:
            self._say(f"the server does not take {', '.join(gone)}: left out")

    def try_other_value(self, name: str, sent: object) -> bool:
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

    def rename_limit(self) -> None:
        """Call the limit of new tokens `max_completion_tokens` from now on, as OpenAI's newer models want it."""
        self._renamed = True

    def one_a_request(self) -> None:
        """Ask for one answer a request from now on."""
        if self.draws > 1:
            self._say("the server gives one answer a request: draws of one prompt are asked for one by one")
        self.draws = 1

    def fewer_draws(self, sent: int) -> None:
        """Ask for fewer answers at once than the `sent` ones that were too many."""
        self.draws = min(self.draws, max(1, sent // 2))

    def fewer_logprobs(self, sent: object) -> bool:
        """Ask for fewer log-probabilities from now on; False where it cannot be fewer."""
        if sent != LOGPROBS[self.logprobs]:
            return True
        if self.logprobs + 1 == len(LOGPROBS):
            return False
        self.logprobs += 1
        return True
