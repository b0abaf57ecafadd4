"""Summaries: the model summarizes a given document, in a given length and with given key points.

Each document is summarized once in each length, in the source's order, and again with a new sample where the quota
still lacks texts.

Does not check that the summary is true to the document: that is the task of `faithfulness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import Numbers, PromptName, SourceName
from textsynth.core.protocols import Context, PromptedGenerator
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.candidates import parse_candidates
from textsynth.generate.round_robin import RoundRobin, plan_round_robin
from textsynth.text.languages import language_name


class Summary(PromptedGenerator):
    """A summary of each document of a source."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset({"document"})
    prompt_variables: ClassVar[frozenset[str]] = frozenset(
        {"document", "key_points", "sentences", "n", "language", "domain"}
    )

    prompt: PromptName = Field(default="summary", description="the prompt template")
    source: SourceName = Field(default="documents", description="the documents: the text of each row")
    domain: str = Field(default="", description="one line about the documents")
    sentences: Numbers = Field(default=(1,), min_length=1, description="requested lengths in sentences, in turn")
    key_points: str | None = Field(
        default=None, description="the field whose lines are the key points that a summary must name"
    )
    per_request: int = Field(default=1, ge=1, description="summaries requested in one answer")

    @property
    def texts_per_request(self) -> int:
        """The value of `per_request`."""
        return self.per_request

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run."""
        return SummarySession(self, context, name)


class SummarySession:
    """Plans (document, length) pairs in the source's order."""

    def __init__(self, step: Summary, context: Context, name: str) -> None:
        self._step = step
        self._name = name
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        self._pairs = RoundRobin(context.sources[step.source], step.sentences)

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return requests for the next documents, enough for all deficits together."""
        return plan_round_robin(
            lambda _: self._pairs,
            self._make_request,
            deficits,
            texts_per_request=self._step.per_request,
            max_requests=max_requests,
        )

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Do nothing: the plan does not depend on accepted texts."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the summaries as candidates; the document is their field `document`."""
        return [] if completion is None else parse_candidates(request, request_key, completion, self._prompt.reader)

    def _make_request(self, document: Record, sentences: int) -> GenerationRequest:
        key_points = document.field_text(self._step.key_points or "").splitlines()
        prompt = self._prompt.render(
            {
                "domain": self._step.domain,
                "document": document.text,
                "key_points": [point.strip() for point in key_points if point.strip()],
                "sentences": sentences,
                "n": self._step.per_request,
                "language": language_name(self._context.language),
            }
        )
        return GenerationRequest(
            step=self._name,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=document.labels,
            fields={**document.fields, "document": document.text},
            parent_ids=(document.id,),
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )
