"""The arms of an evaluation: which rows a classifier learns from, so that two arms differ in one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.classify import Codes, Floats, Training
from textsynth.evaluate.intervals import train_weights
from textsynth.evaluate.sets import Pool, clusters_of, first_labels

# arm, the arm it is compared with
COMPARED = (
    ("seeds_selected", "seeds"),
    ("seeds_raw", "seeds"),
    ("fitted", "seeds"),
    ("seeds_selected", "seeds_raw"),
    ("seeds_selected", "seeds_random"),
    ("selected", "raw"),
    ("selected", "random"),
)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train: `real` and `synthetic` are rows of the pool, `weight` that of a synthetic text."""

    name: str
    real: Codes
    synthetic: Codes
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.real) + (len(self.synthetic) if self.weight else 0)

    def training(self, targets: Codes) -> Training:
        """Return what a classifier learns from; `targets` are those of the whole pool."""
        rows = np.concatenate([self.real, self.synthetic])
        weights = np.concatenate([np.ones(len(self.real)), np.full(len(self.synthetic), self.weight)])
        return Training(rows, targets[rows], weights)


def make_arms(seeds: Codes, selected: Codes, raw: Codes, whole: Codes, *, checked: bool) -> list[Arm]:
    """Return the arms that the given rows allow, in the order of a report; random ones and `fitted` come later."""
    none = np.zeros(0, np.int64)
    arms = [Arm("seeds", seeds, none)] if len(seeds) else []
    arms += [Arm("raw", none, raw)] if checked else []
    arms.append(Arm("selected", none, selected))
    if len(seeds):
        arms += [Arm("seeds_raw", seeds, raw)] if checked else []
        arms.append(Arm("seeds_selected", seeds, selected))
    arms += [Arm("all", whole, none)] if len(whole) else []
    return arms


def random_rows(raw: Codes, selected: Codes, targets: Codes, seed: int, draws: int) -> list[Codes]:
    """Return `draws` random subsets of the raw rows, of the selected rows' size and counts a label.

    Selected rows may be drawn: a subset is what picking blindly would have given. With several labels a text the
    counts are those of its first label.
    """
    first = first_labels(targets)
    random = np.random.default_rng([seed, 3])
    found = []
    for _ in range(draws):
        parts = []
        for label in np.unique(first[selected]):
            pool = raw[first[raw] == label]
            parts.append(random.choice(pool, size=int((first[selected] == label).sum()), replace=False))
        found.append(np.sort(np.concatenate(parts)))
    return found


def training_draws(pool: Pool, seed: int, draws: int) -> Floats:
    """Return factors (draws, rows of the pool) for redrawn training rows: a row has the same in every arm it is in."""
    groups = _codes(["\x1f".join((record.origin.item, *record.labels)) for record in pool.records])
    return train_weights(groups, _codes(clusters_of(pool.records)), seed, draws)


def _codes(names: Sequence[str]) -> Codes:
    return np.unique(np.array(names), return_inverse=True)[1]
