"""The quota: what is wanted, what is there, what is still missing, and which parts have run dry.

A line of the quota is a match (`{"label": "refund"}`, `{}` for the total) and a number of texts. The loop asks the
quota what to ask for next; it answers from what was committed and what is still on its way, never from the clock.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import GenerationRequest, Record
from textsynth.recipe import Recipe

PRIOR_YIELD = 0.5
PRIOR_TEXTS = 10
LOWEST_YIELD = 0.02
WITHOUT_END = 10**9


@dataclass(slots=True)
class QuotaCell:
    """One part of the quota: `want` texts selected, `target` of them accepted before the pick.

    `idle` are the generators that had nothing to ask for it when they were last asked to.
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

    @property
    def name(self) -> str:
        """`card_arrival`, `card_arrival, annoyed`, or `total`."""
        return ", ".join(self.values.values()) or "total"

    def covers(self, ask: GenerationRequest) -> bool:
        """Whether an answer to `ask` can add to this line."""
        label = ask.labels[0] if ask.labels else None
        return all((label if key == "label" else ask.fields.get(key)) == value for key, value in self.values.items())

    def counts(self, record: Record) -> bool:
        """Whether the record counts here."""
        return all(
            value in record.labels if key == "label" else record.fields.get(key) == value
            for key, value in self.values.items()
        )


class Quota:
    """All lines, the share each generator has of them, and their yields.

    `patience` is the number of answers in a row without an accepted text after which a generator counts as dry on a
    line. With no lines at all everything the generators have is asked for once. `shares` names only generators that
    ask a model.
    """

    def __init__(self, lines: Sequence[QuotaCell], shares: Mapping[str, float | None], *, patience: int) -> None:
        self.cells = list(lines)
        self._shares = _filled(shares)
        self._patience = patience
        self._texts: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        # Most specific first: what they ask for also fills the lines that contain them.
        self._order = sorted(self.cells, key=lambda line: -len(line.values))

    @property
    def met(self) -> bool:
        """Whether every line has its target."""
        return bool(self.cells) and all(line.accepted >= line.target for line in self.cells)

    def exhausted(self, line: QuotaCell) -> bool:
        """Whether no generator brings anything more to the line."""
        return all(line.consecutive_misses[item] >= self._patience for item in self._shares)

    def deficits(self, item: str) -> list[QuotaDeficit]:
        """Return what generator `item` should still bring, in candidates, most specific lines first."""
        if not self.cells:
            return [QuotaDeficit({}, WITHOUT_END, single_pass=True)]
        expected: list[tuple[QuotaCell, float]] = []
        found: list[QuotaDeficit] = []
        for line in self._order:
            inside = sum(texts for other, texts in expected if line.values.items() <= other.values.items())
            missing = self._missing(line, item) - inside
            if missing < 0.5 or line.consecutive_misses[item] >= self._patience:
                continue
            rate = self.yield_rate(line, item)
            texts = math.ceil(missing / rate)
            expected.append((line, texts * rate))
            found.append(QuotaDeficit(line.values, texts))
        return found

    def note_exhausted(self, item: str, short: Sequence[QuotaDeficit], asks: Sequence[GenerationRequest]) -> bool:
        """Note for which shortfalls a generator with room for more had nothing to ask: others fill those.

        Return whether that is news.
        """
        matches = [one.cell for one in short]
        news = False
        for line in self.cells:
            if line.values in matches:
                idle = not any(line.covers(ask) for ask in asks)
                news |= idle and item not in line.exhausted_generators
                line.exhausted_generators = (
                    line.exhausted_generators | {item} if idle else line.exhausted_generators - {item}
                )
        return news

    def yield_rate(self, line: QuotaCell, item: str) -> float:
        """The share of the candidates of `item` on the line that are accepted, leaning on the generator's own."""
        whole = (self._kept[item] + PRIOR_YIELD * PRIOR_TEXTS) / (self._texts[item] + PRIOR_TEXTS)
        asked = line.requested[item]
        return max((line.by_generator[item] + whole * PRIOR_TEXTS) / (asked + PRIOR_TEXTS), LOWEST_YIELD)

    def target_share(self, item: str) -> int:
        """Return how many accepted texts `item` is to bring in all, by its share; a text counts once."""
        most = max((len(line.values) for line in self.cells), default=0)
        whole = max((line.target for line in self.cells if not line.values), default=0)
        by_cell = sum(line.target for line in self.cells if line.values and len(line.values) == most)
        by_label = sum(line.target for line in self.cells if set(line.values) == {"label"})
        return round(self._shares[item] * max(whole, by_cell, by_label))

    def record_planned(self, asks: Iterable[GenerationRequest]) -> None:
        """Note what is on its way."""
        for ask in asks:
            for line in self.cells:
                if line.covers(ask):
                    line.pending[ask.step] += ask.candidates

    def commit(
        self, asks: Sequence[GenerationRequest], accepted: Mapping[int, Sequence[Record]], void: Container[int] = ()
    ) -> None:
        """Book a window: its asks in plan order, and the records that the ask at each place brought.

        Answers at the places in `void` say nothing of later ones: neither yields nor patience count them.
        """
        for place, ask in enumerate(asks):
            brought = accepted.get(place, ())
            counts = place not in void
            self._texts[ask.step] += ask.candidates * counts
            self._kept[ask.step] += len(brought)
            for line in self.cells:
                new = sum(line.counts(record) for record in brought)
                line.accepted += new
                line.by_generator[ask.step] += new
                if line.covers(ask):
                    line.pending[ask.step] -= ask.candidates
                    line.requested[ask.step] += ask.candidates * counts
                    line.consecutive_misses[ask.step] = 0 if new else line.consecutive_misses[ask.step] + counts

    def _missing(self, line: QuotaCell, item: str) -> float:
        """How many accepted texts `item` should still bring to the line, beyond what is on its way."""
        gaps = {
            one: max(0.0, share * line.target - line.by_generator[one])
            for one, share in self._shares.items()
            if line.consecutive_misses[one] < self._patience and (one == item or one not in line.exhausted_generators)
        }
        coming = sum(line.pending[one] * self.yield_rate(line, one) for one in self._shares)
        gap = line.target - line.accepted - coming
        if gap <= 0 or item not in gaps:
            return 0.0
        whole = sum(gaps.values())
        parts = {one: round(gap * part / whole) if whole > 0 else 0 for one, part in gaps.items()}
        leader = max(gaps, key=lambda one: gaps[one])
        # The one that is furthest behind takes what rounding leaves, so that a gap of one is never nobody's.
        return gap - sum(parts[one] for one in parts if one != leader) if item == leader else parts[item]


def _filled(shares: Mapping[str, float | None]) -> dict[str, float]:
    """Give the generators without a share an even split of what the others leave."""
    rest = max(0.0, 1.0 - sum(share for share in shares.values() if share is not None))
    without = sum(share is None for share in shares.values())
    return {item: share if share is not None else rest / without for item, share in shares.items()}


Wanted = tuple[Mapping[str, str], int]


def quota_cells(recipe: Recipe, limit: int | None) -> list[QuotaCell]:
    """Return the quota's lines in the recipe's order; [] where nothing is wanted by number.

    `limit` caps the selected texts: every line is scaled down to its part of the limit, and a total is added, which is
    never more than the other lines want: a limit asks for no text of its own. Where it cuts something off, lines by
    attributes are left out beside lines by label.
    """
    wants = _wants(recipe)
    if limit is not None:
        wants = _limited(wants, limit)
    return [QuotaCell(match, want, math.ceil(want * recipe.oversample)) for match, want in wants]


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
        for name, some in item.step.varied_attributes.items():
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
