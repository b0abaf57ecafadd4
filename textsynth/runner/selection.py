"""The pick: once, over all that was accepted, down to the quota. What is not picked is spare, not dropped."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record
from textsynth.runner.plugin_checks import validate_selection
from textsynth.runner.quota import QuotaCell


def select(
    accepted: Sequence[Record], lines: Sequence[QuotaCell], selectors: Sequence[Selector], context: Context
) -> tuple[list[Record], list[Record]]:
    """Return the selected and the spare records, each in the order of acceptance.

    The selectors pick one after the other, each from what the one before left; without any, the first accepted of each
    label are taken. A line by an attribute that is short then gets spare texts, in exchange for texts of the same label
    that no line needs or, where there are none, on top. Where all lines are by attributes, only texts that one of them
    wants are taken. With no quota everything accepted is selected.
    """
    if not lines:
        return list(accepted), []
    quota = allocate(accepted, lines)
    chosen = list(accepted)
    for selector in selectors:
        shown = {record.id for record in chosen}
        ids = validate_selection(type(selector).__name__, selector.select(chosen, quota, context), shown)
        chosen = [record for record in chosen if record.id in ids]
    by_attribute_alone = all(set(line.values) - {"label"} for line in lines)
    kept = _needed(chosen, lines) if by_attribute_alone else _first_come(chosen, quota)
    _mend(kept, accepted, lines)
    return [record for record in accepted if record.id in kept], [r for r in accepted if r.id not in kept]


def allocate(accepted: Sequence[Record], lines: Sequence[QuotaCell]) -> dict[str, int]:
    """Return how many texts of each label may be selected ("" where the records have no labels).

    Lines by label say it; a total is spread over the labels as evenly as what was accepted allows, in the order in
    which labels first appear. Where the total is no less than what the lines by label want, each of these gets at least
    its own, and more only where the others have no more. A line by an attribute alone never limits a label.
    """
    there = Counter(record.label or "" for record in accepted)
    by_label = {line.values["label"]: line.wanted for line in lines if set(line.values) == {"label"}}
    quota = {label: min(count, by_label.get(label, count)) for label, count in there.items()}
    total = next((line.wanted for line in lines if not line.values), None)
    if total is None:
        return quota
    first = dict.fromkeys(quota, 0)
    if sum(by_label.values()) > total:
        return _spread(quota, total, first)
    first |= {label: count for label, count in quota.items() if label in by_label}
    return _spread(there, total, _spread(quota, total, first))


def _spread(room: Mapping[str, int], total: int, given: dict[str, int]) -> dict[str, int]:
    """Give out what `given` leaves of `total` one by one, to the label that has least and room; ties: the first."""
    waiting = [(given[label], place, label) for place, label in enumerate(room) if room[label] > given[label]]
    heapq.heapify(waiting)
    for _ in range(total - sum(given.values())):
        if not waiting:
            break
        count, place, label = heapq.heappop(waiting)
        given[label] = count + 1
        if given[label] < room[label]:
            heapq.heappush(waiting, (count + 1, place, label))
    return given


def _first_come(records: Sequence[Record], quota: Mapping[str, int]) -> set[str]:
    taken: Counter[str] = Counter()
    kept: set[str] = set()
    for record in records:
        label = record.label or ""
        if taken[label] < quota.get(label, 0):
            taken[label] += 1
            kept.add(record.id)
    return kept


def _needed(records: Sequence[Record], lines: Sequence[QuotaCell]) -> set[str]:
    """Return the first texts that some line still wants, where nothing else says how many there are to be."""
    missing = [line.wanted for line in lines]
    kept: set[str] = set()
    for record in records:
        here = [at for at, line in enumerate(lines) if line.counts(record)]
        if any(missing[at] > 0 for at in here):
            kept.add(record.id)
            for at in here:
                missing[at] -= 1
    return kept


def _mend(kept: set[str], accepted: Sequence[Record], lines: Sequence[QuotaCell]) -> None:
    """Exchange texts within a label until lines by an attribute have what they want, as far as spare texts reach.

    Spare texts come in the order of acceptance, selected ones go from the last accepted on. Where none may go, as when
    the attributes want more in all than the labels, the spare text comes on top, up to the total.
    """
    if all(set(line.values) <= {"label"} for line in lines):
        return
    cells = {record.id: {at for at, line in enumerate(lines) if line.counts(record)} for record in accepted}
    selected = [record for record in accepted if record.id in kept]
    counts = Counter(at for record in selected for at in cells[record.id])
    beyond = [counts[at] - line.wanted for at, line in enumerate(lines)]
    may_go: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for record in selected:
        may_go[record.labels].append(record.id)
    for record in [one for one in accepted if one.id not in kept]:
        here = cells[record.id]
        if all(beyond[at] >= 0 for at in here):
            continue
        going = _may_go(may_go[record.labels], cells, here, beyond)
        if going is None and any(not line.values and beyond[at] >= 0 for at, line in enumerate(lines)):
            continue  # a total is never passed
        kept.add(record.id)
        for at in here:
            beyond[at] += 1
        if going is not None:
            may_go[record.labels].remove(going)
            kept.remove(going)
            for at in cells[going]:
                beyond[at] -= 1


def _may_go(ids: Sequence[str], cells: Mapping[str, set[int]], here: set[int], beyond: Sequence[int]) -> str | None:
    """Return the last of the ids that no line needs and that leaves out a line of `here` which is short; else None."""
    short = {at for at in here if beyond[at] < 0}
    for one in reversed(ids):
        if short - cells[one] and all(beyond[at] > 0 for at in cells[one] - here):
            return one
    return None
