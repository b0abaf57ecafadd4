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
from textsynth.core.protocols import Context, Prompted, Shortfall, Writer
from textsynth.core.records import Ask, Completion, Drop, Record
from textsynth.generate.candidates import candidates
from textsynth.generate.round_robin import Walk, asks_along
from textsynth.text.languages import language_name

STYLES = ("in other words", "shorter", "more informal", "more formal", "with a different opening")


class Paraphrase(Prompted):
    """Each text of a source in other words, in several styles."""

    makes: ClassVar[frozenset[str] | None] = frozenset({"source_text", "style"})
    offers: ClassVar[frozenset[str]] = frozenset({"text", "label", "meaning", "style", "n", "language", "task"})

    prompt: PromptName = Field(default="paraphrase", description="the prompt template")
    from_: SourceName = Field(default="seeds", description="the texts to paraphrase")
    about: str = Field(default="", description="one line about what the texts are")
    styles: Texts = Field(default=STYLES, min_length=1, description="how to rewrite; each parent takes each in turn")
    texts: int = Field(default=1, ge=1, description="paraphrases asked for in one answer")

    def begin(self, context: Context, item: str) -> Writer:
        """Return the generator at work in one run."""
        return ParaphraseWriter(self, context, item)


class ParaphraseWriter:
    """Walks (parent, style) pairs of a label, or of all, in a seeded order."""

    def __init__(self, step: Paraphrase, context: Context, item: str) -> None:
        self._step = step
        self._item = item
        self._context = context
        self._prompt = context.prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        parents = list(context.sources[step.from_])
        random.Random(f"{context.seed}:{item}:parents").shuffle(parents)
        by_label: dict[str, list[Record]] = {"": parents}
        for parent in parents:
            for label in parent.labels:
                by_label.setdefault(label, []).append(parent)
        self._walks = {label: Walk(some, step.styles) for label, some in by_label.items()}

    def plan(self, short: Sequence[Shortfall], room: int) -> list[Ask]:
        """Return asks for the shortfalls; an open-ended one ({}, once through) ends after every pair was used."""
        return asks_along(self._walk_for, self._ask, short, texts=self._step.texts, room=room)

    def learn(self, accepted: Sequence[Record]) -> None:
        """Learn nothing: the plan does not depend on what was accepted."""

    def read(self, ask: Ask, request: str, completion: Completion | None) -> list[Record | Drop]:
        """Return the paraphrases as candidates with the parent's labels."""
        return [] if completion is None else candidates(ask, request, completion, self._prompt.reader)

    def _walk_for(self, shortfall: Shortfall) -> Walk[str]:
        return self._walks.get(shortfall.match.get("label", "")) or Walk((), self._step.styles)

    def _ask(self, parent: Record, style: str) -> Ask:
        prompt = self._prompt.render(
            {
                "task": self._step.about,
                "text": parent.text,
                "label": parent.label or "",
                "meaning": self._context.labels.get(parent.label or "", ""),
                "style": style,
                "n": self._step.texts,
                "language": language_name(self._context.language),
            }
        )
        return Ask(
            item=self._item,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=parent.labels,
            fields={**parent.fields, "source_text": parent.text, "style": style},
            parents=(parent.id,),
            texts=self._step.texts,
            constraint=self._prompt.reader.constraint,
        )
