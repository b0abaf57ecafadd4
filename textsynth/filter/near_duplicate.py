"""Drops a text that shares most of its words with an accepted text: the Jaccard index of the two word sets, 0 to 1.

The default 0.7 was the best limit measured on short texts: it finds texts with one edited word in ten, or two in
twenty, and of 100 dropped texts 97 are edited copies. Words are compared in normal form. In languages without spaces
(Chinese, Japanese, Thai) pairs of characters take the place of words. Candidates are found with MinHash and then
compared exactly.

Does not catch: other words for the same meaning (see semantic_duplicate), and a changed word in texts of four words or
fewer. It drops texts that differ only in the order of their words. In texts of more than ten words, one of twelve pairs
whose similarity is exactly at the limit is missed, and almost none with a similarity 0.1 above the limit. Where many
texts are alike, as those of a template are, every pair is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from textsynth.core.index_shards import OpenShards
from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.similarity.minhash import WordSetIndex, WordSetSignature, minhash_signatures
from textsynth.text.normalize import word_set

if TYPE_CHECKING:
    from textsynth.similarity.index_shards import ShardedWordSetIndex

MAX_CACHED_SIGNATURES = 20_000


class NearDuplicate(Filter):
    """Keeps one of the texts that share at least `similarity` of their words."""

    is_quick: ClassVar[bool] = True

    similarity: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="minimum word overlap (Jaccard) of duplicates, 0 to 1",
    )

    @property
    def word_similarity(self) -> float:
        """The minimum word overlap of duplicates."""
        return self.similarity

    def duplicate_verdict(self, duplicate_of: str, similarity: float) -> Verdict:
        """Return the verdict on a text that is similar to an accepted one."""
        return _duplicate(duplicate_of, similarity, self.similarity)

    def start(self, context: Context) -> NearDuplicateSession:
        """Return the filter's session, which knows no accepted texts yet."""
        return NearDuplicateSession(self.similarity, context.open_shards)


class NearDuplicateSession:
    """Keeps the word sets of accepted texts in memory: about 0.7 KB for a text of 20 words, 0.25 KB in large runs.

    With `open_shards` they are in shards elsewhere.
    """

    def __init__(self, similarity: float, open_shards: OpenShards | None = None) -> None:
        self._accepted = _open_index(similarity, open_shards)
        self._accepted_ids = bytearray()  # 8 bytes each, as the ids are 16 hex digits
        self._signatures: dict[str, WordSetSignature] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Drop texts that are similar to an accepted one, or to an earlier one of the batch that is not dropped so.

        `duplicate_of` is the most similar text, of equally similar ones the first.
        """
        return self._verdicts(records, counted=True)

    def preview_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return what `evaluate_batch` would return now, without an effect on later verdicts."""
        return self._verdicts(records, counted=False)

    def _verdicts(self, records: Sequence[Record], *, counted: bool) -> list[Verdict | None]:
        signatures = self._sign(records)
        limit = self._accepted.similarity
        verdicts: list[Verdict | None] = [
            None if match is None else _duplicate(self._accepted_id(match.row), match.similarity, limit)
            for match in self._accepted.find(signatures, counted=counted)
        ]
        remaining = [index for index, verdict in enumerate(verdicts) if verdict is None]
        batch = WordSetIndex(limit)
        batch.add([signatures[index] for index in remaining])
        matches = batch.find([signatures[index] for index in remaining], row_limits=range(len(remaining)))
        for index, match in zip(remaining, matches, strict=True):
            if match is not None:
                verdicts[index] = _duplicate(records[remaining[match.row]].id, match.similarity, limit)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Add accepted texts."""
        self._accepted.add(self._sign(records))
        self._accepted_ids += bytes.fromhex("".join([record.id for record in records]))
        self._signatures.clear()

    def _sign(self, records: Sequence[Record]) -> list[WordSetSignature]:
        """Return the MinHash signatures of the records. Those of one window are computed once."""
        new = [record for record in records if record.id not in self._signatures]
        if len(self._signatures) > MAX_CACHED_SIGNATURES:
            self._signatures.clear()
            new = list(records)
        signatures = minhash_signatures(word_set(record.text) for record in new)
        self._signatures.update(zip((record.id for record in new), signatures, strict=True))
        return [self._signatures[record.id] for record in records]

    def _accepted_id(self, row: int) -> str:
        return self._accepted_ids[8 * row : 8 * row + 8].hex()


def _open_index(similarity: float, open_shards: OpenShards | None) -> WordSetIndex | ShardedWordSetIndex:
    if open_shards is None:
        return WordSetIndex(similarity)
    from textsynth.similarity.index_shards import ShardedWordSetIndex

    return ShardedWordSetIndex(similarity, open_shards)


def _duplicate(duplicate_of: str, similarity: float, limit: float) -> Verdict:
    return Verdict("shares most of its words with an accepted text", round(similarity, 4), limit, duplicate_of)
