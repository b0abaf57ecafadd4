"""Cross-validation folds of the real seeds, each with the synthetic texts that do not depend on its held-out seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.core.protocols import Context
from textsynth.core.records import Record
from textsynth.evaluate.data import SyntheticSet, first_labels, ids_in_run, seed_ancestors
from textsynth.evaluate.metrics import IntArray

FOLDS = 5
SyntheticRows = Callable[[IntArray], IntArray]
"""Returns, for held-out seed rows, the rows of the synthetic texts that do not depend on them."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold, as rows of the pool: held-out seeds, training seeds, and the synthetic rows to train on."""

    held_out: IntArray
    train: IntArray
    synthetic: IntArray


def make_folds(
    seeds: IntArray, targets: IntArray, synthetic_rows: SyntheticRows, *, seed: int, repeats: int
) -> list[Fold]:
    """Return five folds for each of `repeats` repeats, stratified by label; a repeat holds out each seed once.

    A label keeps at least one seed in training, so the seed of a label that has only one is never held out. Folds
    without a held-out seed are left out.
    """
    labels = first_labels(targets)
    generator = np.random.default_rng([seed, 4])
    folds = []
    for _ in range(repeats):
        fold_of = np.full(len(seeds), -1)
        for label in np.unique(labels[seeds]):
            members = generator.permutation(np.flatnonzero(labels[seeds] == label))
            if len(members) > 1:
                fold_of[members] = (np.arange(len(members)) + generator.integers(FOLDS)) % FOLDS
        for fold in range(FOLDS):
            held_out = seeds[fold_of == fold]
            if len(held_out):
                folds.append(Fold(held_out, seeds[fold_of != fold], synthetic_rows(held_out)))
    return folds


def leave_seeds_out(
    synthetic: SyntheticSet, seeds: Sequence[Record], context: Context, sources: Sequence[str]
) -> Callable[[Sequence[int]], list[Record]]:
    """Return a function from the indices of held-out seeds to the texts that a run without those seeds could select.

    Texts that rewrite a held-out seed, or whose prompt showed one, are left out. Where the recipe has a filter that is
    trained on seeds (`agreement`), its dropped texts are candidates again, and it filters all candidates once more,
    trained without the held-out seeds. Of each label at most as many texts are returned as were selected, the selected
    ones first. `sources` are the names of the sources that may have held the seeds in the run.
    """
    candidates = [*synthetic.selected]
    if synthetic.seed_filter is not None:
        filter_name, _ = synthetic.seed_filter
        candidates += [*synthetic.surplus, *(drop.record for drop in synthetic.drops if drop.step == filter_name)]
    ancestors = seed_ancestors(candidates, seeds, sources)
    quota = Counter(record.labels for record in synthetic.selected)
    joined_context = context.seen_as("joined")  # as the run's own session of `agreement` sees records

    def texts_without(held_out: Sequence[int]) -> list[Record]:
        excluded = frozenset(held_out)
        records = [record for record, used in zip(candidates, ancestors, strict=True) if not used & excluded]
        if synthetic.seed_filter is not None:
            excluded_ids = frozenset(id_ for index in held_out for id_ in ids_in_run(seeds[index], sources))
            _, step = synthetic.seed_filter
            session = step.start_without(joined_context, excluded_ids)
            verdicts = session.evaluate_batch([context.task.joined(record) for record in records])
            records = [
                record for record, verdict in zip(records, verdicts, strict=True) if verdict is None or verdict.keeps
            ]
        return _first_of_each_label(records, quota)

    return texts_without


def _first_of_each_label(records: Sequence[Record], quota: Counter[tuple[str, ...]]) -> list[Record]:
    """Return the first records of each label, as many as the quota allows, in their order."""
    counts: Counter[tuple[str, ...]] = Counter()
    remaining = []
    for record in records:
        counts[record.labels] += 1
        if counts[record.labels] <= quota[record.labels]:
            remaining.append(record)
    return remaining
