"""Selects the wanted texts, once, from all accepted ones. A text that is not selected is surplus, not dropped."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace

from textsynth.core.protocols import Context, Selector
from textsynth.core.records import NO_FIELDS, NO_SCORES, Provenance, Record
from textsynth.generate.label_sets import LabelSet
from textsynth.runner.label_set_allocation import allocate_sets
from textsynth.runner.plugin_checks import validate_selection
from textsynth.runner.quota import CellIndex, QuotaCell
from textsynth.store.record_spool import RecordSpool, SpooledPart


def select(
    accepted: Sequence[Record],
    cells: Sequence[QuotaCell],
    selectors: Sequence[Selector],
    context: Context,
    merged_steps: Container[str] = (),
) -> tuple[Sequence[Record], Sequence[Record]]:
    """Return the selected and the surplus records, each in the order of acceptance.

    The selectors select one after the other, each from what the one before it left; without any, the first accepted
    texts of each label are selected. Cells by an attribute that then lack texts get surplus ones, in exchange for
    texts of the same label that no cell needs or, where there are none, in addition. Where all cells are by attributes,
    only texts that one of them wants are selected. Texts beyond what an exact cell wants come last.
    Without a quota everything accepted is selected.

    The texts of `merged_steps` are all selected, unless they are more than a total. What the cells then lack is
    selected from the others.

    Where a text may have several labels it counts for each of them. The selectors then see records whose one label
    stands for their label set. Records on the disk stay there: without selectors their texts are not needed.
    """
    if isinstance(accepted, RecordSpool) and accepted.in_memory is not None:
        accepted = accepted.in_memory
    if not cells:
        return accepted if isinstance(accepted, RecordSpool) else list(accepted), []
    if isinstance(accepted, RecordSpool) and not selectors:
        return _select_spooled(accepted, cells, context, merged_steps)
    merged = [record for record in accepted if record.provenance.step in merged_steps]
    total = next((cell.wanted for cell in cells if not cell.values), len(merged))
    if merged and len(merged) <= total:
        others = [record for record in accepted if record.provenance.step not in merged_steps]
        counts = CellIndex(cells).count(merged)
        missing = [replace(cell, wanted=max(0, cell.wanted - counts.get(i, 0))) for i, cell in enumerate(cells)]
        added = {record.id for record in (*merged, *select(others, missing, selectors, context)[0])}
        return (
            [record for record in accepted if record.id in added],
            [record for record in accepted if record.id not in added],
        )
    group_of = _label_set_name if context.multi_label else _first_label
    quota = _allocate_by_set(accepted, cells) if context.multi_label else allocate(accepted, cells)
    context = context.seen_as("joined")
    candidates = _without_excess(accepted, cells, quota, group_of)
    for selector in selectors:
        joined = [context.task.joined(record) for record in candidates]
        if context.multi_label:
            joined = [view.with_labels([group_of(view)] if view.labels else []) for view in joined]
        ids = {record.id for record in candidates}
        selection = validate_selection(type(selector).__name__, selector.select(joined, quota, context), ids)
        candidates = [record for record in candidates if record.id in selection]
    only_attributes = all(set(cell.values) - {"label"} for cell in cells)
    selected = _first_needed(candidates, cells) if only_attributes else _first_per_group(candidates, quota, group_of)
    if only_attributes and context.multi_label:
        _remove_unneeded(selected, candidates, cells)
    _fill_attribute_cells(selected, accepted, cells)
    return (
        [record for record in accepted if record.id in selected],
        [record for record in accepted if record.id not in selected],
    )


def _select_spooled(
    accepted: RecordSpool[Record], cells: Sequence[QuotaCell], context: Context, merged_steps: Container[str]
) -> tuple[Sequence[Record], Sequence[Record]]:
    """Return the selected and the surplus records; only their ids, steps, labels and values in cells are in memory."""
    import numpy as np

    keys = {key for cell in cells for key in cell.values} - {"label"}
    origins: dict[str, Provenance] = {}
    label_sets: dict[tuple[str, ...], tuple[str, ...]] = {}

    def without_text(record: Record) -> Record:
        step = record.provenance.step
        fields = {key: record.fields[key] for key in keys if key in record.fields}
        origin = origins.setdefault(step, Provenance(step))
        labels = label_sets.setdefault(record.labels, record.labels)
        return Record.restored(record.id, "", origin, labels, fields or NO_FIELDS, NO_SCORES)

    records = [without_text(record) for record in accepted]
    selected = {record.id for record in select(records, cells, (), context, merged_steps)[0]}
    mask = np.fromiter((record.id in selected for record in records), bool, len(records))
    return SpooledPart(accepted, mask), SpooledPart(accepted, ~mask)


def allocate(accepted: Sequence[Record], cells: Sequence[QuotaCell]) -> dict[str, int]:
    """Return how many texts of each label may be selected ("" where the records have no labels).

    Cells by label set the number. A total is spread over the labels as evenly as the accepted texts allow, in the order
    in which labels first appear. Where the total is no less than what the cells by label want, each of these labels
    gets at least its own number, and more only where the other labels have no more. A cell by an attribute alone never
    limits a label.
    """
    available = Counter(record.label or "" for record in accepted)
    by_label = {cell.values["label"]: cell.wanted for cell in cells if set(cell.values) == {"label"}}
    quota = {label: min(count, by_label.get(label, count)) for label, count in available.items()}
    total = next((cell.wanted for cell in cells if not cell.values), None)
    if total is None:
        return quota
    allocated = dict.fromkeys(quota, 0)
    if sum(by_label.values()) > total:
        return _spread(quota, total, allocated)
    allocated |= {label: count for label, count in quota.items() if label in by_label}
    return _spread(available, total, _spread(quota, total, allocated))


def _allocate_by_set(accepted: Sequence[Record], cells: Sequence[QuotaCell]) -> dict[str, int]:
    """Return how many texts of each label set may be selected, by the name of the set."""
    names: dict[LabelSet, str] = {}
    available: Counter[LabelSet] = Counter()
    for record in accepted:
        label_set = tuple(sorted(record.labels))
        names[label_set] = _label_set_name(record)
        available[label_set] += 1
    wanted = {cell.values["label"]: cell.wanted for cell in cells if set(cell.values) == {"label"}}
    total = next((cell.wanted for cell in cells if not cell.values), None)
    return {names[label_set]: count for label_set, count in allocate_sets(available, wanted, total).items()}


def _without_excess(
    accepted: Sequence[Record],
    cells: Sequence[QuotaCell],
    quota: Mapping[str, int],
    group_of: Callable[[Record], str],
) -> list[Record]:
    """Return the records without those beyond what exact cells want, as far as their labels have enough others."""
    exact = [cell for cell in cells if cell.exact]
    if not exact:
        return list(accepted)
    cell_index = CellIndex(exact)
    missing = [cell.wanted for cell in exact]
    excess: list[Record] = []
    counts: Counter[str] = Counter()
    for record in accepted:
        counting = cell_index.find(record)
        if any(missing[index] <= 0 for index in counting):
            excess.append(record)
            continue
        counts[group_of(record)] += 1
        for index in counting:
            missing[index] -= 1
    left_out: set[str] = set()
    for record in excess:
        group = group_of(record)
        if counts[group] < quota.get(group, 0):
            counts[group] += 1
        else:
            left_out.add(record.id)
    return [record for record in accepted if record.id not in left_out]


def _first_label(record: Record) -> str:
    return record.label or ""


def _label_set_name(record: Record) -> str:
    """Return a text that stands for the record's labels, whatever their order; one label stands for itself."""
    return "\x1f".join(sorted(record.labels))


def _spread(maximum: Mapping[str, int], total: int, allocated: dict[str, int]) -> dict[str, int]:
    """Allocate what is left of `total` one by one: to the label with the least, below its maximum; ties: the first."""
    heap = [
        (allocated[label], index, label)
        for index, label in enumerate(maximum)
        if maximum[label] > allocated[label]
    ]  # fmt: skip
    heapq.heapify(heap)
    for _ in range(total - sum(allocated.values())):
        if not heap:
            break
        count, index, label = heapq.heappop(heap)
        allocated[label] = count + 1
        if allocated[label] < maximum[label]:
            heapq.heappush(heap, (count + 1, index, label))
    return allocated


def _first_per_group(
    records: Sequence[Record], quota: Mapping[str, int], group_of: Callable[[Record], str]
) -> set[str]:
    """Return the ids of the first records of each label or label set, up to its quota."""
    counts: Counter[str] = Counter()
    selected: set[str] = set()
    for record in records:
        group = group_of(record)
        if counts[group] < quota.get(group, 0):
            counts[group] += 1
            selected.add(record.id)
    return selected


def _first_needed(records: Sequence[Record], cells: Sequence[QuotaCell]) -> set[str]:
    """Return the ids of the first records that some cell still wants."""
    missing = [cell.wanted for cell in cells]
    cell_index = CellIndex(cells)
    selected: set[str] = set()
    for record in records:
        counting = cell_index.find(record)
        if any(missing[index] > 0 for index in counting):
            selected.add(record.id)
            for index in counting:
                missing[index] -= 1
    return selected


def _remove_unneeded(selected: set[str], records: Sequence[Record], cells: Sequence[QuotaCell]) -> None:
    """Remove texts without which every cell still has what it wants, the last accepted first.

    Texts with several labels that were selected later may have filled the cells of an earlier text.
    """
    cell_index = CellIndex(cells)
    cells_of = {record.id: cell_index.find(record) for record in records if record.id in selected}
    counts = Counter(index for indices in cells_of.values() for index in indices)
    for record_id in reversed(cells_of):
        if all(counts[index] > cells[index].wanted for index in cells_of[record_id]):
            selected.remove(record_id)
            counts.subtract(cells_of[record_id])


def _fill_attribute_cells(selected: set[str], accepted: Sequence[Record], cells: Sequence[QuotaCell]) -> None:
    """Exchange texts within a label until cells by an attribute have what they want, as far as surplus texts allow.

    Surplus texts are added in the order of acceptance; selected ones are removed from the last accepted on. Where none
    can be removed, as when the attributes want more in all than the labels, the surplus text is added without an
    exchange, up to the total.
    """
    if all(set(cell.values) <= {"label"} for cell in cells):
        return
    cell_index = CellIndex(cells)
    cells_of = {record.id: frozenset(cell_index.find(record)) for record in accepted}
    counts = Counter(index for record_id in selected for index in cells_of[record_id])
    excess = [counts[index] - cell.wanted for index, cell in enumerate(cells)]
    totals = [index for index, cell in enumerate(cells) if not cell.values]
    removable: dict[tuple[str, ...], _Removable] = defaultdict(_Removable)
    for position, record in enumerate(accepted):
        if record.id in selected:
            removable[record.labels].add(position, cells_of[record.id])
    for record in [record for record in accepted if record.id not in selected]:
        added_cells = cells_of[record.id]
        if all(excess[index] >= 0 for index in added_cells):
            continue
        removed = removable[record.labels].pop_for(added_cells, excess)
        if removed is None and any(excess[index] >= 0 for index in totals):
            continue  # the total is never exceeded
        selected.add(record.id)
        for index in added_cells:
            excess[index] += 1
        if removed is not None:
            removed_id = accepted[removed].id
            selected.remove(removed_id)
            for index in cells_of[removed_id]:
                excess[index] -= 1


class _Removable:
    """Selected texts of the same labels that may be exchanged, in groups that count in the same cells.

    Texts are positions among the accepted ones, added in this order.
    """

    def __init__(self) -> None:
        self._positions: dict[frozenset[int], list[int]] = defaultdict(list)

    def add(self, position: int, cells: frozenset[int]) -> None:
        """Add a text that counts in `cells`."""
        self._positions[cells].append(position)

    def pop_for(self, added_cells: frozenset[int], excess: Sequence[int]) -> int | None:
        """Remove and return the last text that can be exchanged for one that counts in `added_cells`; None if none can.

        No cell may need it, and it may not count in every one of `added_cells` that lacks texts.
        """
        lacking = {index for index in added_cells if excess[index] < 0}
        exchangeable = [
            positions
            for cells, positions in self._positions.items()
            if positions and lacking - cells and all(excess[index] > 0 for index in cells - added_cells)
        ]
        return max(exchangeable, key=lambda positions: positions[-1]).pop() if exchangeable else None
