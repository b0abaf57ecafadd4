"""What must hold between the attributes of the generators, their exclusions, and the cells of the quota."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from textsynth.core.protocols import Generator
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.quota_spec import LABEL
from textsynth.recipe.recipe import Label
from textsynth.recipe.steps import ParsedStep
from textsynth.recipe.validation_errors import position_of


def check_attributes(steps: Sequence[ParsedStep], labels: Collection[str], issues: IssueCollector) -> bool:
    """Add every condition or exclusion that names nothing or leaves nothing; return whether there is none."""
    before = len(issues)
    for step in steps:
        if isinstance(step.step, Generator):
            for path, sentence in step.step.attribute_issues(labels):
                issues.add(position_of(step.fields, path, step.mark), f"{step.component}.{sentence}")
    return len(issues) == before


def check_cells(
    quotas: Mapping[tuple[str, ...], int],
    generators: Sequence[Generator],
    labels: Mapping[str, Label],
    mark: Position,
    issues: IssueCollector,
) -> None:
    """Add every label or value that no text of its quota can have, and a total below the number of texts of cases."""
    own = sum(number for generator in generators for _, number in generator.own_cells)
    if () in quotas and own > quotas[()]:
        issues.add(
            mark,
            f"want: the total is {quotas[()]:,}, but the cases of generate want {own:,} texts: raise the total, or "
            "want fewer texts of each case",
        )
    values = countable_values(generators, labels)
    for label, (_, own_quota) in labels.items():
        wanted = quotas.get((LABEL,), 0) if own_quota is None else own_quota
        if wanted and generators and not any(writer.can_write({LABEL: label}, labels) for writer in generators):
            issues.add(mark, _impossible_value((LABEL,), LABEL, label, generators))
    for keys in quotas:
        if keys in ((), (LABEL,)) or not all(values.get(key) for key in keys):
            continue  # an unknown key, or labels that could not be read, have an issue of their own
        cells = list(cells_of(keys, generators, labels))
        for key in keys:
            for value in values[key]:
                if not any(cell[key] == value for cell in cells):
                    issues.add(mark, _impossible_value(keys, key, value, generators))


def _impossible_value(keys: Sequence[str], key: str, value: str, generators: Sequence[Generator]) -> str:
    combinations = [combination for generator in generators for combination in generator.label_combinations]
    if key == LABEL and combinations and not any(value in combination for combination in combinations):
        reason = f"it is in none of the combinations of generate: add [{value}] to them, or give it no quota"
    else:
        reason = "exclude or the conditions of the attributes rule it out: take the value or the exclusion out"
    return f"want.{'*'.join(keys)}: no text can have {key} {value!r}, because {reason}"


def cell_notes(
    quotas: Mapping[tuple[str, ...], int], generators: Sequence[Generator], labels: Collection[str]
) -> list[str]:
    """Return a sentence for each quota some of whose combinations cannot occur."""
    values = countable_values(generators, labels)
    notes: list[str] = []
    for keys in quotas:
        all_cells, cells = math.prod(len(values[key]) for key in keys), len(list(cells_of(keys, generators, labels)))
        if cells < all_cells:
            notes.append(f"want.{'*'.join(keys)} counts the {cells:,} of {all_cells:,} combinations that can occur")
    return notes


def countable_values(generators: Sequence[Generator], labels: Collection[str]) -> dict[str, list[str]]:
    """Return the values of each key that a quota may name: the labels, and the attributes that generators vary."""
    values: dict[str, list[str]] = {LABEL: list(labels)}
    for generator in generators:
        for name, attribute_values in generator.varied_attributes.items():
            merged = values.setdefault(name, [])
            merged += [value for value in attribute_values if value not in merged]
    return values


def cells_of(keys: Sequence[str], generators: Sequence[Generator], labels: Collection[str]) -> Iterator[dict[str, str]]:
    """Yield a cell for each combination of the values of `keys` that some text can have.

    A combination counts as possible where no generator varies all of the keys.
    """
    values = countable_values(generators, labels)
    writers = [
        generator for generator in generators if all(key == LABEL or key in generator.varied_attributes for key in keys)
    ]
    for combination in itertools.product(*(values[key] for key in keys)):
        cell = dict(zip(keys, combination, strict=True))
        if not writers or any(writer.can_write(cell, labels) for writer in writers):
            yield cell
