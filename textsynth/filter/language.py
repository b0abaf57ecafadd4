"""Drops a text that is not in the recipe's language, as py3langid tells it (139 languages, by byte n-grams).

A text is dropped where the wanted language has a probability below `min_confidence`. 0.01 keeps of 42,700 English
questions, messages, tweets and news all but 45, of which about 30 are in other languages and the others hardly words;
of 46 sentences of three to six words in 25 other languages it passes one. (A limit on the confidence in the *other*
language, tried first, passed half of them.) A text with several common English words is English without a closer look:
5 µs instead of 120.

Does not catch: texts under `min_bytes` ("ja", names), a foreign phrase inside a text, near languages taken for each
other (Danish and Norwegian, Czech and Slovak); a wanted language that py3langid does not know switches the check off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from textsynth.core.protocols import Context, Filter, FilterScope
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import words_of

ALIKE = ({"nb", "no", "nn", "da"}, {"hr", "bs", "sr", "sl"}, {"id", "ms"}, {"gl", "pt"}, {"cs", "sk"})
# Words of nearly every English text that hardly any other language has.
_ENGLISH = """the and are my your you that this these what how why with where which when who from not can could would
should dont im its has been they their there then our she his him were because about just know like out up only very
please"""
ENGLISH = frozenset(_ENGLISH.split())


class Language(Filter):
    """Keeps texts in the recipe's language, and texts too short to tell."""

    scope: ClassVar[FilterScope | None] = "text"

    language: str | None = Field(default=None, description="the language wanted, as a code; left out: the recipe's")
    min_confidence: float = Field(
        default=0.01, gt=0, le=1, description="probability of the wanted language below which a text is dropped"
    )
    min_bytes: int = Field(
        default=18,
        ge=0,
        description="UTF-8 bytes below which a text is too short to tell; a Chinese character has three",
    )

    def start(self, context: Context) -> LanguageSession:
        """Return the filter at work; the language model loads when the first text needs it."""
        return LanguageSession(self, self.language or context.language)


class LanguageSession:
    """Looks at each text alone."""

    def __init__(self, step: Language, wanted: str) -> None:
        self._step = step
        base = wanted.split("-")[0].lower()
        self._fine = {base}.union(*(group for group in ALIKE if base in group))
        self._english = "en" in self._fine
        self._identifier: Any = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict with the probability of the wanted language."""
        return [self._check(record.text) for record in records]

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _check(self, text: str) -> Verdict | None:
        if len(text.encode("utf-8", "replace")) < self._step.min_bytes or (self._english and clearly_english(text)):
            return None
        if self._identifier is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        found, _ = self._identifier.classify(text)
        if found in self._fine:
            return None
        ranked = dict(self._identifier.rank(text))
        if self._fine.isdisjoint(ranked):
            return None
        wanted = sum(float(ranked.get(code, 0)) for code in self._fine)
        if wanted >= self._step.min_confidence:
            return None
        return Verdict(f"is in another language: {found}", round(wanted, 4), self._step.min_confidence)


def clearly_english(text: str) -> bool:
    """Whether two different words of the text, and an eighth of all, are among the commonest English ones."""
    words = words_of(text)
    common = [word for word in words if word in ENGLISH]
    return len(set(common)) >= 2 and 8 * len(common) >= len(words)
