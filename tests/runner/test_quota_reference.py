"""The quota looks cells up; here the same is computed plainly, by scans over all of them, and compared."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.growth import count_calls
from textsynth.core.records import GenerationRequest, Provenance, Record, Sampling
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.label_sets import LabelSet, LabelSetPlanner, LabelSets
from textsynth.runner.label_set_allocation import allocate_sets
from textsynth.runner.quota import MIN_DEFICIT, CellIndex, Quota, QuotaCell
from textsynth.runner.selection import select

LABELS, TONES = ("a", "b", "c"), ("calm", "cross")
SHARES: list[dict[str, float | None]] = [{"first": None}, {"first": None, "second": 0.4}, {"first": 0.3, "second": 0.7}]


class PlainQuota(Quota):
    """The quota by scans: every cell is compared with every text, request and other cell."""

    def deficits(self, generator: str) -> list[QuotaDeficit]:
        expected: list[tuple[QuotaCell, float]] = []
        deficits: list[QuotaDeficit] = []
        for cell in sorted(self.cells, key=lambda cell: -len(cell.values)):
            covered = sum(texts for inner, texts in expected if cell.values.items() <= inner.values.items())
            missing = self._missing(cell, generator) - covered
            if missing < MIN_DEFICIT or cell.consecutive_misses[generator] >= self._patience:
                continue
            rate = self.yield_rate(cell, generator)
            candidates = math.ceil(missing / rate)
            expected.append((cell, candidates * rate))
            deficits.append(QuotaDeficit(cell.values, candidates))
        return deficits

    def note_exhausted(
        self, generator: str, deficits: Sequence[QuotaDeficit], requests: Sequence[GenerationRequest]
    ) -> bool:
        changed = False
        for cell in self.cells:
            if cell.values in [deficit.cell for deficit in deficits]:
                if any(map(cell.counts, requests)):
                    cell.exhausted_generators.discard(generator)
                elif generator not in cell.exhausted_generators:
                    cell.exhausted_generators.add(generator)
                    changed = True
        return changed

    def record_planned(self, requests: Iterable[GenerationRequest]) -> None:
        for request, cell in itertools.product(requests, self.cells):
            if cell.counts(request):
                cell.pending[request.step] += request.candidates

    def commit(
        self,
        requests: Sequence[GenerationRequest],
        accepted: Mapping[int, Sequence[Record]],
        stale: Container[int] = (),
    ) -> None:
        for index, request in enumerate(requests):
            records, informative = accepted.get(index, ()), index not in stale
            self._candidates[request.step] += request.candidates * informative
            self._accepted[request.step] += len(records)
            for cell in self.cells:
                new = sum(map(cell.counts, records))
                cell.accepted += new
                cell.by_generator[request.step] += new
                if cell.counts(request):
                    cell.pending[request.step] -= request.candidates
                    cell.requested[request.step] += request.candidates * informative
                    misses = cell.consecutive_misses[request.step] + informative
                    cell.consecutive_misses[request.step] = 0 if new else misses


def all_cells(numbers: Mapping[tuple[str, ...], int]) -> list[QuotaCell]:
    """Return a cell for each combination of values of each tuple of keys."""
    values = {"label": LABELS, "tone": TONES}
    return [
        QuotaCell(dict(zip(keys, combination, strict=True)), number, number + number // 2)
        for keys, number in numbers.items()
        for combination in itertools.product(*(values[key] for key in keys))
    ]


WANTED = st.dictionaries(
    st.sampled_from([(), ("label",), ("tone",), ("label", "tone"), ("tone", "label")]), st.integers(1, 9), min_size=1
)


def plan(quota: Quota, generator: str, limit: int, rng: random.Random) -> list[GenerationRequest]:
    """Return requests for the deficits in turn; the generator now and then has nothing for a cell."""
    requests = []
    deficits = quota.deficits(generator)
    for deficit in deficits:
        if rng.random() < 0.9:
            labels = (deficit.cell.get("label", rng.choice(LABELS)),)
            fields = {"tone": deficit.cell.get("tone", rng.choice(TONES))}
            requests.append(GenerationRequest(generator, "m", None, Sampling(), labels, fields, candidates=3))
    requests = requests[:limit]
    quota.record_planned(requests)
    if len(requests) < limit:
        quota.note_exhausted(generator, deficits, requests)
    return requests


def run(quota: Quota, seed: int) -> list[list[GenerationRequest]]:
    """Return the windows of a run of which a random part of the texts is accepted, two windows in flight."""
    rng = random.Random(seed)
    windows: list[list[GenerationRequest]] = []
    number = 0
    for committed in range(-1, 12):
        windows.append([request for name in quota._shares for request in plan(quota, name, rng.randint(1, 8), rng)])
        if committed < 0:
            continue
        accepted: dict[int, list[Record]] = defaultdict(list)
        for index, request in enumerate(windows[committed]):
            for _ in range(rng.randint(0, 3)):
                number += 1
                labels = request.labels if rng.random() < 0.8 else tuple(rng.sample(LABELS, 2))
                fields = {**request.fields, "other": [1, {"a": 2}]}
                accepted[index].append(Record(f"text {number}", Provenance(request.step), labels, fields))
        quota.commit(windows[committed], accepted, stale={0} if rng.random() < 0.2 else ())
    return windows


@given(WANTED, st.sampled_from(SHARES), st.integers(0, 10**6))
def test_the_same_requests_are_planned_as_by_scans(
    numbers: dict[tuple[str, ...], int], shares: dict[str, float | None], seed: int
) -> None:
    fast = Quota(all_cells(numbers), shares, patience=3)
    plain = PlainQuota(all_cells(numbers), shares, patience=3)
    assert run(fast, seed) == run(plain, seed)
    for one, other in zip(fast.cells, plain.cells, strict=True):
        assert (one.accepted, +one.by_generator, +one.pending, +one.requested) == (
            other.accepted, +other.by_generator, +other.pending, +other.requested
        )  # fmt: skip


@given(
    WANTED,
    st.lists(st.sampled_from(LABELS), max_size=3),
    st.dictionaries(st.sampled_from(["tone", "label", "n"]), st.sampled_from([*TONES, "a", None, 3, ["calm"]])),
)
def test_the_cells_of_a_text_are_those_that_count_it(
    numbers: dict[tuple[str, ...], int], labels: list[str], fields: dict[str, object]
) -> None:
    cells = all_cells(numbers)
    record = Record("text", Provenance("s"), tuple(labels), fields)
    assert sorted(CellIndex(cells).find(record)) == [index for index, cell in enumerate(cells) if cell.counts(record)]


def exchanged_plainly(accepted: Sequence[Record], cells: Sequence[QuotaCell], selected: set[str]) -> set[str]:
    """Return the selected ids after each surplus text was compared with each selected one, the last of them first."""
    cells_of = {record.id: {n for n, cell in enumerate(cells) if cell.counts(record)} for record in accepted}
    originally = [record for record in accepted if record.id in selected]
    excess = [sum(n in cells_of[i] for i in selected) - cell.wanted for n, cell in enumerate(cells)]
    for record in [record for record in accepted if record.id not in selected]:
        added = cells_of[record.id]
        lacking = {n for n in added if excess[n] < 0}
        if not lacking:
            continue
        removed = next(
            (
                other.id
                for other in reversed(originally)
                if other.labels == record.labels
                and other.id in selected
                and lacking - cells_of[other.id]
                and all(excess[n] > 0 for n in cells_of[other.id] - added)
            ),
            None,
        )
        if removed is None and any(not cell.values and excess[n] >= 0 for n, cell in enumerate(cells)):
            continue
        selected = (selected | {record.id}) - {removed}
        excess = [sum(n in cells_of[i] for i in selected) - cell.wanted for n, cell in enumerate(cells)]
    return selected


@settings(max_examples=60)
@given(
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(1, 12)),
    st.integers(1, 6),
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*TONES, "flat"])), max_size=30),
)
def test_texts_are_exchanged_as_by_scans(
    by_label: int, total: int | None, by_tone: int, values: list[tuple[str, str]]
) -> None:
    numbers: dict[tuple[str, ...], int] = {("label",): by_label} | ({(): total} if total else {})
    records = [Record(f"t{n}", Provenance("s"), (label,), {"tone": tone}) for n, (label, tone) in enumerate(values)]
    run_context = context(sources={}, labels={})
    before, _ = select(records, all_cells(numbers), [], run_context)
    cells = all_cells({**numbers, ("tone",): by_tone})
    selected, _ = select(records, cells, [], run_context)
    assert {record.id for record in selected} == exchanged_plainly(records, cells, {record.id for record in before})


def covered_plainly(
    available: Mapping[LabelSet, int], wanted: Mapping[str, int], limit: int | None
) -> dict[LabelSet, int]:
    """Return how many texts of each set are taken when each one is looked for among all sets."""
    missing, counts, order = Counter(wanted), dict.fromkeys(available, 0), list(available)
    short = {label for label in wanted if wanted[label] > 0}

    def rank(labels: LabelSet) -> tuple[float, ...]:
        excess = sum(label in missing and label not in short for label in labels)
        served = 0 if limit is None else -len(short & {*labels})
        return served, excess, (counts[labels] + 0.5) / available[labels], order.index(labels)

    while short and (limit is None or sum(counts.values()) < limit):
        served = {max(wanted, key=lambda label: missing[label] if label in short else 0)} if limit is None else short
        sets = [labels for labels in available if served & {*labels} and counts[labels] < available[labels]]
        if not sets:
            short = short - served
            continue
        chosen = min(sets, key=rank)
        counts[chosen] += 1
        for label in {*chosen} & {*missing}:
            missing[label] -= 1
        short = {label for label in short if missing[label] > 0}
    for labels in reversed(order):
        counted = [label for label in labels if label in missing]
        removed = max(0, min(counts[labels], min((-missing[label] for label in counted), default=0)))
        counts[labels] -= removed
        for label in counted:
            missing[label] += removed
    return counts


SETS = st.lists(st.sets(st.sampled_from("abcde"), min_size=1).map(lambda s: tuple(sorted(s))), unique=True, max_size=9)


@given(SETS, st.data())
def test_label_sets_are_allocated_as_by_scans(sets: list[LabelSet], data: st.DataObject) -> None:
    available = {labels: data.draw(st.integers(1, 9)) for labels in sets}
    wanted = data.draw(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 12), min_size=1))
    covered = covered_plainly(available, wanted, None)
    uncounted = {labels: count for labels, count in available.items() if not wanted.keys() & {*labels}}
    assert allocate_sets(available, wanted, None) == {**covered, **uncounted}
    total = sum(covered.values()) - 1
    if total >= 0:
        assert allocate_sets(available, wanted, total) == covered_plainly(available, wanted, total)


@given(SETS, st.lists(st.integers(-2, 30), min_size=5, max_size=5), st.integers(1, 40))
def test_label_sets_are_planned_as_by_scans(sets: list[LabelSet], lacking: list[int], limit: int) -> None:
    weights = dict.fromkeys(sets, 1)
    deficits = [QuotaDeficit({"label": label}, number) for label, number in zip("abcde", lacking, strict=True)]
    expected = []
    plain, missing = LabelSets(weights, "seed"), dict(zip("abcde", lacking, strict=True))
    while len(expected) < limit and max(missing.values()) > 0:
        label = max(missing, key=lambda name: missing[name])
        chosen = plain.draw(label, {name for name in missing if missing[name] <= 0})
        expected.append((chosen, {"label": label}))
        for served in {label, *chosen}:
            missing[served] -= 5
    assert LabelSetPlanner(LabelSets(weights, "seed")).plan(deficits, 5, limit) == expected


@pytest.mark.parametrize("cells", [10, 1_000])
def test_a_request_and_a_text_cost_the_same_whatever_the_number_of_cells(cells: int) -> None:
    quota = Quota([QuotaCell({"label": f"l{n}"}, 9, 9) for n in range(cells)], {"first": None}, patience=3)
    request = GenerationRequest("first", "m", None, Sampling(), ("l3",), {}, candidates=3)
    accepted = {0: [Record("text", Provenance("first"), ("l3",))]}

    def ask() -> None:
        quota.record_planned([request])
        quota.commit([request], accepted)

    assert count_calls(ask) < 100
