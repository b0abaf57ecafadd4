"""Summaries: the model sums up a given document, in the length asked for and with the key points named.

Each document is asked for once in each length, in the source's order; documents come round again with a new draw
where the quota still wants more.

Does not check that the summary is true to the document: that is the work of `faithful`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import Numbers, PromptName, SourceName
from textsynth.core.protocols import Context, Prompted, Shortfall, Writer
from textsynth.core.records import Ask, Completion, Drop, Record
from textsynth.generate.candidates import candidates
from textsynth.generate.round_robin import Walk, asks_along
from textsynth.text.languages import language_name


class Summary(Prompted):
    """A summary of each document of a source."""

    makes: ClassVar[frozenset[str] | None] = frozenset({"document"})
    offers: ClassVar[frozenset[str]] = frozenset({"document", "points", "sentences", "n", "language", "task"})

    prompt: PromptName = Field(default="summary", description="the prompt template")
    from_: SourceName = Field(default="documents", description="the documents: the text of each row")
    about: str = Field(default="", description="one line about what the documents are")
    sentences: Numbers = Field(default=(1,), min_length=1, description="lengths asked for, in sentences, in turn")
    points: str | None = Field(default=None, description="the field whose lines are the key points a summary must name")
    texts: int = Field(default=1, ge=1, description="summaries asked for in one answer")

    def begin(self, context: Context, item: str) -> Writer:
        """Return the generator at work in one run."""
        return SummaryWriter(self, context, item)


class SummaryWriter:
    """Walks the documents in order, one length further each time round."""

    def __init__(self, step: Summary, context: Context, item: str) -> None:
        self._step = step
        self._item = item
        self._context = context
        self._prompt = context.prompt(step.prompt, step.model)
        self._sampling = step.sampling_for(self._prompt)
        self._walk = Walk(context.sources[step.from_], step.sentences)

    def plan(self, short: Sequence[Shortfall], room: int) -> list[Ask]:
        """Return asks for the next documents, as many as the shortfalls want together."""
        return asks_along(lambda _: self._walk, self._ask, short, texts=self._step.texts, room=room)

    def learn(self, accepted: Sequence[Record]) -> None:
        """Learn nothing: the plan does not depend on what was accepted."""

    def read(self, ask: Ask, request: str, completion: Completion | None) -> list[Record | Drop]:
        """Return the summaries as candidates; the document is their field `document`."""
        return [] if completion is None else candidates(ask, request, completion, self._prompt.reader)

    def _ask(self, document: Record, sentences: int) -> Ask:
        points = document.fields.get(self._step.points or "", "").splitlines()
        prompt = self._prompt.render(
            {
                "task": self._step.about,
                "document": document.text,
                "points": [point.strip() for point in points if point.strip()],
                "sentences": sentences,
                "n": self._step.texts,
                "language": language_name(self._context.language),
            }
        )
        return Ask(
            item=self._item,
            model=self._step.model,
            prompt=prompt,
            sampling=self._sampling,
            labels=document.labels,
            fields={**document.fields, "document": document.text},
            parents=(document.id,),
            texts=self._step.texts,
            constraint=self._prompt.reader.constraint,
        )
