"""Paraphrases: the model says a given text in other words; the label of the parent is kept.

Every parent is asked for in every style once, in a seeded order, and again with a new draw where the quota still
wants more.

Does not check that the meaning is kept: that is the work of `same_meaning`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import PromptName, SourceName, Texts
from textsynth.core.protocols import Context, GeneratorSession, PromptedGenerator, QuotaDeficit
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.generate.candidates import parse_candidates
from textsynth.generate.round_robin import RoundRobin, requests_from
from textsynth.text.languages import language_name

STYLES = ("in other words", "shorter", "more informal", "more formal", "with a different opening")


class Paraphrase(PromptedGenerator):
    """Each text of a source in other words, in several styles."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset({"source_text", "style"})
    prompt_variables: ClassVar[frozenset[str]] = frozenset(
        {"text", "label", "label_description", "style", "n", "language", "domain"}
    )

    prompt: PromptName = Field(default="paraphrase", description="the prompt template")
    source: SourceName = Field(default="seeds", description="the texts to paraphrase")
    domain: str = Field(default="", description="one line about what the texts are")
    styles: Texts = Field(default=STYLES, min_length=1, description="how to rewrite; each parent takes each in turn")
    per_request: int = Field(default=1, ge=1, description="paraphrases asked for in one answer")

    @property
    def texts_per_request(self) -> int:
        """As many as `per_request` says."""
        return self.per_request

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator at work in one run."""
        return ParaphraseSession(self, context, name)


class ParaphraseSession:
    """Walks (parent, style) pairs of a label, or of all, in a seeded order."""

    def __init__(self, step: Paraphrase, context: Context, item: str) -> None:
        self._step = step
        self._item = item
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        parents = list(context.sources[step.source])
        random.Random(f"{context.seed}:{item}:parents").shuffle(parents)
        by_label: dict[str, list[Record]] = {"": parents}
        for parent in parents:
            for label in parent.labels:
                by_label.setdefault(label, []).append(parent)
        self._walks = {label: RoundRobin(some, step.styles) for label, some in by_label.items()}

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return asks for the shortfalls; an open-ended one ({}, once through) ends after every pair was used."""
        return requests_from(self._walk_for, self._ask, deficits, texts=self._step.per_request, room=max_requests)

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Learn nothing: the plan does not depend on what was accepted."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the paraphrases as candidates with the parent's labels."""
        return [] if completion is None else parse_candidates(request, request_key, completion, self._prompt.reader)

    def _walk_for(self, shortfall: QuotaDeficit) -> RoundRobin[str]:
        return self._walks.get(shortfall.cell.get("label", "")) or RoundRobin((), self._step.styles)

    def _ask(self, parent: Record, style: str) -> GenerationRequest:
        prompt = self._prompt.render(
            {
                "domain": self._step.domain,
                "text": parent.text,
                "label": parent.label or "",
                "label_description": self._context.labels.get(parent.label or "", ""),
                "style": style,
                "n": self._step.per_request,
                "language": language_name(self._context.language),
            }
        )
        return GenerationRequest(
            step=self._item,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=parent.labels,
            fields={**parent.fields, "source_text": parent.text, "style": style},
            parent_ids=(parent.id,),
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )
