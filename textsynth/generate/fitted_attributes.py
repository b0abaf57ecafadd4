"""Attributes taken from real rows: the joint distribution of columns and surface features becomes the plan.

The label, the columns and the features are fitted as a tree (`dependency_tree.py`), which is an attribute model like a
recipe's own: a quota cell that fixes a value changes the shares of the others as it does in the real rows.

Does not fit dependencies of more than two columns at once, nor anything that the columns and features do not measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.options import Options, SourceName, Texts
from textsynth.core.records import Record
from textsynth.generate.attribute_options import LABEL, AttributeValues, ConditionalValues, Exclusion
from textsynth.generate.dependency_tree import TreeNode, fit_tree
from textsynth.generate.surface_features import CONTRADICTIONS, FEATURES, FeatureName, describe_features

MAX_VALUES = 50
MIN_ROWS = 20


class FitOptions(Options):
    """Which real rows decide how often each value occurs, and what is taken from them."""

    source: SourceName = Field(description="the real rows; their labels, where they have some, are part of the fit")
    columns: Texts = Field(default=(), description="fields of the rows whose values become attributes")
    features: tuple[FeatureName, ...] = Field(
        default=FEATURES, description="surface features that become attributes, where the rows differ in them"
    )
    floor: float = Field(
        default=0.01,
        ge=0,
        le=0.2,
        description="the least share of each label and value, also where it is rarer in the rows",
    )
    smoothing: float = Field(
        default=1.0, ge=0, description="rows added to each condition with the shares of all rows; 0 adds none"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes that the fit may give."""
        return (*self.columns, *self.features)


@dataclass(frozen=True, slots=True)
class FittedAttributes:
    """Attributes with their exclusions, the share of each label (None without labels), and a sentence about the fit."""

    attributes: Mapping[str, AttributeValues]
    exclude: tuple[Exclusion, ...]
    label_weights: Mapping[str, float] | None
    note: str


def fit_attributes(
    options: FitOptions, rows: Sequence[Record], labels: Sequence[str], *, multi_label: bool
) -> FittedAttributes:
    """Return the attributes that are distributed as in the rows.

    Labels are part of the fit where each text has one. A feature in which the rows do not differ is left out. Raises
    UsageError for too few rows, and for a column that rows lack or that has too many values.
    """
    if len(rows) < MIN_ROWS:
        raise UsageError(f"sources.{options.source} has {pluralize(len(rows), 'row')}, and a fit needs {MIN_ROWS}")
    with_label = bool(labels) and not multi_label
    columns: dict[str, Sequence[str]] = {}
    if with_label:
        rows = [row for row in rows if row.label is not None]
        columns[LABEL] = [row.label or "" for row in rows]
    for name in options.columns:
        columns[name] = _read_column(name, rows, options.source)
    features = describe_features([row.text for row in rows], options.features)
    columns |= {name: values for name, values in features.items() if len(set(values)) > 1}
    nodes = fit_tree(
        columns, smoothing=options.smoothing, floor=options.floor, values={LABEL: labels} if with_label else {}
    )
    tree = {node.name: node for node in nodes}
    attributes = {name: _as_attribute(tree[name]) for name in columns if name != LABEL}
    parents = [f"{node.name} given {node.parent}" for node in nodes if node.parent is not None]
    note = f"takes the shares of {', '.join(columns)} from {pluralize(len(rows), 'row')} of {options.source}"
    return FittedAttributes(
        attributes,
        tuple(_contradictions(attributes)),
        tree[LABEL].tables[""] if with_label else None,
        f"{note}: {', '.join(parents)}" if parents else note,
    )


def _read_column(name: str, rows: Sequence[Record], source: str) -> list[str]:
    values = [row.field_text(name) for row in rows]
    empty = sum(not value.strip() for value in values)
    if empty:
        raise UsageError(
            f"columns has {name!r}, which {empty:,} of {pluralize(len(rows), 'row')} of sources.{source} lack: name it "
            f"under `fields` of the source, as in fields: {{{name}: COLUMN}}"
        )
    number = len(set(values))
    if number > MAX_VALUES:
        raise UsageError(f"columns has {name!r}, which has {number:,} different values, and a fit takes {MAX_VALUES}")
    return values


def _as_attribute(node: TreeNode) -> AttributeValues:
    if node.parent is None:
        return dict(node.tables[""])
    tables: dict[str, Sequence[str] | dict[str, float]] = {parent: dict(table) for parent, table in node.tables.items()}
    return ConditionalValues.model_construct(given=node.parent, values=tables, otherwise=None)


def _contradictions(attributes: Mapping[str, AttributeValues]) -> Iterator[Exclusion]:
    """Yield the combinations of features that no text can have and that smoothing would allow."""
    for combination in CONTRADICTIONS:
        if all(name in attributes for name in combination):
            yield {str(name): value for name, value in combination.items()}
