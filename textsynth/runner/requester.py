"""From requests to answers: the journal first, then the model; every answer is on disk before it counts.

A request's key is the sha256 of the model's name and revision, mode, messages, sampling, constraint and use: the n-th
use of the same prompt and sampling is another request, so adding a generator to a recipe buys no answer twice. A
follow-up's key depends on the key of the request it follows, whatever else is in flight.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from textsynth.cluster.backend import OpenModel, open_here
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, GenerationRequest, ModelRequest
from textsynth.core.secrets import redact_answer, redact_message
from textsynth.models import Model, ModelOptions, ModelRuntime
from textsynth.parse import ParseFailure, without_thinking
from textsynth.runner.batch_file import BatchFile, MissingAnswers
from textsynth.store.journal import Journal

MIN_LONG_PROMPT, MAX_CHARACTERS_PER_TOKEN = 2000, 8
"""A prompt of this many characters has more tokens than one for every 8 characters in any language."""


@dataclass(slots=True)
class RequestStats:
    """What the requests have cost so far.

    `sent` counts requests that this process sent, `from_journal` those that the journal answered; the token counts are
    of both, `generated_tokens` are the completion tokens of those sent. `long_prompts` are those with a token count of
    the server that could have been cut, `cut_prompts` those for which it counted far too few tokens; `worst_cut` has
    the tokens and the characters of the one that lost most.
    """

    sent: int = 0
    from_journal: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    generated_tokens: int = 0
    long_prompts: int = 0
    cut_prompts: int = 0
    worst_cut: tuple[int, int] = (1, 1)

    def record_prompt_size(self, request: ModelRequest, tokens: int) -> None:
        """Compare the server's token count of a prompt with its length; 0 is unknown."""
        characters = prompt_characters(request)
        if not tokens or characters < MIN_LONG_PROMPT:
            return
        self.long_prompts += 1
        if characters > MAX_CHARACTERS_PER_TOKEN * tokens:
            self.cut_prompts += 1
            self.worst_cut = min(self.worst_cut, (tokens, characters), key=lambda cut: cut[0] / cut[1])

    @property
    def cut_note(self) -> str | None:
        """A sentence about prompts that a server has cut; None where there are none."""
        if not self.cut_prompts:
            return None
        tokens, characters = self.worst_cut
        return (
            f"the server seems to have cut {self.cut_prompts:,} of {self.long_prompts:,} long prompts at its context:"
            f" it counted {tokens:,} tokens for a prompt of {characters:,} characters; raise its context length"
            " (Ollama: num_ctx), or shorten the prompts"
        )


class Requester:
    """Answers the requests of one run; a model is opened when the journal first lacks an answer of it.

    `open_model` opens a model: in this process, or on a cluster. With a `batch` no server is asked: answers come from
    its file, and the missing requests are collected there.
    `identities` are the models' names and revisions, by their names in the recipe.
    """

    def __init__(
        self,
        models: Mapping[str, ModelOptions],
        journal: Journal,
        runtime: ModelRuntime,
        batch: BatchFile | None = None,
        open_model: OpenModel = open_here,
    ) -> None:
        self._open_model = open_model
        self._batch = batch
        self._writes: list[asyncio.Future[None]] = []
        self._options = models
        self.identities = {name: options.identity_at(runtime.recipe_folder) for name, options in models.items()}
        self._journal = journal
        self._runtime = runtime
        self._models: dict[str, Model] = {}
        self._uses: Counter[bytes] = Counter()
        self._last_hashed: GenerationRequest | None = None
        self._last_hash = hashlib.sha256()
        self.stats = RequestStats()
        self.waiting = 0

    @property
    def in_flight(self) -> int:
        """Requests that models are working on; those that wait for a free slot are not counted where a model knows."""
        counts = [model.in_flight for model in self._models.values()]
        return min(self.waiting, sum(self.waiting if count is None else count for count in counts))

    def model_requests(self, requests: Sequence[GenerationRequest]) -> list[ModelRequest | None]:
        """Return the keyed request for each, in plan order; None for those that need no model."""
        return [None if request.prompt is None else self._keyed(request) for request in requests]

    def follow_up_request(self, request: GenerationRequest, parent_key: str) -> ModelRequest:
        """Return the keyed request of a follow-up to the answer under `parent_key`."""
        return self._model_request(request, self._content_hash(request), b"\x1eafter:" + parent_key.encode())

    async def complete(
        self,
        requests: Sequence[GenerationRequest],
        model_requests: Sequence[ModelRequest | None],
        *,
        answers: dict[str, Completion] | None = None,
    ) -> list[Completion | None]:
        """Return the completions in plan order, each of them on disk. Raises ModelError, JournalError, MissingAnswers.

        The journal keeps answers as they came; the thinking before an answer is cut off here. `answers`, empty, gets
        each answer as it came by its key, as soon as it is on disk.
        """
        answers = {} if answers is None else answers
        answers.update(self._journal.find_answers([request.key for request in model_requests if request is not None]))
        self.stats.from_journal += len(answers)
        missing: dict[str, list[ModelRequest]] = {}
        for request, model_request in zip(requests, model_requests, strict=True):
            if model_request is not None and model_request.key not in answers:
                missing.setdefault(request.model, []).append(model_request)
        if self._batch is not None:
            await self._take_from(self._batch, missing, answers)
        for name, unanswered in missing.items():
            await self._ask_model(name, unanswered, answers)
        if self._batch is not None and any(
            request is not None and request.key not in answers for request in model_requests
        ):
            raise MissingAnswers
        self._count([request for request in model_requests if request is not None], answers)
        return [None if request is None else without_thinking_in(answers[request.key]) for request in model_requests]

    def stored(
        self, model_requests: Sequence[ModelRequest | None], *, from_journal: bool = False
    ) -> list[Completion | None]:
        """Return the completions that are on disk already, in plan order; None for the others.

        `from_journal` counts them as answered by the journal, where no call of `complete` has.
        """
        requests = [request for request in model_requests if request is not None]
        answers = self._journal.find_answers([request.key for request in requests])
        self._count([request for request in requests if request.key in answers], answers)
        self.stats.from_journal += len(answers) * from_journal
        return [
            None if request is None or request.key not in answers else without_thinking_in(answers[request.key])
            for request in model_requests
        ]

    async def flush(self) -> None:
        """Wait until the answers of cancelled requests that had come are on disk, so that `stored` finds them."""
        await self._journal.flush()

    async def close(self) -> None:
        """Close the models that were opened, once the answers of a batch are on disk."""
        await asyncio.gather(*self._writes)
        for model in self._models.values():
            await model.close()

    def _count(self, requests: Sequence[ModelRequest], answers: Mapping[str, Completion]) -> None:
        for request in requests:
            self.stats.record_prompt_size(request, answers[request.key].prompt_tokens)
        for completion in answers.values():
            self.stats.failed += completion.failure is not None
            self.stats.prompt_tokens += completion.prompt_tokens
            self.stats.completion_tokens += completion.completion_tokens

    async def _ask_model(self, name: str, requests: Sequence[ModelRequest], answers: dict[str, Completion]) -> None:
        if name not in self._models:
            self._models[name] = self._open_model(name, self._options[name], self._runtime)
        identity = self.identities[name]

        async def on_completion(request: ModelRequest, completion: Completion) -> None:
            completion = without_secrets(completion)
            # Before the answer is stored: it is, even if the run stops meanwhile and this call is cancelled.
            self.stats.sent += 1
            self.stats.generated_tokens += completion.completion_tokens
            await self._journal.add_answer(request, completion, model=identity)
            answers[request.key] = completion
            self.waiting -= 1

        self.waiting += len(requests)
        try:
            await self._models[name].complete(requests, on_completion)
        finally:
            self.waiting -= sum(request.key not in answers for request in requests)
        unanswered = [request.key for request in requests if request.key not in answers]
        if unanswered:
            raise ModelError(
                f"model {name!r} ({identity}) left {len(unanswered)} of {len(requests)} requests without an answer"
            )

    async def _take_from(
        self, batch: BatchFile, missing: dict[str, list[ModelRequest]], answers: dict[str, Completion]
    ) -> None:
        """Answer the requests that go to the batch, and remove them from `missing`."""
        for name in [name for name, requests in missing.items() if batch.supports(name, requests[0])]:
            requests = missing.pop(name)
            taken = {key: without_secrets(completion) for key, completion in batch.take(name, requests).items()}
            for request in requests:
                if request.key in taken:
                    write = self._journal.add_answer(request, taken[request.key], model=self.identities[name])
                    self._writes.append(asyncio.ensure_future(write))
            answers.update(taken)
            self.stats.sent += len(taken)
            self.stats.generated_tokens += sum(completion.completion_tokens for completion in taken.values())
        # An earlier window that lacks answers cancels this call, but what the batch brought is kept.
        await asyncio.shield(asyncio.gather(*self._writes))

    def _keyed(self, request: GenerationRequest) -> ModelRequest:
        content = self._content_hash(request)
        digest = content.digest()
        use = self._uses[digest]
        self._uses[digest] += 1
        return self._model_request(request, content, b"\x1e%d" % use)

    def _content_hash(self, request: GenerationRequest) -> hashlib._Hash:
        """Return the hash of everything that shapes an answer but the use of the request.

        Generators group requests by prompt: most have the hash of the one before.
        """
        if self._last_hashed is None or not _has_same_content(self._last_hashed, request):
            self._last_hash = self._compute_content_hash(request)
            self._last_hashed = request
        return self._last_hash.copy()

    def _compute_content_hash(self, request: GenerationRequest) -> hashlib._Hash:
        prompt = request.prompt
        if prompt is None:
            raise TypeError("a request without a prompt has no key")
        identity = self.identities[request.model]
        parts = [identity, prompt.mode, prompt.text, _constraint_key(request), repr(request.sampling)]
        for message in prompt.messages:
            parts += message
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass"))

    def _model_request(self, request: GenerationRequest, content: hashlib._Hash, use: bytes) -> ModelRequest:
        if request.prompt is None:
            raise TypeError("a request without a prompt has no key")
        content.update(use)
        return ModelRequest(content.hexdigest(), request.prompt, request.sampling, request.constraint, request.options)


def _has_same_content(first: GenerationRequest, second: GenerationRequest) -> bool:
    """Whether two requests share prompt, sampling, constraint and model; the texts are not compared."""
    return (
        first.prompt is second.prompt
        and first.sampling is second.sampling
        and first.constraint is second.constraint
        and first.model == second.model
        and first.options == second.options
    )


def prompt_characters(request: ModelRequest) -> int:
    """Return the length of a prompt, without what a chat template adds."""
    prompt = request.prompt
    return len(prompt.text) + sum(len(message.content) for message in prompt.messages)


def without_secrets(completion: Completion) -> Completion:
    """Return the completion without what is a secret for certain, as where a server repeats the key in its answer."""
    text = redact_answer(completion.text)
    failure = None if completion.failure is None else redact_message(completion.failure)
    if text == completion.text and failure == completion.failure:
        return completion
    return replace(completion, text=text, failure=failure)


def without_thinking_in(completion: Completion) -> Completion:
    """Return the completion without a model's thinking before the answer; thinking that never ends is a failure."""
    answer = without_thinking(completion.text)
    if isinstance(answer, ParseFailure):
        return replace(completion, text="", failure=answer.reason)
    return completion if answer == completion.text else replace(completion, text=answer)


def _constraint_key(request: GenerationRequest) -> str:
    """Return the part of the key for constraint and options; "" for most requests."""
    constraint = request.constraint
    key = "" if constraint is None or constraint.in_prompt else f"{constraint.kind}:{constraint.value}"
    return f"{key}\x1foptions:{','.join(request.options)}" if request.options else key
