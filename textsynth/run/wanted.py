"""From the recipe's `want` and `--limit` to the lines of the quota."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from textsynth.recipe import Recipe
from textsynth.run.quota import Line

Wanted = tuple[Mapping[str, str], int]


def lines_of(recipe: Recipe, limit: int | None) -> list[Line]:
    """Return the quota's lines in the recipe's order; [] where nothing is wanted by number.

    `limit` caps the selected texts: every line is scaled down to its part of the limit, and a total is added, which is
    never more than the other lines want: a limit asks for no text of its own. Where it cuts something off, lines by
    attributes are left out beside lines by label.
    """
    wants = _wants(recipe)
    if limit is not None:
        wants = _limited(wants, limit)
    return [Line(match, want, math.ceil(want * recipe.pool)) for match, want in wants]


def _wants(recipe: Recipe) -> list[Wanted]:
    values = _values(recipe)
    each = recipe.want.get(("label",))
    by_label = [(name, each if label.want is None else label.want) for name, label in recipe.labels.items()]
    found: list[Wanted] = [({"label": name}, number) for name, number in by_label if number is not None]
    for keys, number in recipe.want.items():
        if keys == ("label",):
            continue
        for combination in itertools.product(*(values[key] for key in keys)):
            found.append((dict(zip(keys, combination, strict=True)), number))
    return found


def _values(recipe: Recipe) -> dict[str, list[str]]:
    """Return the values of each key a quota may name: the labels, and the attributes that generators vary."""
    values: dict[str, list[str]] = {"label": list(recipe.labels)}
    for item in recipe.generate:
        for name, some in getattr(item.step, "vary", {}).items():
            known = values.setdefault(name, [])
            known += [value for value in some if value not in known]
    return values


def _limited(wants: Sequence[Wanted], limit: int) -> list[Wanted]:
    by_keys: dict[tuple[str, ...], list[Wanted]] = {}
    for match, want in wants:
        by_keys.setdefault(tuple(match), []).append((match, want))
    most = max((sum(want for _, want in group) for group in by_keys.values()), default=limit)
    if limit < most:
        # Scaled each by itself, labels and attributes would want more together than the limit: the labels count.
        finer = ("label",) if ("label",) in by_keys else next((keys for keys in by_keys if keys), ())
        by_keys = {keys: group for keys, group in by_keys.items() if keys in ((), finer)}
    by_keys.setdefault((), [({}, min(limit, most))])
    scaled: list[Wanted] = []
    for group in by_keys.values():
        whole = sum(want for _, want in group)
        if whole <= limit:
            scaled += group
            continue
        exact = [want * limit / whole for _, want in group]
        parts = [int(part) for part in exact]
        by_rest = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
        for place in by_rest[: limit - sum(parts)]:
            parts[place] += 1
        scaled += [(match, part) for (match, _), part in zip(group, parts, strict=True)]
    return scaled
