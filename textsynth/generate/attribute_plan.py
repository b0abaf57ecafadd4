"""Which attributes the next request has: every combination equally often, or as often as the recipe's weights say."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.attribute_options import LABEL, Attributes, Exclusion, is_even, values_of
from textsynth.generate.even_draws import EvenDraws
from textsynth.generate.joint_distribution import AttributeModel, JointDistribution, Variable
from textsynth.generate.label_sets import LabelSet, seed_text

FixedValues = tuple[tuple[str, str], ...]


class AttributePlan:
    """Counts what was requested for each label set and the values that a quota cell fixes.

    `seed` begins the seeds of all orders. `label_weights` say how often each label is requested where a cell does not
    fix it; without them the label requested least often is next.
    """

    def __init__(
        self,
        attributes: Attributes,
        exclude: Sequence[Exclusion],
        seed: str,
        label_weights: Mapping[str, float] | None = None,
    ) -> None:
        self._attributes = attributes
        self._model = AttributeModel(attributes, exclude)
        self._is_even = is_even(attributes, exclude)
        self._seed = seed
        self._label_weights = label_weights
        self._grids: dict[tuple[LabelSet, FixedValues], list[dict[str, str]]] = {}
        self._grid_used: Counter[tuple[LabelSet, FixedValues]] = Counter()
        self._draws: dict[tuple[LabelSet, FixedValues], EvenDraws] = {}
        self._label_draws: dict[FixedValues, EvenDraws] = {}
        self._masses: dict[tuple[LabelSet, FixedValues], float] = {}

    @property
    def any_label(self) -> bool:
        """Whether a text of any label can have the values of any cell, and labels are to be requested evenly."""
        return self._is_even and self._label_weights is None

    def mass(self, labels: LabelSet, cell: Mapping[str, str]) -> float:
        """Return the probability that a text with these labels has the values of a quota cell; 0 where none can."""
        if self._is_even:
            return 1.0
        key = (labels, self._fixed(cell))
        if key not in self._masses:
            self._masses[key] = self._model.given_labels(labels, dict(key[1])).mass
        return self._masses[key]

    def next_label(self, cell: Mapping[str, str], sets: Sequence[LabelSet], requested: Counter[LabelSet]) -> LabelSet:
        """Return the label for a request that counts in a cell without one; of equally due labels the first."""
        possible = [labels for labels in sets if self.mass(labels, cell) > 0]
        if self._label_weights is None:
            return min(possible, key=lambda labels: requested[labels])
        key = self._fixed(cell)
        if key not in self._label_draws:
            weights = {label: self._label_weights.get(label, 0.0) * self.mass((label,), cell) for (label,) in possible}
            labels = Variable(LABEL, None, {"": weights})
            self._label_draws[key] = EvenDraws(JointDistribution([labels]), f"{self._seed}:labels")
        return (self._label_draws[key].draw()[LABEL],)

    def next_values(self, labels: LabelSet, cell: Mapping[str, str]) -> dict[str, str]:
        """Return the next combination of attribute values for a label set, with those that the cell fixes."""
        key = (labels, self._fixed(cell))
        if self._is_even:
            return self._next_of_grid(key)
        if key not in self._draws:
            distribution = self._model.given_labels(labels, dict(key[1]))
            self._draws[key] = EvenDraws(distribution, f"{self._seed}:{seed_text(labels)}:{key[1]}")
        values = self._draws[key].draw()
        return {name: values[name] for name in self._attributes}

    def _next_of_grid(self, key: tuple[LabelSet, FixedValues]) -> dict[str, str]:
        if key not in self._grids:
            labels, fixed = key[0], dict(key[1])
            choices = [
                [fixed[name]] if name in fixed else list(values_of(values)) for name, values in self._attributes.items()
            ]
            combinations = [dict(zip(self._attributes, values, strict=True)) for values in itertools.product(*choices)]
            random.Random(f"{self._seed}:{seed_text(labels)}:grid").shuffle(combinations)
            self._grids[key] = combinations
        number = self._grid_used[key]
        self._grid_used[key] += 1
        combinations = self._grids[key]
        return combinations[number % len(combinations)]

    def _fixed(self, cell: Mapping[str, str]) -> FixedValues:
        return tuple((name, value) for name, value in cell.items() if name in self._attributes)


def cells_in_turn(deficits: Sequence[QuotaDeficit], per_request: int) -> Iterator[Mapping[str, str]]:
    """Yield the cell of each deficit in turn, as long as the requests for it bring fewer candidates than it lacks."""
    remaining = list(deficits)
    for number in itertools.count():
        remaining = [deficit for deficit in remaining if deficit.candidates > number * per_request]
        if not remaining:
            return
        for deficit in remaining:
            yield deficit.cell
