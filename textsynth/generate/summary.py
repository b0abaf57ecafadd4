"""Summaries: the model sums up a given document, in the length asked for and with the key points named.

Each document is asked for once in each length, in the source's order; documents come round again with a new draw
where the quota still wants more.

Does not check that the summary is true to the document: that is the work of `faithfulness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import Numbers, PromptName, SourceName
from textsynth.core.protocols import Context, GeneratorSession, PromptedGenerator, QuotaDeficit
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.generate.candidates import parse_candidates
from textsynth.generate.round_robin import RoundRobin, requests_from
from textsynth.text.languages import language_name


class Summary(PromptedGenerator):
    """A summary of each document of a source."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset({"document"})
    prompt_variables: ClassVar[frozenset[str]] = frozenset(
        {"document", "key_points", "sentences", "n", "language", "domain"}
    )

    prompt: PromptName = Field(default="summary", description="the prompt template")
    source: SourceName = Field(default="documents", description="the documents: the text of each row")
    domain: str = Field(default="", description="one line about what the documents are")
    sentences: Numbers = Field(default=(1,), min_length=1, description="lengths asked for, in sentences, in turn")
    key_points: str | None = Field(
        default=None, description="the field whose lines are the key points a summary must name"
    )
    per_request: int = Field(default=1, ge=1, description="summaries asked for in one answer")

    @property
    def texts_per_request(self) -> int:
        """As many as `per_request` says."""
        return self.per_request

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator at work in one run."""
        return SummarySession(self, context, name)


class SummarySession:
    """Walks the documents in order, one length further each time round."""

    def __init__(self, step: Summary, context: Context, item: str) -> None:
        self._step = step
        self._item = item
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        self._walk = RoundRobin(context.sources[step.source], step.sentences)

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return asks for the next documents, as many as the shortfalls want together."""
        return requests_from(lambda _: self._walk, self._ask, deficits, texts=self._step.per_request, room=max_requests)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Learn nothing: the plan does not depend on what was accepted."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the summaries as candidates; the document is their field `document`."""
        return [] if completion is None else parse_candidates(request, request_key, completion, self._prompt.reader)

    def _ask(self, document: Record, sentences: int) -> GenerationRequest:
        points = document.field_text(self._step.key_points or "").splitlines()
        prompt = self._prompt.render(
            {
                "domain": self._step.domain,
                "document": document.text,
                "key_points": [point.strip() for point in points if point.strip()],
                "sentences": sentences,
                "n": self._step.per_request,
                "language": language_name(self._context.language),
            }
        )
        return GenerationRequest(
            step=self._item,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=document.labels,
            fields={**document.fields, "document": document.text},
            parent_ids=(document.id,),
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )
