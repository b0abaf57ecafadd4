"""The quota: what is wanted, what is there, what is still missing, and which parts have run dry.

A line of the quota is a match (`{"label": "refund"}`, `{}` for the total) and a number of texts. The loop asks the
quota what to ask for next; it answers from what was committed and what is still on its way, never from the clock.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from textsynth.core.protocols import Shortfall
from textsynth.core.records import Ask, Record

PRIOR_YIELD = 0.5
PRIOR_TEXTS = 10
LOWEST_YIELD = 0.02
WITHOUT_END = 10**9


@dataclass(slots=True)
class Line:
    """One part of the quota: `want` texts selected, `target` of them accepted before the pick.

    `idle` are the generators that had nothing to ask for it when they were last asked to.
    """

    match: Mapping[str, str]
    want: int
    target: int
    accepted: int = 0
    by_item: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    on_way: Counter[str] = field(default_factory=Counter)
    barren: Counter[str] = field(default_factory=Counter)
    idle: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """`card_arrival`, `card_arrival, annoyed`, or `total`."""
        return ", ".join(self.match.values()) or "total"

    def covers(self, ask: Ask) -> bool:
        """Whether an answer to `ask` can add to this line."""
        label = ask.labels[0] if ask.labels else None
        return all((label if key == "label" else ask.fields.get(key)) == value for key, value in self.match.items())

    def counts(self, record: Record) -> bool:
        """Whether the record counts here."""
        return all(
            value in record.labels if key == "label" else record.fields.get(key) == value
            for key, value in self.match.items()
        )


class Quota:
    """All lines, the share each generator has of them, and their yields.

    `patience` is the number of answers in a row without an accepted text after which a generator counts as dry on a
    line. With no lines at all everything the generators have is asked for once. `shares` names only generators that
    ask a model.
    """

    def __init__(self, lines: Sequence[Line], shares: Mapping[str, float | None], *, patience: int) -> None:
        self.lines = list(lines)
        self._shares = _filled(shares)
        self._patience = patience
        self._texts: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        # Most specific first: what they ask for also fills the lines that contain them.
        self._order = sorted(self.lines, key=lambda line: -len(line.match))

    @property
    def met(self) -> bool:
        """Whether every line has its target."""
        return bool(self.lines) and all(line.accepted >= line.target for line in self.lines)

    def dry(self, line: Line) -> bool:
        """Whether no generator brings anything more to the line."""
        return all(line.barren[item] >= self._patience for item in self._shares)

    def short(self, item: str) -> list[Shortfall]:
        """Return what generator `item` should still bring, in candidates, most specific lines first."""
        if not self.lines:
            return [Shortfall({}, WITHOUT_END, once=True)]
        expected: list[tuple[Line, float]] = []
        found: list[Shortfall] = []
        for line in self._order:
            inside = sum(texts for other, texts in expected if line.match.items() <= other.match.items())
            missing = self._missing(line, item) - inside
            if missing < 0.5 or line.barren[item] >= self._patience:
                continue
            rate = self.rate(line, item)
            texts = math.ceil(missing / rate)
            expected.append((line, texts * rate))
            found.append(Shortfall(line.match, texts))
        return found

    def offered(self, item: str, short: Sequence[Shortfall], asks: Sequence[Ask]) -> bool:
        """Note for which shortfalls a generator with room for more had nothing to ask: others fill those.

        Return whether that is news.
        """
        matches = [one.match for one in short]
        news = False
        for line in self.lines:
            if line.match in matches:
                idle = not any(line.covers(ask) for ask in asks)
                news |= idle and item not in line.idle
                line.idle = line.idle | {item} if idle else line.idle - {item}
        return news

    def rate(self, line: Line, item: str) -> float:
        """The share of the candidates of `item` on the line that are accepted, leaning on the generator's own."""
        whole = (self._kept[item] + PRIOR_YIELD * PRIOR_TEXTS) / (self._texts[item] + PRIOR_TEXTS)
        asked = line.asked[item]
        return max((line.by_item[item] + whole * PRIOR_TEXTS) / (asked + PRIOR_TEXTS), LOWEST_YIELD)

    def portion(self, item: str) -> int:
        """Return how many accepted texts `item` is to bring in all, by its share; a text counts once."""
        most = max((len(line.match) for line in self.lines), default=0)
        whole = max((line.target for line in self.lines if not line.match), default=0)
        by_cell = sum(line.target for line in self.lines if line.match and len(line.match) == most)
        by_label = sum(line.target for line in self.lines if set(line.match) == {"label"})
        return round(self._shares[item] * max(whole, by_cell, by_label))

    def planned(self, asks: Iterable[Ask]) -> None:
        """Note what is on its way."""
        for ask in asks:
            for line in self.lines:
                if line.covers(ask):
                    line.on_way[ask.item] += ask.texts

    def committed(
        self, asks: Sequence[Ask], accepted: Mapping[int, Sequence[Record]], void: Container[int] = ()
    ) -> None:
        """Book a window: its asks in plan order, and the records that the ask at each place brought.

        Answers at the places in `void` say nothing of later ones: neither yields nor patience count them.
        """
        for place, ask in enumerate(asks):
            brought = accepted.get(place, ())
            counts = place not in void
            self._texts[ask.item] += ask.texts * counts
            self._kept[ask.item] += len(brought)
            for line in self.lines:
                new = sum(line.counts(record) for record in brought)
                line.accepted += new
                line.by_item[ask.item] += new
                if line.covers(ask):
                    line.on_way[ask.item] -= ask.texts
                    line.asked[ask.item] += ask.texts * counts
                    line.barren[ask.item] = 0 if new else line.barren[ask.item] + counts

    def _missing(self, line: Line, item: str) -> float:
        """How many accepted texts `item` should still bring to the line, beyond what is on its way."""
        gaps = {
            one: max(0.0, share * line.target - line.by_item[one])
            for one, share in self._shares.items()
            if line.barren[one] < self._patience and (one == item or one not in line.idle)
        }
        coming = sum(line.on_way[one] * self.rate(line, one) for one in self._shares)
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
