"""Rounds of cross-validation over the real seeds, each with the synthetic texts that know nothing of those held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.core.protocols import Context
from textsynth.core.records import Record
from textsynth.evaluate.classifiers import Codes
from textsynth.evaluate.data import SyntheticSet, first_labels, ids_of, seed_ancestors
from textsynth.filter.agreement import AgreementSession

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Fold:
    """Seeds held out, seeds kept, and synthetic rows that know nothing of the held-out ones; all rows of the pool."""

    held: Codes
    seeds: Codes
    synthetic: Codes


Allowed = Callable[[Codes], Codes]


def make_folds(seeds: Codes, targets: Codes, allowed: Allowed, *, seed: int, repeats: int) -> list[Fold]:
    """Return `repeats` times five rounds, in each about a fifth of every label's seeds held out, each seed once.

    A label keeps at least one seed in training; one with a single seed is never held out. `allowed` returns the
    synthetic rows for held-out seeds.
    """
    first = first_labels(targets)
    random = np.random.default_rng([seed, 4])
    rounds = []
    for _ in range(repeats):
        turn = np.full(len(seeds), -1)
        for label in np.unique(first[seeds]):
            members = random.permutation(np.flatnonzero(first[seeds] == label))
            if len(members) > 1:
                turn[members] = (np.arange(len(members)) + random.integers(FOLDS)) % FOLDS
        for fold in range(FOLDS):
            held = seeds[turn == fold]
            if len(held):
                rounds.append(Fold(held, seeds[turn != fold], allowed(held)))
    return rounds


def leave_seeds_out(
    synthetic: SyntheticSet, seeds: Sequence[Record], context: Context, sources: Sequence[str]
) -> Callable[[Sequence[int]], list[Record]]:
    """Return a function from the places of held-out seeds to the texts that may then be used.

    Texts that rewrite a held-out seed, or whose prompt showed one, are out. Where the recipe has `agreement`, the texts
    it dropped come in again and it judges all of them anew, by classifiers that never saw the held-out seeds; of each
    label at most as many are kept as were selected, the selected ones first. `sources` are the names under which the
    seeds may stand in the run.
    """
    candidates = [*synthetic.selected]
    if synthetic.agreement is not None:
        name, _ = synthetic.agreement
        candidates += [*synthetic.spare, *(drop.record for drop in synthetic.drops if drop.step == name)]
    behind = seed_ancestors(candidates, seeds, sources)
    wanted = Counter(record.labels for record in synthetic.selected)

    def allowed(held: Sequence[int]) -> list[Record]:
        out = frozenset(held)
        left = [record for record, some in zip(candidates, behind, strict=True) if not some & out]
        if synthetic.agreement is not None:
            unknown = frozenset(one for place in held for one in ids_of(seeds[place], sources))
            verdicts = AgreementSession(synthetic.agreement[1], context, unknown).evaluate_batch(left)
            left = [record for record, verdict in zip(left, verdicts, strict=True) if verdict is None or verdict.keeps]
        taken: Counter[tuple[str, ...]] = Counter()
        kept = []
        for record in left:
            taken[record.labels] += 1
            if taken[record.labels] <= wanted[record.labels]:
                kept.append(record)
        return kept

    return allowed
