"""Seed folds: which half of the seeds a seed example belongs to.

A prompt shows seeds of one fold only and the provenance names them, so that a cross-validation on the seeds can leave
out exactly the texts that were made from the held-out ones. A label with fewer than four seeds has one fold.
"""

from __future__ import annotations

from collections.abc import Sequence

from textsynth.core.records import Record

FOLDS = 2
MIN_SEEDS_TO_SPLIT = 4


def assign_folds(records: Sequence[Record]) -> dict[str, int]:
    """Map each record's id to its fold, 0 or 1.

    Within a label the records take turns in the order of their ids, which depend on their content only: moving rows
    about in a file changes no fold.
    """
    by_label: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        by_label.setdefault(record.labels, []).append(record.id)
    folds: dict[str, int] = {}
    for ids in by_label.values():
        two = len(ids) >= MIN_SEEDS_TO_SPLIT
        for place, one in enumerate(sorted(ids)):
            folds[one] = place % FOLDS if two else 0
    return folds
