"""The attributes of a generator as a recipe writes them: values, weights, conditions and exclusions, and their issues.

An attribute is a list of values, used evenly, a map of values to weights, or a map with `given`: the values then depend
on the label or on another attribute. `exclude` lists combinations that never occur.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from textsynth.core.errors import did_you_mean
from textsynth.core.options import COUNT_SCHEMA, Options, ShortCount, Texts, parse_count

LABEL = "label"
CASE = "case"
"""The field of texts that are written for a case."""
LIST_TAG, WEIGHTS_TAG, CONDITIONAL_TAG = "a list of values", "values with weights", "values that depend on another"


def _check_weights(weights: dict[str, float]) -> dict[str, float]:
    if sum(weights.values()) <= 0:
        raise ValueError("the weights sum to 0, so no value could be used: give a value a weight above 0")
    return weights


Weight: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ValueList: TypeAlias = Annotated[Texts, Field(min_length=1)]
Weights: TypeAlias = Annotated[dict[str, Weight], AfterValidator(_check_weights)]


def _pool_tag(value: object) -> str:
    return WEIGHTS_TAG if isinstance(value, Mapping) else LIST_TAG


Pool: TypeAlias = Annotated[
    Annotated[ValueList, Tag(LIST_TAG)] | Annotated[Weights, Tag(WEIGHTS_TAG)], Discriminator(_pool_tag)
]
"""Values, used evenly or by their weights."""


class ConditionalValues(Options):
    """Values that depend on the label or on another attribute."""

    given: str = Field(description="label, or the attribute that decides the values")
    values: dict[str, Pool] = Field(
        min_length=1, description="the values for each label or value of the other attribute: a list, or weights"
    )
    otherwise: Pool | None = Field(default=None, description="the values for all that `values` does not list")

    def pool(self, value: str) -> Pool:
        """Return the values for a label or a value of the other attribute; () where the recipe gives none."""
        return self.values.get(value, self.otherwise or ())


def _attribute_tag(value: object) -> str:
    """Return which form a value has; a map of numbers has weights, also where a value is called `given`."""
    is_conditional = isinstance(value, ConditionalValues) or (
        isinstance(value, Mapping)
        and any(name in value and not isinstance(value[name], (int, float)) for name in ConditionalValues.model_fields)
    )
    return CONDITIONAL_TAG if is_conditional else _pool_tag(value)


AttributeValues: TypeAlias = Annotated[
    Annotated[ConditionalValues, Tag(CONDITIONAL_TAG)]
    | Annotated[ValueList, Tag(LIST_TAG)]
    | Annotated[Weights, Tag(WEIGHTS_TAG)],
    Discriminator(_attribute_tag),
]
Attributes: TypeAlias = Mapping[str, AttributeValues]


def _exclusion_tag(value: object) -> str:
    return "a text" if isinstance(value, str) else LIST_TAG


Exclusion: TypeAlias = dict[
    str, Annotated[Annotated[str, Tag("a text")] | Annotated[ValueList, Tag(LIST_TAG)], Discriminator(_exclusion_tag)]
]
"""Attribute (or label) → one value or several: texts with such a value of each of them do not occur."""


CaseCount: TypeAlias = Annotated[
    int, BeforeValidator(parse_count), Field(gt=0), WithJsonSchema(COUNT_SCHEMA), ShortCount()
]


class CaseOptions(Options):
    """How many texts of a case are selected, and the label they have."""

    want: CaseCount = Field(description="texts of the case to select")
    label: str | None = Field(default=None, description="the label of these texts; default: all labels in turn")


def _case_tag(value: object) -> str:
    return "a map" if isinstance(value, (Mapping, CaseOptions)) else "a number"


Case: TypeAlias = Annotated[
    Annotated[CaseCount, Tag("a number")] | Annotated[CaseOptions, Tag("a map")], Discriminator(_case_tag)
]
"""How many texts of a case are wanted, or this with the label that they have."""


def case_label(case: Case) -> str | None:
    """Return the label that the texts of a case have; None for any."""
    return case.label if isinstance(case, CaseOptions) else None


def case_cells(cases: Mapping[str, Case]) -> list[tuple[dict[str, str], int]]:
    """Return the quota cell of each case and how many texts it wants."""
    cells: list[tuple[dict[str, str], int]] = []
    for description, case in cases.items():
        label = case_label(case)
        values = {CASE: description} if label is None else {LABEL: label, CASE: description}
        cells.append((values, case.want if isinstance(case, CaseOptions) else case))
    return cells


def case_issues(
    cases: Mapping[str, Case], attributes: Attributes, labels: Collection[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield cases without words or with an unknown label, and an attribute with the name of the field of cases."""
    if cases and CASE in attributes:
        yield ("attributes", CASE), f"attributes.{CASE} has the name of the field that `cases` gives: rename it"
    for description, case in cases.items():
        label = case_label(case)
        if not description.strip():
            yield (
                ("cases", description),
                "cases has a case without words: describe it, as in `no punctuation at all: 5`",
            )
        if label is not None and label not in labels:
            yield (
                ("cases", description, "label"),
                f"cases.{description}.label is {label!r}, which `labels` does not list{did_you_mean(label, labels)}",
            )


def pool_weights(pool: Pool) -> dict[str, float]:
    """Return the values of a pool that can occur, each with its weight; a value that a list repeats counts again."""
    if isinstance(pool, Mapping):
        return {value: weight for value, weight in pool.items() if weight > 0}
    weights: dict[str, float] = {}
    for value in pool:
        weights[value] = weights.get(value, 0.0) + 1.0
    return weights


def pools_of(attribute: AttributeValues) -> list[Pool]:
    """Return every pool of an attribute, in the recipe's order."""
    if not isinstance(attribute, ConditionalValues):
        return [attribute]
    return [*attribute.values.values(), *([attribute.otherwise] if attribute.otherwise is not None else [])]


def values_of(attribute: AttributeValues) -> Sequence[str]:
    """Return the values that an attribute may have, in the recipe's order: of a list the list, else each value once."""
    if isinstance(attribute, (ConditionalValues, Mapping)):
        return list(dict.fromkeys(value for pool in pools_of(attribute) for value in pool_weights(pool)))
    return attribute


def excluded_values(exclusion: Exclusion) -> dict[str, frozenset[str]]:
    """Return the values that an exclusion names, by attribute."""
    return {name: frozenset([values] if isinstance(values, str) else values) for name, values in exclusion.items()}


def is_even(attributes: Attributes, exclude: Sequence[Exclusion]) -> bool:
    """Whether every combination of values occurs equally often: all attributes are lists, and nothing is excluded."""
    return not exclude and not any(isinstance(values, (Mapping, ConditionalValues)) for values in attributes.values())


def attribute_issues(
    attributes: Attributes, exclude: Sequence[Exclusion], labels: Collection[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is inconsistent: the keys that lead to it (`attributes`, `length`, `given`), and a sentence."""
    for name, attribute in attributes.items():
        if isinstance(attribute, ConditionalValues):
            yield from _condition_issues(name, attribute, attributes, labels)
    for index, exclusion in enumerate(exclude):
        if not exclusion:
            yield ("exclude", index), "exclude has an empty map, which names no combination: name attributes and values"
        for name, values in excluded_values(exclusion).items():
            path = ("exclude", index, name)
            if name != LABEL and name not in attributes:
                hint = did_you_mean(name, [LABEL, *attributes])
                yield path, f"exclude has {name!r}, which is neither label nor an attribute of this generator{hint}"
                continue
            allowed = list(labels) if name == LABEL else values_of(attributes[name])
            for value in sorted(values.difference(allowed)):
                what = "no label" if name == LABEL else f"no value of {name}"
                yield path, f"exclude has {value!r}, which is {what}{did_you_mean(value, allowed)}"


def _condition_issues(
    name: str, attribute: ConditionalValues, attributes: Attributes, labels: Collection[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    path, parent = ("attributes", name), attribute.given
    if parent != LABEL and parent not in attributes:
        hint = did_you_mean(parent, [LABEL, *attributes])
        sentence = f"attributes.{name}.given is {parent!r}, which is neither label nor an attribute of this generator"
        yield (*path, "given"), sentence + hint
        return
    circle = _circle_from(name, attributes)
    if circle:
        yield (*path, "given"), f"attributes.{name} depends on itself: {' → '.join(circle)}"
        return
    if parent == LABEL and not labels:
        yield (*path, "given"), f"attributes.{name}.given is label, but the recipe lists no labels: add `labels:`"
        return
    allowed = list(labels) if parent == LABEL else values_of(attributes[parent])
    what = "no label" if parent == LABEL else f"no value of {parent}"
    for value in attribute.values:
        if value not in allowed:
            sentence = f"attributes.{name}.values has {value!r}, which is {what}{did_you_mean(value, allowed)}"
            yield (*path, "values", value), sentence
    missing = [value for value in allowed if value not in attribute.values]
    if missing and attribute.otherwise is None:
        number = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        yield (
            (*path, "values"),
            f"attributes.{name}.values lacks {missing[0]!r}{number} of {parent}: add it, or add otherwise",
        )


def _circle_from(name: str, attributes: Attributes) -> list[str]:
    """Return the attributes from `name` back to itself along `given`; [] where they do not lead back."""
    chain = [name]
    while len(chain) <= len(attributes):
        attribute = attributes.get(chain[-1])
        if not isinstance(attribute, ConditionalValues):
            return []
        chain.append(attribute.given)
        if attribute.given == name:
            return chain
    return []
