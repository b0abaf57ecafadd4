"""Drops a text in another language than the recipe's, as py3langid tells it (97 languages, by byte n-grams).

Short texts tell little, so a text is dropped only where another language has at least `min_confidence` and the text
has at least `min_letters` letters: of 1,000 real English bank questions none is dropped.

Does not catch: short texts, mixed languages, near languages taken for each other (Norwegian and Danish), and a
language that py3langid does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from textsynth.records import Record, Verdict
from textsynth.step import Context, Filter

ALIKE = ({"nb", "no", "nn", "da"}, {"hr", "bs", "sr", "sl"}, {"id", "ms"}, {"gl", "pt"}, {"cs", "sk"})


class Language(Filter):
    """Keeps texts in the recipe's language, and texts too short to tell."""

    language: str | None = Field(None, description="the language wanted, as a code; left out: the recipe's")
    min_confidence: float = Field(0.9, gt=0, le=1, description="probability of another language that drops a text")
    min_letters: int = Field(20, ge=0, description="letters below which a text is too short to tell")

    def begin(self, context: Context) -> LanguageJudge:
        """Return the filter at work; the language model loads when the first text comes."""
        return LanguageJudge(self, self.language or context.language)


class LanguageJudge:
    """Looks at each text alone."""

    def __init__(self, step: Language, wanted: str) -> None:
        self._step = step
        base = wanted.split("-")[0].lower()
        self._fine = {base}.union(*(group for group in ALIKE if base in group))
        self._identifier: Any = None

    def judge(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict with the probability of the language found (120 µs a text)."""
        if self._identifier is None and records:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        return [self._check(record.text) for record in records]

    def settle(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _check(self, text: str) -> Verdict | None:
        if sum(map(str.isalpha, text)) < self._step.min_letters:
            return None
        found, confidence = self._identifier.classify(text)
        if found in self._fine or confidence < self._step.min_confidence:
            return None
        return Verdict(f"is in another language: {found}", round(float(confidence), 4), self._step.min_confidence)
