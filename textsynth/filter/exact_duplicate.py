"""Drops a text if a text with the same normal form was accepted before.

The normal form ignores case, white space, typography and punctuation. The first text in plan order is kept. Labels and
fields do not matter: the same text with another label is a duplicate, too.

Does not catch: texts that differ in a word (see near_duplicate), or that have the same meaning in other words (see
semantic_duplicate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import form_digest, normal_form

if TYPE_CHECKING:
    from textsynth.core.sorted_runs import Numbers, SortedRuns

MAX_RECENT = 50_000
"""Accepted texts whose normal forms are in memory, 250 bytes each for texts of 20 words."""


class ExactDuplicate(Filter):
    """Keeps one of the texts that have the same normal form."""

    is_quick: ClassVar[bool] = True

    @property
    def word_similarity(self) -> None:
        """None: duplicates have the same normal form."""

    def duplicate_verdict(self, duplicate_of: str, similarity: float) -> Verdict:
        """Return the verdict on a text with the same normal form as an accepted one."""
        return _duplicate(duplicate_of)

    def start(self, context: Context) -> ExactDuplicateSession:
        """Return the filter's session, which knows no accepted texts yet."""
        return ExactDuplicateSession()


class ExactDuplicateSession:
    """Remembers accepted texts: the normal forms of the last `max_recent`, and 24 bytes for each earlier one.

    These are 128 bits of the hash of its normal form (BLAKE2b) and its id.
    """

    def __init__(self, max_recent: int = MAX_RECENT) -> None:
        self._max_recent = max_recent
        self._recent: dict[str, str] = {}
        self._earlier: SortedRuns | None = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Drop texts that equal an accepted one, or an earlier one of the batch; `duplicate_of` is its id."""
        batch: dict[str, str] = {}
        verdicts: list[Verdict | None] = []
        forms = [normal_form(record.text) for record in records]
        earlier = self._find_earlier(forms) if self._earlier is not None else {}
        for record, form in zip(records, forms, strict=True):
            duplicate_of = earlier.get(form) or self._recent.get(form) or batch.get(form)
            if duplicate_of is None:
                batch[form] = record.id
                verdicts.append(None)
            else:
                verdicts.append(_duplicate(duplicate_of))
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Add accepted texts. Of two equal ones the first stays the one that others are duplicates of."""
        for record in records:
            self._recent.setdefault(normal_form(record.text), record.id)
        if len(self._recent) > self._max_recent:
            self._pack()

    def _find_earlier(self, forms: Sequence[str]) -> dict[str, str]:
        """Return the ids of the accepted texts whose normal forms are not in memory any more, by normal form."""
        from textsynth.core.sorted_runs import id_text

        assert self._earlier is not None
        first, second = _digests(forms)
        found, values = self._earlier.find(first)
        found &= values["second"] == second
        return {forms[index]: id_text(int(values["id"][index])) for index in found.nonzero()[0].tolist()}

    def _pack(self) -> None:
        import numpy as np

        from textsynth.core.sorted_runs import SortedRuns, id_numbers

        if self._earlier is None:
            self._earlier = SortedRuns([("second", np.uint64), ("id", np.uint64)])
        first, second = _digests(list(self._recent))
        values = np.empty(len(first), [("second", np.uint64), ("id", np.uint64)])
        values["second"], values["id"] = second, id_numbers(self._recent.values())
        is_new = ~self._earlier.find(first)[0]
        self._earlier.add(first[is_new], values[is_new])
        self._recent.clear()


def _digests(forms: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Return the first and the last 64 of 128 bits of the hash of each text."""
    import numpy as np

    digests = b"".join(map(form_digest, forms))
    numbers = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    return numbers[:, 0], numbers[:, 1]


def _duplicate(duplicate_of: str) -> Verdict:
    return Verdict("the same text was accepted before", duplicate_of=duplicate_of)
