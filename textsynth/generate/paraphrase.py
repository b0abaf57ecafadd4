"""Paraphrases: the model rewrites a given text in other words; the label of the original is kept.

Every text is rewritten in every style once, in a seeded order, and again with a new sample where the quota still lacks
texts.

Does not check that the meaning is kept: that is the task of `same_meaning`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import PromptName, SourceName, Texts
from textsynth.core.protocols import Context, PromptedGenerator
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.candidates import parse_candidates
from textsynth.generate.label_sets import describe_labels
from textsynth.generate.round_robin import RoundRobin, plan_round_robin
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
    domain: str = Field(default="", description="one line about the texts")
    styles: Texts = Field(
        default=STYLES, min_length=1, description="how to rewrite; each text takes each style in turn"
    )
    per_request: int = Field(default=1, ge=1, description="paraphrases requested in one answer")

    @property
    def texts_per_request(self) -> int:
        """The value of `per_request`."""
        return self.per_request

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run."""
        return ParaphraseSession(self, context, name)


class ParaphraseSession:
    """Plans (text, style) pairs, of one label or of all, in a seeded order."""

    def __init__(self, step: Paraphrase, context: Context, name: str) -> None:
        self._step = step
        self._name = name
        self._context = context
        self._prompt = context.find_prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        parents = list(context.sources[step.source])
        random.Random(f"{context.seed}:{name}:parents").shuffle(parents)
        by_label: dict[str, list[Record]] = {"": parents}
        for parent in parents:
            for label in parent.labels:
                by_label.setdefault(label, []).append(parent)
        self._pairs = {label: RoundRobin(records, step.styles) for label, records in by_label.items()}

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return requests for the deficits; one with `single_pass` ends after every pair was used."""
        return plan_round_robin(
            self._pairs_for,
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
        """Return the paraphrases as candidates with the labels of the original."""
        return [] if completion is None else parse_candidates(request, request_key, completion, self._prompt.reader)

    def _pairs_for(self, deficit: QuotaDeficit) -> RoundRobin[str]:
        return self._pairs.get(deficit.cell.get("label", "")) or RoundRobin((), self._step.styles)

    def _make_request(self, parent: Record, style: str) -> GenerationRequest:
        prompt = self._prompt.render(
            {
                "domain": self._step.domain,
                "text": parent.text,
                "label": ", ".join(parent.labels),
                "label_description": describe_labels(parent.labels, self._context.labels),
                "style": style,
                "n": self._step.per_request,
                "language": language_name(self._context.language),
            }
        )
        return GenerationRequest(
            step=self._name,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=parent.labels,
            fields={**parent.fields, "source_text": parent.text, "style": style},
            parent_ids=(parent.id,),
            candidates=self._step.per_request,
            constraint=self._prompt.reader.constraint,
        )
