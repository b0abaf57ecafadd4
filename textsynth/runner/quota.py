"""The quota: which texts are wanted, what to request for them next, and which cells are given up.

How a quota is met: `quota_cells` turns `want` of the recipe (`recipe/quota_spec.py`) into cells. Before each window the
scheduler asks `Quota.deficits` what each generator should bring; the generator's session plans requests for these
deficits (`generate/`). After the window `Quota.commit` counts the accepted texts. At the end `selection.select` selects
from them. All of it depends on committed and planned requests only, never on the clock.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from textsynth.core.records import GenerationRequest, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.recipe import Recipe
from textsynth.recipe.attribute_checks import cells_of

PRIOR_YIELD, LARGE_RUN_PRIOR_YIELD = 0.5, 0.85
LARGE_RUN_REQUESTS = 16
"""From this number of requests on, those that a low prior wastes cost more than another window for what is missing."""
PRIOR_CANDIDATES = 10
MIN_YIELD = 0.02
# A smaller deficit is rounding.
MIN_DEFICIT = 0.5
NO_TEXTS: Mapping[str, int] = MappingProxyType({})
EVERYTHING = (QuotaDeficit({}, 10**9, single_pass=True),)
"""The deficits of a generator that should bring all it has once."""


@dataclass(slots=True)
class QuotaCell:
    """One part of the quota: `wanted` texts selected, and `target` texts accepted to select them from.

    `values` are what its texts have in common (`{"label": "refund"}`; {} is the total). The counts are by generator:
    `by_generator` accepted texts, `requested` candidates of committed requests, `pending` candidates of requests in
    flight, `consecutive_misses` requests in a row without an accepted text. `exhausted_generators` had nothing to offer
    for the cell when they were last asked. Of an `exact` cell no more texts than `wanted` are selected where others of
    their label can be.
    """

    values: Mapping[str, str]
    wanted: int
    target: int
    accepted: int = 0
    by_generator: Counter[str] = field(default_factory=Counter)
    requested: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    consecutive_misses: Counter[str] = field(default_factory=Counter)
    exhausted_generators: set[str] = field(default_factory=set)
    exact: bool = False

    @property
    def name(self) -> str:
        """`card_arrival`, `card_arrival, annoyed`, or `total`."""
        return ", ".join(self.values.values()) or "total"

    def counts(self, item: Record | GenerationRequest) -> bool:
        """Whether a record, or each text of an answer to a request, counts in the cell.

        With several labels it counts for each of them.
        """
        return not self.values or all(
            value in item.labels if key == "label" else item.fields.get(key) == value
            for key, value in self.values.items()
        )


class CellIndex:
    """Finds the cells in which a text counts by their values, in a time that does not grow with the number of cells."""

    def __init__(self, cells: Iterable[QuotaCell]) -> None:
        # Cells that name the same keys, by the values of these keys; the keys are in the order of the alphabet.
        self._by_keys: dict[tuple[str, ...], dict[tuple[str | None, ...], list[int]]] = {}
        for number, cell in enumerate(cells):
            keys = tuple(sorted(cell.values))
            values = tuple(cell.values[key] for key in keys)
            self._by_keys.setdefault(keys, {}).setdefault(values, []).append(number)

    def find(self, item: Record | GenerationRequest) -> list[int]:
        """Return the indexes of the cells in which the item counts, each once; see `QuotaCell.counts`."""
        return self._find(item.labels, item.fields)

    def count(self, records: Iterable[Record]) -> dict[int, int]:
        """Return how many of the records count in each cell, by its index; cells without any are left out."""
        counts: dict[int, int] = {}
        for record in records if self._by_keys else ():
            for number in self.find(record):
                counts[number] = counts.get(number, 0) + 1
        return counts

    def find_containing(self, cell: QuotaCell) -> list[int]:
        """Return the indexes of the cells that count every text of a cell: itself, and those that fix less."""
        labels = (cell.values["label"],) if "label" in cell.values else ()
        return self._find(labels, cell.values)

    def _find(self, labels: Sequence[str], fields: Mapping[str, object]) -> list[int]:
        found: list[int] = []
        for keys, by_values in self._by_keys.items():
            if not keys:
                found += by_values[()]
                continue
            values = [dict.fromkeys(labels) if key == "label" else _text_values(fields.get(key)) for key in keys]
            for combination in itertools.product(*values):
                found += by_values.get(combination, ())
        return found


def _text_values(value: object) -> tuple[str, ...]:
    """Return a field's value where it is a text, as that of a cell; other JSON values count in no cell."""
    return (value,) if isinstance(value, str) else ()


class Quota:
    """The cells, each generator's share of them, and the yields: the shares of candidates that are accepted.

    `shares` has the generators that ask a model; None is an even split of what the others leave. After `patience`
    answers in a row without an accepted text a generator counts as dry for a cell. Without cells every generator brings
    all it has once. `texts_per_request` says how large the run is, by generator; the default is a small one.
    """

    def __init__(
        self,
        cells: Sequence[QuotaCell],
        shares: Mapping[str, float | None],
        *,
        patience: int,
        texts_per_request: Mapping[str, int] = NO_TEXTS,
    ) -> None:
        self.cells = list(cells)
        self._shares = _with_even_split(shares)
        self._patience = patience
        self._candidates: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()
        # Most specific first: texts for a cell count in the cells that contain it, too.
        self._by_specificity = sorted(self.cells, key=lambda cell: -len(cell.values))
        self._index = CellIndex(self.cells)
        by_specificity = CellIndex(self._by_specificity)
        # For each cell in this order, the later ones that count its texts, too.
        self._containing = [
            [outer for outer in by_specificity.find_containing(cell) if outer > number]
            for number, cell in enumerate(self._by_specificity)
        ]
        needed = sum(self.target_share(name) / texts_per_request[name] for name in shares if name in texts_per_request)
        self._prior_yield = LARGE_RUN_PRIOR_YIELD if needed >= LARGE_RUN_REQUESTS else PRIOR_YIELD

    @property
    def met(self) -> bool:
        """Whether every cell has its target."""
        return bool(self.cells) and all(cell.accepted >= cell.target for cell in self.cells)

    def is_dry(self, cell: QuotaCell) -> bool:
        """Whether every generator is dry for the cell."""
        return all(cell.consecutive_misses[generator] >= self._patience for generator in self._shares)

    def deficits(self, generator: str) -> list[QuotaDeficit]:
        """Return how many candidates the generator should bring for each cell, the most specific cells first."""
        if not self.cells:
            return list(EVERYTHING)
        covered = [0.0] * len(self.cells)
        deficits: list[QuotaDeficit] = []
        for number, cell in enumerate(self._by_specificity):
            if cell.accepted >= cell.target:
                continue
            missing = self._missing(cell, generator) - covered[number]
            if missing < MIN_DEFICIT or cell.consecutive_misses[generator] >= self._patience:
                continue
            rate = self.yield_rate(cell, generator)
            candidates = math.ceil(missing / rate)
            for outer in self._containing[number]:
                covered[outer] += candidates * rate
            deficits.append(QuotaDeficit(cell.values, candidates))
        return deficits

    def note_exhausted(
        self, generator: str, deficits: Sequence[QuotaDeficit], requests: Sequence[GenerationRequest]
    ) -> bool:
        """Note the deficits for which a generator could plan more `requests` but planned none: others fill these.

        Return whether one of them is new.
        """
        served = {number for request in requests for number in self._index.find(request)}
        lacking = {_frozen(deficit.cell) for deficit in deficits}
        changed = False
        for number, cell in enumerate(self.cells):
            if _frozen(cell.values) not in lacking:
                continue
            if number in served:
                cell.exhausted_generators.discard(generator)
            elif generator not in cell.exhausted_generators:
                cell.exhausted_generators.add(generator)
                changed = True
        return changed

    def yield_rate(self, cell: QuotaCell, generator: str) -> float:
        """Return the share of a generator's candidates for a cell that are accepted.

        With few candidates the rate of the cell is smoothed towards the generator's rate, and that towards the prior.
        """
        overall = (self._accepted[generator] + self._prior_yield * PRIOR_CANDIDATES) / (
            self._candidates[generator] + PRIOR_CANDIDATES
        )
        rate = (cell.by_generator[generator] + overall * PRIOR_CANDIDATES) / (
            cell.requested[generator] + PRIOR_CANDIDATES
        )
        return max(rate, MIN_YIELD)

    def target_share(self, generator: str) -> int:
        """Return how many accepted texts a generator should bring in all; a text that several cells count is one."""
        most_keys = max((len(cell.values) for cell in self.cells), default=0)
        total = max((cell.target for cell in self.cells if not cell.values), default=0)
        most_specific = sum(cell.target for cell in self.cells if cell.values and len(cell.values) == most_keys)
        by_label = sum(cell.target for cell in self.cells if set(cell.values) == {"label"})
        return round(self._shares[generator] * max(total, most_specific, by_label))

    def record_planned(self, requests: Iterable[GenerationRequest]) -> None:
        """Count the candidates of planned requests as pending."""
        for request in requests:
            for number in self._index.find(request):
                self.cells[number].pending[request.step] += request.candidates

    def commit(
        self,
        requests: Sequence[GenerationRequest],
        accepted: Mapping[int, Sequence[Record]],
        stale: Container[int] = (),
    ) -> None:
        """Count a window: its requests in plan order, and the accepted records by the index of their request.

        The requests at the indexes in `stale` say nothing about later ones: they change neither yields nor misses.
        """
        for index, request in enumerate(requests):
            records = accepted.get(index, ())
            informative = index not in stale
            self._candidates[request.step] += request.candidates * informative
            self._accepted[request.step] += len(records)
            new = self._index.count(records)
            for number, count in new.items():
                self.cells[number].accepted += count
                self.cells[number].by_generator[request.step] += count
            for number in self._index.find(request):
                cell = self.cells[number]
                cell.pending[request.step] -= request.candidates
                cell.requested[request.step] += request.candidates * informative
                misses = cell.consecutive_misses[request.step] + informative
                cell.consecutive_misses[request.step] = 0 if number in new else misses

    def _missing(self, cell: QuotaCell, generator: str) -> float:
        """Return how many accepted texts the generator should bring for the cell beyond those of pending requests.

        What the cell lacks is divided over the generators that are neither dry nor exhausted for it, in proportion to
        what each lacks of its own share.
        """
        gaps = {
            name: max(0.0, share * cell.target - cell.by_generator[name])
            for name, share in self._shares.items()
            if cell.consecutive_misses[name] < self._patience
            and (name == generator or name not in cell.exhausted_generators)
        }
        coming = sum(cell.pending[name] * self.yield_rate(cell, name) for name in self._shares)
        missing = cell.target - cell.accepted - coming
        if missing <= 0 or generator not in gaps:
            return 0.0
        total_gap = sum(gaps.values())
        parts = {name: round(missing * gap / total_gap) if total_gap > 0 else 0 for name, gap in gaps.items()}
        # The generator that lacks most takes what rounding leaves, so that one missing text always has a generator.
        leader = max(gaps, key=lambda name: gaps[name])
        return (
            missing - sum(parts[name] for name in parts if name != leader) if generator == leader else parts[generator]
        )


def _frozen(values: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def _with_even_split(shares: Mapping[str, float | None]) -> dict[str, float]:
    """Return the shares; generators without one divide evenly what the others leave."""
    left = max(0.0, 1.0 - sum(share for share in shares.values() if share is not None))
    without = sum(share is None for share in shares.values())
    return {name: left / without if share is None else share for name, share in shares.items()}


WantedCell = tuple[Mapping[str, str], int]
"""The values of a cell, and how many texts are wanted."""


def quota_cells(recipe: Recipe, limit: int | None) -> list[QuotaCell]:
    """Return the cells of the recipe's quota in its order; [] where the recipe sets no quota.

    `limit` caps the selected texts: the cells are scaled down to it, and a total is added, which is never more than the
    other cells want. Where the limit is below the quota, cells by attributes are left out beside cells by label.
    """
    cells = _wanted_cells(recipe)
    if limit is not None:
        cells = _scale_to_limit(cells, limit)
    exact = [values for item in recipe.generate for values, _ in item.step.own_cells]
    return [
        QuotaCell(values, number, math.ceil(number * recipe.oversample), exact=values in exact)
        for values, number in cells
    ]


def _wanted_cells(recipe: Recipe) -> list[WantedCell]:
    """Return a cell for each label with a quota, each combination of the other keys that occurs, then the cases."""
    generators = [item.step for item in recipe.generate]
    per_label = recipe.want.get(("label",))
    by_label = [(name, per_label if label.want is None else label.want) for name, label in recipe.labels.items()]
    cells: list[WantedCell] = [({"label": name}, number) for name, number in by_label if number is not None]
    for keys, number in recipe.want.items():
        if keys != ("label",):
            cells += [(cell, number) for cell in cells_of(keys, generators, recipe.labels)]
    return cells + [cell for generator in generators for cell in generator.own_cells if cell not in cells]


def _scale_to_limit(cells: Sequence[WantedCell], limit: int) -> list[WantedCell]:
    """Return the cells, scaled so that those of equal keys want at most `limit` texts together, and a total."""
    by_keys: dict[tuple[str, ...], list[WantedCell]] = {}
    for values, number in cells:
        by_keys.setdefault(tuple(values), []).append((values, number))
    largest = max((sum(number for _, number in group) for group in by_keys.values()), default=limit)
    if limit < largest:
        # Labels and attributes, each scaled to the limit, would want more than the limit together: labels count.
        counted = ("label",) if ("label",) in by_keys else next((keys for keys in by_keys if keys), ())
        by_keys = {keys: group for keys, group in by_keys.items() if keys in ((), counted)}
    by_keys.setdefault((), [({}, min(limit, largest))])
    return [cell for group in by_keys.values() for cell in _scale_group(group, limit)]


def _scale_group(group: Sequence[WantedCell], limit: int) -> list[WantedCell]:
    """Return the cells scaled down in proportion, to `limit` texts together.

    What rounding down leaves goes to the cells with the largest remainders, of equal ones to the first.
    """
    total = sum(number for _, number in group)
    if total <= limit:
        return list(group)
    exact = [number * limit / total for _, number in group]
    scaled = [int(number) for number in exact]
    by_remainder = sorted(range(len(scaled)), key=lambda index: scaled[index] - exact[index])
    for index in by_remainder[: limit - sum(scaled)]:
        scaled[index] += 1
    return [(values, number) for (values, _), number in zip(group, scaled, strict=True)]
