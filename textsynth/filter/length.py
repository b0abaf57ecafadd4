"""Drops a text that is too short or too long, in words or in characters.

Words are those of the normal form. In languages that are written without spaces every pair of neighbouring characters
counts as a word, so `max_words: 40` means about 41 characters of Chinese.

Does not catch: long texts without content, and texts that end in the middle of a sentence.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from textsynth.core.protocols import Filter
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import words_of


class Length(Filter):
    """Keeps texts whose length is within the limits, which are inclusive."""

    is_quick: ClassVar[bool] = True

    min_words: int = Field(default=2, ge=0, description="minimum number of words")
    max_words: int | None = Field(default=200, ge=0, description="maximum number of words; null for no limit")
    min_chars: int = Field(default=0, ge=0, description="minimum number of characters, without outer white space")
    max_chars: int | None = Field(
        default=None, ge=0, description="maximum number of characters, without outer white space; null for no limit"
    )

    @model_validator(mode="after")
    def _check_order(self) -> Length:
        limits = (("words", self.min_words, self.max_words), ("chars", self.min_chars, self.max_chars))
        for unit, minimum, maximum in limits:
            if maximum is not None and maximum < minimum:
                raise ValueError(f"max_{unit} {maximum} is below min_{unit} {minimum}: no text could pass")
        return self

    def check(self, record: Record) -> Verdict | None:
        """Return a verdict for the first limit that the text exceeds, words before characters."""
        words = len(words_of(record.text))
        if words < self.min_words:
            return Verdict("has too few words", words, self.min_words)
        if self.max_words is not None and words > self.max_words:
            return Verdict("has too many words", words, self.max_words)
        chars = len(record.text.strip())
        if chars < self.min_chars:
            return Verdict("has too few characters", chars, self.min_chars)
        if self.max_chars is not None and chars > self.max_chars:
            return Verdict("has too many characters", chars, self.max_chars)
        return None
