"""The joint distribution of the attributes of a text: a tree of conditional probabilities, without excluded parts.

Each attribute has probabilities for its values, which may depend on its parent: the label or one other attribute. A
quota cell fixes some values; the others then have their probabilities given these (exact inference on the tree).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.generate.attribute_options import (
    LABEL,
    Attributes,
    ConditionalValues,
    Exclusion,
    excluded_values,
    pool_weights,
    values_of,
)

Context = tuple[str, ...]
"""The values that the probabilities of an attribute depend on."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One attribute: its parent (None for none), and by value of the parent ("" for none) the weights of its values."""

    name: str
    parent: str | None
    tables: Mapping[str, Mapping[str, float]]


class JointDistribution:
    """The distribution of the attributes of texts with the same labels, given the values in `fixed`."""

    def __init__(
        self,
        variables: Sequence[Variable],
        exclusions: Iterable[Mapping[str, frozenset[str]]] = (),
        fixed: Mapping[str, str] | None = None,
    ) -> None:
        self.variables = variables
        fixed = fixed or {}
        rank = {variable.name: index for index, variable in enumerate(variables)}
        # An exclusion takes effect where the last of its attributes gets its value.
        self._exclusions: list[list[Mapping[str, frozenset[str]]]] = [[] for _ in variables]
        exclusions = [exclusion for exclusion in exclusions if exclusion]
        for exclusion in exclusions:
            self._exclusions[max(rank[name] for name in exclusion)].append(exclusion)
        self._needed_from = [_names_needed_from(index, variables, exclusions, rank) for index in range(len(variables))]
        # Without exclusions an attribute depends on its parent alone, also where the value of a later one is fixed.
        self._dependencies = [
            needed if exclusions else tuple(name for name in needed if name == variable.parent)
            for needed, variable in zip(self._needed_from, variables, strict=True)
        ]
        self._tables = [
            {
                parent: {
                    value: weight / sum(weights.values())
                    for value, weight in weights.items()
                    if fixed.get(variable.name, value) == value
                }
                for parent, weights in variable.tables.items()
            }
            for variable in variables
        ]
        self._masses: dict[tuple[int, Context], float] = {}

    @property
    def mass(self) -> float:
        """The probability of the fixed values and of nothing excluded; 0 where no text can have them."""
        return self._mass_from(0, {})

    def context(self, index: int, values: Mapping[str, str]) -> Context:
        """Return those of `values` that the probabilities of attribute number `index` depend on."""
        return tuple(values[name] for name in self._dependencies[index])

    def probabilities(self, index: int, values: Mapping[str, str]) -> dict[str, float]:
        """Return the probability of each possible value of attribute number `index`, given those of earlier ones."""
        weights = self._weights(index, values)
        total = sum(weights.values())
        return {value: weight / total for value, weight in weights.items() if weight > 0}

    def _weights(self, index: int, values: Mapping[str, str]) -> dict[str, float]:
        variable = self.variables[index]
        table = self._tables[index].get("" if variable.parent is None else values[variable.parent], {})
        weights: dict[str, float] = {}
        for value, weight in table.items():
            combination = {**values, variable.name: value}
            if any(_matches(exclusion, combination) for exclusion in self._exclusions[index]):
                continue
            weights[value] = weight * self._mass_from(index + 1, combination)
        return weights

    def _mass_from(self, index: int, values: Mapping[str, str]) -> float:
        """Return the probability that the attributes from `index` on have the fixed values and nothing excluded."""
        if index == len(self.variables):
            return 1.0
        key = (index, tuple(values[name] for name in self._needed_from[index]))
        if key not in self._masses:
            self._masses[key] = sum(self._weights(index, values).values())
        return self._masses[key]


def _names_needed_from(
    start: int,
    variables: Sequence[Variable],
    exclusions: Sequence[Mapping[str, frozenset[str]]],
    rank: Mapping[str, int],
) -> tuple[str, ...]:
    """Return the attributes before number `start` that those from there on depend on."""
    names = {variable.parent for variable in variables[start:]}
    names |= {name for exclusion in exclusions if max(rank[name] for name in exclusion) >= start for name in exclusion}
    return tuple(name for name in rank if name in names and rank[name] < start)


def _matches(exclusion: Mapping[str, frozenset[str]], values: Mapping[str, str]) -> bool:
    return all(values[name] in excluded for name, excluded in exclusion.items())


class AttributeModel:
    """The attributes of a generator, for any labels."""

    def __init__(self, attributes: Attributes, exclude: Sequence[Exclusion] = ()) -> None:
        self._attributes = attributes
        self._exclusions = [excluded_values(exclusion) for exclusion in exclude]
        self._order = _parents_first(attributes)

    def given_labels(self, labels: Sequence[str], fixed: Mapping[str, str] | None = None) -> JointDistribution:
        """Return the distribution for texts with these labels: of several labels the mean of what each has.

        A combination that is excluded for one of the labels is excluded for all of them.
        """
        exclusions: list[dict[str, frozenset[str]]] = []
        label_excluded = False
        for exclusion in self._exclusions:
            if LABEL in exclusion and not exclusion[LABEL].intersection(labels):
                continue
            others = {name: values for name, values in exclusion.items() if name != LABEL}
            label_excluded |= not others
            exclusions.append(others)
        variables = [self._variable(name, labels) for name in self._order]
        if label_excluded:
            variables.append(Variable("", None, {"": {}}))
        return JointDistribution(variables, exclusions, fixed)

    def _variable(self, name: str, labels: Sequence[str]) -> Variable:
        attribute = self._attributes[name]
        if not isinstance(attribute, ConditionalValues):
            return Variable(name, None, {"": pool_weights(attribute)})
        if attribute.given == LABEL:
            mean: dict[str, float] = {}
            for label in labels:
                weights = pool_weights(attribute.pool(label))
                for value, weight in weights.items():
                    mean[value] = mean.get(value, 0.0) + weight / sum(weights.values())
            return Variable(name, None, {"": mean})
        parents = self._attributes[attribute.given]
        tables = {value: pool_weights(attribute.pool(value)) for value in values_of(parents)}
        return Variable(name, attribute.given, tables)


def _parents_first(attributes: Attributes) -> list[str]:
    """Return the names in the recipe's order, but each after the attribute that it depends on."""
    ordered: dict[str, None] = {}
    for name in attributes:
        chain = [name]
        while isinstance(attribute := attributes[chain[-1]], ConditionalValues) and attribute.given != LABEL:
            chain.append(attribute.given)
        ordered.update(dict.fromkeys(reversed(chain)))
    return list(ordered)
