"""Seed folds: assigns each seed example to one of two folds.

A prompt shows seeds of one fold only, and the provenance names them, so that a cross-validation on the seeds can leave
out exactly the texts that were written from the held-out ones. A label with fewer than four seeds has one fold.
"""

from __future__ import annotations

from collections.abc import Sequence

from textsynth.core.records import Record

FOLDS = 2
MIN_SEEDS_TO_SPLIT = 4


def assign_folds(records: Sequence[Record]) -> dict[str, int]:
    """Return the fold, 0 or 1, of each record by its id.

    The records of a label alternate between the folds in the order of their ids, which depend on their content only:
    another order of the rows in a file changes no fold.
    """
    by_label: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        by_label.setdefault(record.labels, []).append(record.id)
    folds: dict[str, int] = {}
    for ids in by_label.values():
        is_split = len(ids) >= MIN_SEEDS_TO_SPLIT
        for index, record_id in enumerate(sorted(ids)):
            folds[record_id] = index % FOLDS if is_split else 0
    return folds
