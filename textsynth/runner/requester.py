"""From asks to answers: the journal first, then the model; every answer is on disk before it counts.

A request's key is the sha256 of the model's name and revision, mode, messages, sampling, schema and draw. `draw` is the
how-manieth use of the same prompt and sampling, so a further generator in a recipe buys nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, GenerationRequest, ModelRequest
from textsynth.models import Model, ModelOptions, ModelRuntime
from textsynth.parse import ParseFailure, without_thinking
from textsynth.runner.batch_file import BatchFile, MissingAnswers
from textsynth.store.journal import Journal


@dataclass(slots=True)
class RequestStats:
    """What asking has cost so far.

    `sent` counts requests this process sent, `kept` those the journal answered; tokens are of both, `written` are the
    completion tokens of those sent.
    """

    sent: int = 0
    from_journal: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    written: int = 0


class Requester:
    """Answers windows of asks for one run; models are opened when the journal first lacks an answer.

    With a `batch` servers are not asked: answers come from its file, and what is missing is collected there.

    `identities` are the models' names and revisions, by their names in the recipe.
    """

    def __init__(
        self, models: Mapping[str, ModelOptions], journal: Journal, place: ModelRuntime, batch: BatchFile | None = None
    ) -> None:
        self._batch = batch
        self._keeping: list[asyncio.Future[None]] = []
        self._options = models
        self.identities = {name: options.identity_at(place.recipe_folder) for name, options in models.items()}
        self._journal = journal
        self._place = place
        self._open: dict[str, Model] = {}
        self._draws: Counter[bytes] = Counter()
        self.tally = RequestStats()
        self.waiting = 0

    @property
    def in_flight(self) -> int:
        """The number of requests that models process now; queued ones do not count where a model reports its number."""
        counts = [model.in_flight for model in self._open.values()]
        return min(self.waiting, sum(self.waiting if count is None else count for count in counts))

    def requests(self, asks: Sequence[GenerationRequest]) -> list[ModelRequest | None]:
        """Give each ask its request, in plan order; None for asks that need no model."""
        return [None if ask.prompt is None else self._request(ask) for ask in asks]

    async def complete(
        self, asks: Sequence[GenerationRequest], requests: Sequence[ModelRequest | None]
    ) -> list[Completion | None]:
        """Return the completions in plan order, each of them on disk. Raises ModelError, JournalError, Unanswered.

        The journal keeps answers as they came; what the model thought aloud before them is cut off here.
        """
        answers = self._journal.find_answers([request.key for request in requests if request is not None])
        self.tally.from_journal += len(answers)
        missing: dict[str, list[ModelRequest]] = {}
        for ask, request in zip(asks, requests, strict=True):
            if request is not None and request.key not in answers:
                missing.setdefault(ask.model, []).append(request)
        if self._batch is not None:
            await self._take(self._batch, missing, answers)
        for name, some in missing.items():
            await self._complete(name, some, answers)
        if any(request is not None and request.key not in answers for request in requests):
            raise MissingAnswers
        for completion in answers.values():
            self.tally.failed += completion.failure is not None
            self.tally.prompt_tokens += completion.prompt_tokens
            self.tally.completion_tokens += completion.completion_tokens
        return [None if request is None else _answer_only(answers[request.key]) for request in requests]

    async def close(self) -> None:
        """Close the models that were opened, when what a batch brought is on disk."""
        await asyncio.gather(*self._keeping)
        for model in self._open.values():
            await model.close()

    async def _complete(self, name: str, requests: Sequence[ModelRequest], answers: dict[str, Completion]) -> None:
        if name not in self._open:
            self._open[name] = self._options[name].open(self._place)
        identity = self.identities[name]

        async def arrived(request: ModelRequest, completion: Completion) -> None:
            await self._journal.add_answer(request, completion, model=identity)
            answers[request.key] = completion
            self.waiting -= 1
            self.tally.sent += 1
            self.tally.written += completion.completion_tokens

        self.waiting += len(requests)
        try:
            await self._open[name].complete(requests, arrived)
        finally:
            self.waiting -= sum(request.key not in answers for request in requests)
        lost = [request.key for request in requests if request.key not in answers]
        if lost:
            raise ModelError(
                f"model {name!r} ({identity}) left {len(lost)} of {len(requests)} requests without an answer"
            )

    async def _take(
        self, batch: BatchFile, missing: dict[str, list[ModelRequest]], answers: dict[str, Completion]
    ) -> None:
        """Answer from the batch what it carries, and take that out of `missing`."""
        for name in [name for name, some in missing.items() if batch.carries(name, some[0])]:
            requests = missing.pop(name)
            taken = batch.take(name, requests)
            for request in requests:
                if request.key in taken:
                    keep = self._journal.add_answer(request, taken[request.key], model=self.identities[name])
                    self._keeping.append(asyncio.ensure_future(keep))
            answers.update(taken)
            self.tally.sent += len(taken)
            self.tally.written += sum(completion.completion_tokens for completion in taken.values())
        # an earlier window that lacks answers ends this call, but what came is kept
        await asyncio.shield(asyncio.gather(*self._keeping))

    def _request(self, ask: GenerationRequest) -> ModelRequest:
        prompt = ask.prompt
        if prompt is None:
            raise TypeError("an ask without a prompt has no request")
        hasher = hashlib.sha256()
        told = [self.identities[ask.model], prompt.mode, prompt.text, _held_to(ask), repr(ask.sampling)]
        for turn in prompt.messages:
            told += turn
        hasher.update("\x1f".join(told).encode("utf-8", "surrogatepass"))
        same = hasher.digest()
        draw = self._draws[same]
        self._draws[same] += 1
        hasher.update(b"\x1e%d" % draw)
        return ModelRequest(hasher.hexdigest(), prompt, ask.sampling, ask.constraint, ask.options)


def _answer_only(completion: Completion) -> Completion:
    """Cut a model's thoughts off its answer; thoughts that never ended are a failure."""
    answer = without_thinking(completion.text)
    if isinstance(answer, ParseFailure):
        return replace(completion, text="", failure=answer.reason)
    return completion if answer == completion.text else replace(completion, text=answer)


def _held_to(ask: GenerationRequest) -> str:
    """Return what of the constraint and the options belongs to the key; "" for most asks, as it always was."""
    constraint = ask.constraint
    held = "" if constraint is None or constraint.in_prompt else f"{constraint.kind}:{constraint.value}"
    return f"{held}\x1foptions:{','.join(ask.options)}" if ask.options else held
