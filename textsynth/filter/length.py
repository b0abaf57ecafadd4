"""Drops texts that are too short or too long, in words or in characters.

Words are those of the normal form; in languages without spaces every pair of characters counts as a word, so that
`max_words: 40` means about 41 characters of Chinese.

Does not catch: long texts that say little, and texts cut off in the middle of a sentence.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from textsynth.core.protocols import Filter
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import words_of


class Length(Filter):
    """Keeps texts whose length is within the limits, the limits included."""

    min_words: int = Field(default=2, ge=0, description="fewest words a text may have")
    max_words: int | None = Field(default=200, ge=0, description="most words a text may have; null for no limit")
    min_chars: int = Field(default=0, ge=0, description="fewest characters a text may have, spaces at its ends aside")
    max_chars: int | None = Field(default=None, ge=0, description="most characters a text may have; null for no limit")

    @model_validator(mode="after")
    def _in_order(self) -> Length:
        for unit, least, most in (
            ("words", self.min_words, self.max_words),
            ("chars", self.min_chars, self.max_chars),
        ):
            if most is not None and most < least:
                raise ValueError(f"max_{unit} {most} is below min_{unit} {least}: no text could pass")
        return self

    def check(self, record: Record) -> Verdict | None:
        """Return the first limit that the text breaks: words before characters."""
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
