"""What one server supports, learned from its responses, and how requests to it are encoded.

Every parameter that could change a completion is sent at its neutral value, because a server may otherwise take it from
the model's own generation_config: top_k, min_p and the penalties, and `enable_thinking` for chat templates. A server
that rejects a parameter it does not know (api.openai.com) gets the request again at once without it, and all later
requests as well; a server that rejects the request itself is recognized. What a recipe sets itself is never
omitted, but for temperature and top_p, where a model refuses them: a note says so.

A model without a system role gets the system message in front of the first user message. Where max_tokens exceeds what
a prompt leaves of the context, requests with this prompt are sent with what is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest, RenderedPrompt
from textsynth.models.openai import context_length, protocol
from textsynth.models.openai.protocol import CONSTRAINT_PARAMETERS, LOGPROB_TOKEN_IDS, MAX_N, ConstraintForm

ServerKind = Literal["auto", "vllm", "openai"]

THINKING = "chat_template_kwargs"
UNKNOWN_TO_OPENAI = ("top_k", "min_p", "repetition_penalty", THINKING)
NEUTRAL_VALUES: Mapping[str, tuple[object, ...]] = {
    "top_k": (0, -1),  # the "off" of newer and of older versions of vLLM
    "min_p": (0.0,),
    "repetition_penalty": (1.0,),
    "presence_penalty": (0.0,),
    "frequency_penalty": (0.0,),
}
"""Sampling parameters beyond OpenAI's, with the value to send first and those to try after a rejection."""
RENDERING_PARAMETERS = (
    THINKING, "chat_template", "add_generation_prompt", "continue_final_message", "add_special_tokens",
)  # fmt: skip
"""Parameters that decide how a prompt becomes tokens; vLLM's `/tokenize` takes them too, under the same names."""
TOP_LOGPROBS = (20, 5)
"""How many log-probabilities to ask for: the limit of most servers, then that of older ones."""
SAMPLING = ("temperature", "top_p")
"""Sampling parameters of every request, which some models accept at their own values only."""
REFUSED = re.compile(
    r"not support|unsupported|unrecognized|unknown|not (?:permitted|allowed|available)|only the default|deprecated"
    r"|(?:cannot|can't|can not) both|extra inputs",
    re.IGNORECASE,
)
"""How a server refuses a parameter as such, and not its value."""
MAX_CACHED_BODIES = 256
MAX_KNOWN_PROMPTS = 4096
MAX_FAILED_REMOVALS = 2
RESENT_STATUSES = (400, 404, 422, 501)
"""Rejections after which another body is worth sending at once."""
N_REJECTED = re.compile(r"(?<![\w\\])n(?!\w)|completion choice|candidate.?count", re.IGNORECASE)
"""What servers that give one completion a request answer to `n`."""


class RequestBody(NamedTuple):
    """A body, and its parameters: those that must be sent, and those that may be omitted."""

    required: dict[str, object]
    optional: dict[str, object]
    encoded: bytes


class ServerCapabilities:
    """What one server supports, as far as that is known.

    `unsupported` are parameters it rejected; `constraint_forms` how it takes constraints, by endpoint; `max_n` how many
    completions of one prompt a request may ask for. `thinking_tokens` is None where the model must not think, else how
    many tokens it may think before its answer. `token_ids` maps an option to the ids of the tokens that spell it, None
    before the server was asked; `exact_logprobs` says whether its log-probabilities are independent of the sampling,
    None before it was probed. Every completion must come from an engine whose name starts with `engine`.
    """

    def __init__(
        self,
        model: str,
        extra_body: Mapping[str, object],
        *,
        server: ServerKind = "auto",
        thinking_tokens: int | None = None,
        constraints: bool = True,
        engine: str | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.model = model
        self.extra_body = extra_body
        self.thinking_tokens = thinking_tokens
        self.engine = engine
        self.unsupported: set[str] = set(UNKNOWN_TO_OPENAI) if server == "openai" else set()
        self.constraint_forms: dict[str, ConstraintForm] = {}
        self.rejected_constraints: set[str] = set()
        self.token_ids: dict[str, tuple[int, ...]] | None = None
        self.exact_logprobs: bool | None = None
        self.max_n = MAX_N
        self._server = server
        self._constraints = constraints
        self._log = log
        self._confirmed: set[str] = set()
        self._failed_removals = 0
        self._neutral_index = {name: 0 for name in NEUTRAL_VALUES}
        self._top_logprobs_index = 0
        self._uses_max_completion_tokens = False
        self._has_system_role = True
        self._free_tokens: dict[RenderedPrompt, int] = {}
        self._lowered = 0
        self._max_tokens: int | None = None
        self._bodies: dict[tuple[object, ...], RequestBody] = {}
        self._bodies_version: tuple[object, ...] = ()

    def encode(self, request: ModelRequest, n: int = 1) -> RequestBody:
        """Return the body that asks for `n` completions; one prompt is sent several times, and encoded once."""
        version = (
            len(self.unsupported), len(self.constraint_forms), len(self.rejected_constraints), self.token_ids,
            self._top_logprobs_index, self._uses_max_completion_tokens, self._has_system_role,
            self._lowered, self._max_tokens, *self._neutral_index.values(),
        )  # fmt: skip
        if version != self._bodies_version or len(self._bodies) >= MAX_CACHED_BODIES:
            self._bodies.clear()
            self._bodies_version = version
        key = (request.prompt, request.sampling, request.constraint, request.options, n)
        body = self._bodies.get(key)
        if body is None:
            required, optional = self.parameters(request, self.constraint_form(request), n)
            body = RequestBody(required, optional, protocol.encode_json({**required, **optional}))
            self._bodies[key] = body
        return body

    def parameters(
        self, request: ModelRequest, form: ConstraintForm | None, n: int = 1
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Return the required parameters, and the optional ones that the server has not rejected so far."""
        thinks = self.thinking_tokens is not None and not request.options
        required = self._base_parameters(request, thinks=thinks)
        optional: dict[str, object] = {
            name: values[self._neutral_index[name]]
            for name, values in NEUTRAL_VALUES.items()
            if name not in required and name not in self.unsupported
        }
        if request.prompt.messages and THINKING not in self.unsupported:
            optional[THINKING] = {"enable_thinking": thinks}
        if form is not None and request.constraint is not None:
            optional |= protocol.constraint_parameters(request.constraint, form)
        if request.options:
            count = TOP_LOGPROBS[self._top_logprobs_index]
            is_chat = bool(request.prompt.messages)
            required |= {"logprobs": True, "top_logprobs": count} if is_chat else {"logprobs": count}
            ids = [token for option in request.options for token in (self.token_ids or {}).get(option, ())]
            if ids and LOGPROB_TOKEN_IDS not in self.unsupported:
                optional[LOGPROB_TOKEN_IDS] = ids
        if n > 1:
            required["n"] = n
        if self._uses_max_completion_tokens:
            required["max_completion_tokens"] = required.pop("max_tokens")
        return self._with_extra_body(required, optional)

    def rendering_parameters(self, request: ModelRequest) -> dict[str, object]:
        """Return those parameters of the request that decide how its prompt becomes tokens."""
        required, optional = self.parameters(request, None)
        names = RENDERING_PARAMETERS if self._has_system_role else ("messages", *RENDERING_PARAMETERS)
        return {name: value for name, value in {**required, **optional}.items() if name in names}

    def constraint_form(self, request: ModelRequest) -> ConstraintForm | None:
        """Return how the request's constraint is sent; None where it is not sent, or where that must be probed."""
        if not self._constraints or request.constraint is None or request.constraint.value in self.rejected_constraints:
            return None
        if self._server != "auto":
            return "structured_outputs" if self._server == "vllm" else "response_format"
        return self.constraint_forms.get(protocol.endpoint_path(request))

    def needs_constraint_probe(self, request: ModelRequest) -> bool:
        """Whether the form of the request's constraint must be found out before the request is sent."""
        is_unknown = self._constraints and request.constraint is not None and self._server == "auto"
        return is_unknown and protocol.endpoint_path(request) not in self.constraint_forms

    def confirm(self, parameters: Iterable[str]) -> None:
        """Note that a request with these parameters was answered."""
        self._confirmed.update(parameters)

    def suspects(self, parameters: Iterable[str]) -> list[str]:
        """Return those of the parameters that may be the cause of a rejection: unconfirmed ones, and constraints.

        Returns none once omitting them has not helped twice.
        """
        if self._failed_removals >= MAX_FAILED_REMOVALS:
            return []
        return [name for name in parameters if name not in self._confirmed or name in CONSTRAINT_PARAMETERS]

    def note_failed_removal(self) -> None:
        """Note that a request was rejected also without all suspected parameters."""
        self._failed_removals += 1

    def mark_unsupported(self, request: ModelRequest, parameters: Iterable[str]) -> None:
        """Omit these parameters from now on; a constraint only in requests that have the same one."""
        names = list(parameters)
        if request.constraint is not None and any(name in CONSTRAINT_PARAMETERS for name in names):
            constraint = request.constraint.value
            if constraint not in self.rejected_constraints:
                self._log(f"the server rejects the constraint {constraint[:60]!r}; completions are parsed without it")
            self.rejected_constraints.add(constraint)
        new = [name for name in names if name not in self.unsupported and name not in CONSTRAINT_PARAMETERS]
        self.unsupported.update(new)
        if new:
            own_value = ", and its own value applies" if any(name in SAMPLING for name in new) else ""
            self._log(f"the server does not support {', '.join(new)}; requests are sent without{own_value}")

    def try_next_neutral_value(self, name: str, sent: object) -> bool:
        """Send another neutral value of the parameter from now on; return False where there is none."""
        values = NEUTRAL_VALUES.get(name, ())
        if name in self.unsupported or not values:
            return False
        if values[self._neutral_index[name]] != sent:
            return True  # another request has learned it meanwhile
        if self._neutral_index[name] + 1 == len(values):
            return False
        self._neutral_index[name] += 1
        return True

    def rename_max_tokens(self) -> None:
        """Send `max_tokens` as `max_completion_tokens` from now on, which newer models of OpenAI require."""
        self._uses_max_completion_tokens = True

    def merge_system_message(self, messages: object) -> bool:
        """Put the system message in front of the first user message from now on.

        Return False where the rejected `messages` have no system message, so that this cannot help.
        """
        if not isinstance(messages, list) or not any(message.get("role") == "system" for message in messages):
            return False
        if self._has_system_role:
            self._has_system_role = False
            self._log("the model has no system role; the system message is put in front of the first user message")
        return True

    def lower_max_tokens(self, request: ModelRequest, sent: object, free_tokens: int) -> bool:
        """Limit max_tokens of requests with this prompt to `free_tokens`; return False where that is too little."""
        if not isinstance(sent, int) or not context_length.MIN_COMPLETION_TOKENS <= free_tokens < sent:
            return False
        if len(self._free_tokens) >= MAX_KNOWN_PROMPTS:
            self._free_tokens.clear()
        self._free_tokens[request.prompt] = free_tokens
        self._lowered += 1
        if self._lowered == 1:
            self._log(
                f"max_tokens {sent} is more than the server allows; it is lowered to what the prompt leaves of the"
                f" context, here {free_tokens}"
            )
        return True

    def limit_max_tokens(self, sent: object, most: int) -> bool:
        """Limit max_tokens of all requests to the `most` that the server allows; return False where that is no less."""
        if not isinstance(sent, int) or not 1 <= most < sent:
            return False
        if self._max_tokens is None or most < self._max_tokens:
            self._max_tokens = most
            self._log(f"max_tokens {sent} is more than the server allows; requests are sent with {most}")
        return True

    def disable_n(self) -> None:
        """Ask for one completion a request from now on."""
        if self.max_n > 1:
            self._log(
                "the server gives one completion a request (it ignores or rejects n); requests are sent one by one"
            )
        self.max_n = 1

    def reduce_n(self, sent: int) -> None:
        """Ask for at most half as many completions a request as the `sent` ones that failed."""
        self.max_n = min(self.max_n, max(1, sent // 2))

    def reduce_top_logprobs(self, sent: object) -> bool:
        """Ask for fewer log-probabilities from now on; return False where there is no smaller number."""
        if sent != TOP_LOGPROBS[self._top_logprobs_index]:
            return True  # another request has learned it meanwhile
        if self._top_logprobs_index + 1 == len(TOP_LOGPROBS):
            return False
        self._top_logprobs_index += 1
        return True

    def _base_parameters(self, request: ModelRequest, *, thinks: bool) -> dict[str, object]:
        """Return what every server needs, without the sampling that this one refuses, and within its context."""
        required = protocol.base_parameters(request, self.model, system_role=self._has_system_role)
        for name in SAMPLING:
            if name in self.unsupported:
                del required[name]
        max_tokens = request.sampling.max_tokens + ((self.thinking_tokens or 0) if thinks else 0)
        free_tokens = self._free_tokens.get(request.prompt) if self._free_tokens else None
        limits = [limit for limit in (free_tokens, self._max_tokens) if limit is not None]
        required["max_tokens"] = min([max_tokens, *limits])
        return required

    def _with_extra_body(
        self, required: Mapping[str, object], optional: Mapping[str, object]
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Return the parameters with the recipe's own ones over them; None among those removes a parameter."""
        own = {name: value for name, value in self.extra_body.items() if value is not None}
        removed = self.extra_body.keys() - own.keys()
        return (
            {name: value for name, value in {**required, **own}.items() if name not in removed},
            {name: value for name, value in optional.items() if name not in self.extra_body},
        )


class RequestEncoder:
    """One request to one server: the body to send, the completions of its response, and the lesson of a rejection.

    `form` sends the constraint in a form that is being probed; `n` is how many completions to ask for.
    """

    def __init__(
        self, capabilities: ServerCapabilities, request: ModelRequest, form: ConstraintForm | None = None, n: int = 1
    ) -> None:
        self._capabilities = capabilities
        self._request = request
        self._form = form
        self._n = n
        self._omitted_n = False
        self._omitted: list[str] = []
        self._required: dict[str, object] = {}
        self._optional: dict[str, object] = {}

    def body(self) -> bytes:
        """Return the body to send now."""
        if self._form is None and not self._omitted:
            body = self._capabilities.encode(self._request, self._n)
            self._required, self._optional = body.required, body.optional
            return body.encoded
        form = self._form if self._form is not None else self._capabilities.constraint_form(self._request)
        self._required, optional = self._capabilities.parameters(self._request, form, self._n)
        self._optional = {name: value for name, value in optional.items() if name not in self._omitted}
        return protocol.encode_json({**self._required, **self._optional})

    def parse_response(self, body: bytes) -> list[Completion | None]:
        """Return the completions of the response to the last body, fewer than asked for where the server gives fewer.

        None is a malformed one of several. Raises MalformedResponse where there is none at all, and ModelError where
        another engine answered than the recipe names.
        """
        if self._n == 1:
            completions: list[Completion | None] = [protocol.parse_completion(body, self._request)]
        else:
            completions = protocol.parse_completions(body, self._request, self._n)
        self.on_success()
        if len(completions) < self._n:
            self._capabilities.disable_n()
        return [None if completion is None else self._checked(completion) for completion in completions]

    def on_success(self) -> None:
        """Note that the last body was answered: the server does not support what was omitted from it."""
        self._capabilities.confirm(self._optional)
        if self._omitted_n and not self._omitted:
            self._capabilities.disable_n()
        unsupported = [name for name in self._omitted if name in CONSTRAINT_PARAMETERS] or self._omitted
        if unsupported and (self._form is None or unsupported is self._omitted):
            self._capabilities.mark_unsupported(self._request, unsupported)
        self._omitted = []

    def on_rejection(self, status: int, body: bytes) -> bool:
        """Learn from a rejection; return whether `body()` has another body worth sending. Ends after a few times."""
        text = body.decode("utf-8", "replace")
        if status in (*RESENT_STATUSES, 500) and protocol.NO_SYSTEM_ROLE.search(text):
            return self._capabilities.merge_system_message(self._required.get("messages"))
        if status not in RESENT_STATUSES:
            return False
        most = context_length.max_completion_tokens(text)
        if most is not None:
            return self._lower_max_tokens(most, for_all_prompts=True)
        free_tokens = context_length.free_context_tokens(text)
        if free_tokens is not None or context_length.is_prompt_too_long(text):
            return free_tokens is not None and self._lower_max_tokens(free_tokens)
        if (has_other_body := self._learn_named(status, text)) is not None:
            return has_other_body
        top_logprobs = self._required.get("top_logprobs", self._required.get("logprobs"))
        if self._request.options and "logprobs" in text and top_logprobs is not None:
            return self._capabilities.reduce_top_logprobs(top_logprobs)
        if self._n > 1 and status != 404:
            self._n, self._omitted_n = 1, True
            return True
        return status != 404 and self._omit_suspects()

    def _learn_named(self, status: int, text: str) -> bool | None:
        """Learn from a rejection that names a parameter, as `on_rejection` does; None where it names none."""
        has_own_limit = "max_tokens" in self._capabilities.extra_body
        if "max_tokens" in self._required and "max_completion_tokens" in text and not has_own_limit:
            self._capabilities.rename_max_tokens()
            return True
        if self._n > 1 and status != 404 and N_REJECTED.search(text):
            self._capabilities.disable_n()
            self._n = 1
            return True
        if sampling := self._refused_sampling(text):
            self._capabilities.mark_unsupported(self._request, sampling)
            return True
        named = [name for name in self._optional if _names(text, name)]
        return self._omit_named(named, text) if named and not self._omitted else None

    def _checked(self, completion: Completion) -> Completion:
        """Return the completion with `exact` set in its scores. Raises ModelError where it is of another engine."""
        engine = self._capabilities.engine
        if engine is not None and not completion.engine.startswith(engine):
            actual = repr(completion.engine) if completion.engine else "a server that does not name its engine"
            raise ModelError(
                f"the answers of {self._capabilities.model!r} come from {actual}, but the recipe says engine: {engine}"
            )
        if completion.scores is None or not self._capabilities.exact_logprobs:
            return completion
        return replace(completion, scores=replace(completion.scores, exact=True))

    def _lower_max_tokens(self, free_tokens: int, *, for_all_prompts: bool = False) -> bool:
        names = ("max_tokens", "max_completion_tokens")
        sent = next((self._required[name] for name in names if name in self._required), None)
        if any(name in self._capabilities.extra_body for name in names):
            return False
        if for_all_prompts:
            return self._capabilities.limit_max_tokens(sent, free_tokens)
        return self._capabilities.lower_max_tokens(self._request, sent, free_tokens)

    def _refused_sampling(self, text: str) -> list[str]:
        """Return the sampling parameters that the server refuses; of two that exclude each other the last one."""
        if not REFUSED.search(text):
            return []
        sent = [name for name in SAMPLING if name in self._required and name not in self._capabilities.extra_body]
        named = [name for name in sent if _names(text, name)]
        return named[-1:] if "both" in text else named

    def _omit_named(self, names: list[str], text: str) -> bool:
        """Omit the parameters that the server names, or send another neutral value of them."""
        if self._form is not None and any(name in CONSTRAINT_PARAMETERS for name in names):
            return False  # the result of the probe
        # "must be -1 (disable), or at least 1" says that another value would do
        suggests_value = "-1" in text
        unsupported = [
            name
            for name in names
            if not (suggests_value and self._capabilities.try_next_neutral_value(name, self._optional[name]))
        ]
        self._capabilities.mark_unsupported(self._request, unsupported)
        return True

    def _omit_suspects(self) -> bool:
        """Omit what may be the cause where the server names nothing: first all but a constraint, then that too."""
        suspects = self._capabilities.suspects(self._optional)
        if not suspects:
            if self._omitted:
                self._capabilities.note_failed_removal()
            return False
        self._omitted += [name for name in suspects if name not in CONSTRAINT_PARAMETERS] or suspects
        return True


def _names(text: str, parameter: str) -> bool:
    """Whether the text of a rejection names the parameter, as a whole word."""
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(parameter)}(?![A-Za-z0-9_])", text) is not None
