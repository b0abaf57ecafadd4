"""Draws that keep to probabilities without the noise of sampling.

After any number n of draws a value of probability p was drawn n·p times, give or take 1. Such a sequence exists for all
probabilities (Tijdeman 1980, "The chairman assignment problem", Discrete Mathematics 32). A draw may be any value that
leaves the rest of the sequence possible; of these it is the one that the combinations of attributes lack most, so that
attributes with equal probabilities do not change in step.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from textsynth.generate.joint_distribution import Context, JointDistribution

ROUNDING = 1e-9
MAX_HORIZON = 4096
"""Draws that are looked ahead. Only values with a probability below 1/2000 could need a draw later than that."""


class EvenDraws:
    """An endless sequence of combinations of values from a joint distribution with a mass above 0.

    An attribute without a parent keeps to its probabilities within 1 draw; one with a parent does so among the draws
    with the same value of the parent, and one in an exclusion among those with the same values of the attributes that
    it is excluded with. `seed` decides between values that are equally due.
    """

    def __init__(self, distribution: JointDistribution, seed: str) -> None:
        self._distribution = distribution
        self._seed = seed
        self._counters: dict[tuple[int, Context], _Counter] = {}
        self._drawn: Counter[Context] = Counter()

    def draw(self) -> dict[str, str]:
        """Return the next combination: attribute → value."""
        values: dict[str, str] = {}
        path: Context = ()
        for index, variable in enumerate(self._distribution.variables):
            key = (index, self._distribution.context(index, values))
            if key not in self._counters:
                probabilities = self._distribution.probabilities(index, values)
                self._counters[key] = _Counter(probabilities, f"{self._seed}:{key}")
            counter = self._counters[key]
            before = self._drawn[path]
            value = counter.draw({value: self._drawn[(*path, value)] for value in counter.values}, before)
            self._drawn[path] += 1
            values[variable.name] = value
            path = (*path, value)
        self._drawn[path] += 1
        return values


class _Counter:
    """How often each value was drawn, and which values may be drawn next."""

    def __init__(self, probabilities: Mapping[str, float], seed: str) -> None:
        self.values = list(probabilities)
        self._probabilities = np.array(list(probabilities.values()))
        self._counts = np.zeros(len(self.values), dtype=np.int64)
        self._number = 0
        order = list(range(len(self.values)))
        random.Random(seed).shuffle(order)
        self._rank = {index: position for position, index in enumerate(order)}

    def draw(self, drawn_on_path: Mapping[str, int], path_draws: int) -> str:
        """Return the value that the path (the values of earlier attributes) lacks most, of those that may be drawn.

        `drawn_on_path` counts how often each value was drawn on the path, and `path_draws` all draws on it.
        """
        lacks = [
            (path_draws + 1) * probability - drawn_on_path[value]
            for value, probability in zip(self.values, self._probabilities.tolist(), strict=True)
        ]
        order = sorted(range(len(lacks)), key=lambda index: (-round(lacks[index], 9), self._rank[index]))
        index = next((index for index in order if self._may_draw(index)), None)
        if index is None:
            index = self._most_urgent()
        self._counts[index] += 1
        self._number += 1
        return self.values[index]

    def _may_draw(self, index: int) -> bool:
        """Whether all values can stay within 1 of their share if this one is drawn now.

        By any later draw t each value must have been drawn at least t·p - 1 times, and there are not more draws than t.
        """
        number = self._number + 1
        if self._counts[index] + 1 > number * self._probabilities[index] + 1 + ROUNDING:
            return False
        counts = self._counts.copy()
        counts[index] += 1
        # Later than this every value needs draws, and the shares add up.
        end = math.ceil(float(((counts + 1) / self._probabilities).max())) + 1
        later = np.arange(number, min(end, number + MAX_HORIZON) + 1)
        required = np.ceil(later[:, None] * self._probabilities - 1 - ROUNDING) - counts
        return bool((np.maximum(required, 0).sum(axis=1) <= later - number).all())

    def _most_urgent(self) -> int:
        """Return the value whose next draw is due first."""
        due = (self._counts + 1) / self._probabilities
        allowed = self._counts <= (self._number + 1) * self._probabilities + ROUNDING
        candidates: Sequence[int] = np.flatnonzero(allowed).tolist() or range(len(self.values))
        return min(candidates, key=lambda index: (float(due[index]), self._rank[index]))
