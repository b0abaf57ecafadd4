"""Drops a paraphrase that changed the meaning, or that is none: embeddings, numbers, negation, length, copied words.

Cosine alone is blind to what matters most: with its digits changed a sentence has a cosine of 0.96 to the original, a
true paraphrase 0.90. So both sides must also have the same numbers and the same negation, a length ratio within
[0.5, 2], and less than nine words of ten in common. A negation on one side only may still be told on the other ("not
bad", "fails to", "still waiting"): such a text goes to a person. Measured on stsb: of 400 pairs that people call
equivalent 91 % are kept, of 200 that they call different 12 %, of 200 with one digit changed none.

Does not catch: swapped roles (who pays whom), a changed name, a negation without a word for it on both sides ("fails"
for "works"). Drops true paraphrases that use the same words in another order. Number words and negation are English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from textsynth.core.protocols import Context, Filter, FilterScope
from textsynth.core.records import Record, Verdict
from textsynth.similarity.embedder import require_embeddings
from textsynth.text.normalize import has_negation, jaccard, numbers_in, word_set, words_of

# Negations told without a word of negation, and words of negation that deny nothing.
_TOLD_OTHERWISE = re.compile(
    r"\b(?:fail\w*|declin\w+|refus\w+|den(?:y|ie[sd]|ying)|oppos\w+|reject\w+|lack\w*|missing|absent|unable|impossible"
    r"|un\w+able|in\w+ible|avoid\w*|stop(?:s|ped|ping)?|block\w*|hardly|barely|rarely|seldom|little|few|still|yet|wait\w*"
    r"|except|unless|instead|rather|later|delay\w*|lost|wrong|forgot\w*|miss(?:es|ed)?|empty|fine|okay|ok|good|great|easy"
    r"|not (?:bad|only|just|sure)|no (?:longer|problem|doubt|more)|nothing but|(?:ca|do)n['’]?t (?:wait|mind)"
    r"|why (?:not|don))\b"
)


class SameMeaning(Filter):
    """Keeps rewordings of `source_text` that say the same; texts without a source text are kept as they are."""

    scope: ClassVar[FilterScope | None] = "record"

    similarity: float = Field(default=0.75, ge=-1, le=1, description="cosine to the original, at least; 0.8 is strict")
    copy_similarity: float = Field(default=0.9, gt=0, le=1, description="share of common words from which it is a copy")
    length_ratio: float = Field(
        default=2.0, ge=1, description="the longer of the two has at most so many times the words"
    )
    negation: Literal["drop", "review", "keep"] = Field(
        default="drop",
        description="what happens to a text with a negation more or less; a doubtful one is reviewed for drop",
    )

    def check_dependencies(self) -> None:
        """Raise MissingExtra without what embeds."""
        require_embeddings("the filter same_meaning")

    def start(self, context: Context) -> SameMeaningSession:
        """Return the filter at work."""
        return SameMeaningSession(self, context)


class SameMeaningSession:
    """Compares each text with what it rewrites; remembers nothing."""

    def __init__(self, step: SameMeaning, context: Context) -> None:
        self._step = step
        self._context = context

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return the cheap verdicts first and embed only what they leave; a kept text gets its cosine."""
        verdicts = [self._without_embedding(record) for record in records]
        left = [
            place
            for place, record in enumerate(records)
            if verdicts[place] is None and record.field_text("source_text")
        ]
        if not left:
            return verdicts
        texts = [records[place].text for place in left] + [records[place].field_text("source_text") for place in left]
        vectors = self._context.embed(texts)
        cosines = (vectors[: len(left)] * vectors[len(left) :]).sum(axis=1)
        for place, cosine in zip(left, cosines.tolist(), strict=True):
            low = cosine < self._step.similarity
            told = "means something else than the original" if low else None
            verdicts[place] = Verdict(told, round(cosine, 4), self._step.similarity if low else None)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _without_embedding(self, record: Record) -> Verdict | None:
        source = record.field_text("source_text")
        if not source:
            return None
        likeness = jaccard(word_set(record.text), word_set(source))
        if likeness >= self._step.copy_similarity:
            told = "is the original again, not a paraphrase"
            return Verdict(told, round(likeness, 4), self._step.copy_similarity)
        if not numbers_in(record.text).agree(numbers_in(source)):
            return Verdict("has other numbers than the original")
        if self._step.negation != "keep" and has_negation(record.text) != has_negation(source):
            return self._other_negation(record.text, source)
        lengths = sorted((len(words_of(record.text)), len(words_of(source))))
        ratio = lengths[1] / max(lengths[0], 1)
        if ratio > self._step.length_ratio:
            return Verdict("is much longer or shorter than the original", round(ratio, 2), self._step.length_ratio)
        return None

    def _other_negation(self, *sides: str) -> Verdict:
        if any(_TOLD_OTHERWISE.search(side.lower()) for side in sides):
            return Verdict(
                "has a negation more or less than the original, or tells it in another way", needs_review=True
            )
        return Verdict("has a negation more or less than the original", needs_review=self._step.negation == "review")
