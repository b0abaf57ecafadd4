"""The candidate pipeline: every candidate has one outcome, originals of duplicates are accepted, and a duplicate of a
rejected text is not lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import context
from tests.golden import GOLD
from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.records import Completion, GenerationRequest, Provenance, Record, RecordLedger, Sampling, Verdict
from textsynth.core.scope import ScopedFilterSession
from textsynth.filter import ExactDuplicate, NearDuplicate
from textsynth.runner.candidate_pipeline import BatchResult, CandidatePipeline
from textsynth.runner.review_decisions import ReviewDecisions
from textsynth.runner.setup import LazyFilterSession
from textsynth.store.decisions import Decision, Kind


class SameFirstWord:
    """A duplicate filter on the text's first word."""

    def __init__(self) -> None:
        self.committed: dict[str, str] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        earlier: dict[str, str] = {}
        verdicts: list[Verdict | None] = []
        for record in records:
            word = record.text.split()[0]
            original = self.committed.get(word) or earlier.get(word)
            verdicts.append(None if original is None else Verdict("same word", 1.0, 1.0, original))
            earlier.setdefault(word, record.id)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        for record in records:
            self.committed[record.text.split()[0]] = record.id


class NoBadTexts:
    """A later filter that drops texts that end with `bad`."""

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        return [Verdict("bad") if record.text.endswith("bad") else Verdict(None, 0.5) for record in records]

    def commit(self, records: Sequence[Record]) -> None:
        assert all(not record.text.endswith("bad") for record in records)


class DoubtLabeller:
    """A labeller that sends texts with `doubt` to review."""

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        return [[] for _ in records]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        assert not completions
        return record, Verdict("doubtful", needs_review=True) if "doubt" in record.text else None


async def no_answers(groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
    assert not any(groups)
    return [[] for _ in groups]


def candidates(texts: Sequence[str], window: int = 0) -> list[Record]:
    return [
        Record(text, Provenance("labelled", request_key=f"{window}", index=index)) for index, text in enumerate(texts)
    ]


def make_pipeline(decisions: ReviewDecisions | None = None) -> CandidatePipeline:
    filters = [("same_word", SameFirstWord()), ("no_bad", NoBadTexts())]
    labellers = [("doubt", DoubtLabeller())]
    if decisions is None:
        return CandidatePipeline(filters, labellers, no_answers)
    return CandidatePipeline(filters, labellers, no_answers, decisions)


def process(pipeline: CandidatePipeline, records: Sequence[Record]) -> BatchResult:
    return asyncio.run(pipeline.process(records))


def test_a_duplicate_of_a_rejected_text_is_kept_and_of_an_accepted_one_dropped_with_its_original() -> None:
    records = candidates(["one bad", "one good", "one more", "two"])
    result = process(make_pipeline(), records)
    assert [record.text for record in result.accepted] == ["one good", "two"]
    assert [(drop.record.text, drop.step, drop.duplicate_of) for drop in result.dropped] == [
        ("one bad", "no_bad", None),
        ("one more", "same_word", records[1].id),
    ]
    assert result.accepted[0].scores == {"no_bad": 0.5}


def test_of_equal_texts_the_first_is_accepted_whichever_filter_let_them_wait() -> None:
    words = ["could", "you", "tell", "me", "where", "my", "new", "bank", "card", "is"]
    first, second, third = (" ".join(["x"] * changed + words[changed:]) for changed in range(3))
    second, third = second.replace("x", "y", 1), third.replace("x x", "y z", 1)
    filters = [("exact", ExactDuplicate().start(context())), ("near", NearDuplicate().start(context()))]
    texts = candidates([first, second, third, third])
    result = asyncio.run(CandidatePipeline(filters, [], no_answers).process(texts))
    assert result.accepted == [texts[0], texts[2]]
    assert [(drop.record, drop.step, drop.duplicate_of) for drop in result.dropped] == [
        (texts[1], "near", texts[0].id),
        (texts[3], "exact", texts[2].id),
    ]


def test_a_text_in_review_is_no_original_of_a_duplicate() -> None:
    result = process(make_pipeline(), candidates(["one doubt", "one sure"]))
    assert [record.text for record in result.accepted] == ["one sure"]
    assert [(drop.section, drop.reason) for drop in result.dropped] == [("review", "doubtful")]


words = st.tuples(st.sampled_from(["one", "two", "three"]), st.sampled_from(["good", "bad", "doubt", "x"]))


@given(st.lists(st.lists(words.map(" ".join), max_size=12), max_size=4))
def test_every_candidate_has_one_outcome_and_each_word_is_accepted_once_if_it_can_be(windows: list[list[str]]) -> None:
    pipeline = make_pipeline()
    ledger = RecordLedger()
    accepted: dict[str, str] = {}
    for number, texts in enumerate(windows):
        records = candidates(texts, number)
        ledger.register(records)
        result = process(pipeline, records)
        for record in result.accepted:
            ledger.resolve(record, "accepted")
            word = record.text.split()[0]
            assert word not in accepted
            accepted[word] = record.id
        for drop in result.dropped:
            ledger.resolve(drop.record, drop.section, drop.duplicate_of)
        ledger.verify()
    acceptable = {text.split()[0] for texts in windows for text in texts if not text.endswith(("bad", "doubt"))}
    assert set(accepted) == acceptable


class NearNumber:
    """A duplicate filter on a text's number at an index; numbers at most `distance` apart are alike."""

    def __init__(self, index: int, distance: int) -> None:
        self._index, self._distance = index, distance
        self._committed: list[Record] = []
        self.evaluated = 0

    def alike(self, one: Record, other: Record) -> bool:
        numbers = [int(record.text.split()[self._index]) for record in (one, other)]
        return abs(numbers[0] - numbers[1]) <= self._distance

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        self.evaluated += len(records)
        originals = list(self._committed)
        verdicts: list[Verdict | None] = []
        for record in records:
            original = next((earlier for earlier in originals if self.alike(record, earlier)), None)
            verdicts.append(None if original is None else Verdict("near", 1.0, 1.0, original.id))
            if original is None:
                originals.append(record)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        self._committed += records


numbered = st.tuples(
    st.integers(0, 12), st.integers(0, 5), st.sampled_from(["good", "bad", "bad", "bad", "bad", "doubt"])
)


@given(st.lists(numbered, max_size=40))
def test_texts_that_are_alike_in_two_ways_and_mostly_dropped_later_have_one_outcome_each(
    texts: list[tuple[int, int, str]],
) -> None:
    filters = [("first", NearNumber(0, 2)), ("second", NearNumber(1, 1))]
    pipeline = CandidatePipeline([*filters, ("no_bad", NoBadTexts())], [("doubt", DoubtLabeller())], no_answers)
    records = candidates([" ".join(map(str, text)) for text in texts])
    result = process(pipeline, records)
    by_id = {record.id: record for record in result.accepted}
    assert sorted([*by_id, *(drop.record.id for drop in result.dropped)]) == sorted(record.id for record in records)
    assert [*by_id] == [record.id for record in records if record.id in by_id]
    for name, session in filters:
        for index, record in enumerate(result.accepted):
            assert not any(session.alike(record, other) for other in result.accepted[:index])
        for drop in result.dropped:
            if drop.step == name:
                assert session.alike(drop.record, by_id[drop.duplicate_of or ""])
    assert all(drop.step in ("no_bad", "doubt") or drop.duplicate_of for drop in result.dropped)


def test_texts_that_are_alike_and_all_dropped_later_are_filtered_a_number_of_times_that_does_not_grow() -> None:
    def evaluations(texts: int) -> float:
        session = NearNumber(0, 10_000)
        pipeline = CandidatePipeline([("near", session), ("no_bad", NoBadTexts())], [], no_answers)
        result = process(pipeline, candidates([f"{number} bad" for number in range(texts)]))
        assert {drop.step for drop in result.dropped} == {"no_bad"}
        assert len(result.dropped) == texts
        return session.evaluated / texts

    assert evaluations(400) <= evaluations(40) + 1 <= 6


decided = st.sampled_from(["", "keep", "drop", "relabel", "differ"])
Windows = list[list[tuple[str, str]]]


def review_decisions(windows: Windows) -> ReviewDecisions:
    """Return decisions on the texts of the windows: one reviewer's, or for `differ` those of two."""
    decisions: dict[str, dict[str, Decision]] = {}
    kinds: dict[str, tuple[Kind, ...]] = {"": (), "differ": ("keep", "drop")}
    for number, window in enumerate(windows):
        for record, (_, decision) in zip(candidates([text for text, _ in window], number), window, strict=True):
            for reviewer, kind in enumerate(kinds.get(decision, (decision,))):  # type: ignore[arg-type]
                decisions.setdefault(record.id, {})[f"{reviewer}"] = Decision(record.id, kind, ("b",))
    return ReviewDecisions(decisions, ("a", "b"))


@given(st.lists(st.lists(st.tuples(words.map(" ".join), decided), max_size=12), max_size=4))
def test_every_candidate_has_one_outcome_that_fits_the_review_decisions(windows: Windows) -> None:
    pipeline = make_pipeline(review_decisions(windows))
    ledger, accepted = RecordLedger(), set()
    for number, window in enumerate(windows):
        records = candidates([text for text, _ in window], number)
        decision_on = {record.id: decision for record, (_, decision) in zip(records, window, strict=True)}
        ledger.register(records)
        result = process(pipeline, records)
        for record in result.accepted:
            ledger.resolve(record, "accepted")
            decision = decision_on[record.id]
            assert decision in ("keep", "relabel") or (decision == "" and "doubt" not in record.text)
            assert record.labels == (("b",) if decision == "relabel" else ())
            accepted.add(record.text.split()[0])
        for drop in result.dropped:
            ledger.resolve(drop.record, drop.section, drop.duplicate_of)
            decision = decision_on[drop.record.id]
            assert (drop.section == "person") == (decision == "drop")
            if drop.section == "review":
                assert drop.reason.startswith("people disagree: ") == (decision == "differ")
        ledger.verify()
    acceptable = {
        text.split()[0]
        for window in windows
        for text, decision in window
        if not text.endswith("bad")
        and (decision in ("keep", "relabel") or (decision == "" and not text.endswith("doubt")))
    }
    assert accepted == acceptable


class CalibratedLabeller(DoubtLabeller):
    """A labeller with two gold rows, which notes its calls in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        self.calls.append(f"build_requests {len(records)}")
        return [[GenerationRequest("calibrated", "model", None, Sampling())] * 2 for _ in records]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        self.calls.append(f"parse_responses {len(completions)}")
        return record, None

    def gold_records(self) -> Sequence[Record]:
        return candidates(["gold", "silver"])

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        self.calls.append(f"calibrate {[len(group) for group in answers]}")
        return GOLD


async def all_answers(groups: Sequence[Sequence[GenerationRequest]]) -> Sequence[Sequence[Completion] | None]:
    return [[Completion("")] * len(group) for group in groups]


async def answers_within_budget(groups: Sequence[Sequence[GenerationRequest]]) -> Sequence[Sequence[Completion] | None]:
    return [[Completion("")], *(None for _ in groups[1:])]


def test_a_labeller_is_calibrated_on_its_gold_rows_before_it_labels() -> None:
    labeller = CalibratedLabeller()
    pipeline = CandidatePipeline([], [("calibrated", labeller), ("doubt", DoubtLabeller())], all_answers)
    assert asyncio.run(pipeline.calibrate_labellers(all_answers)) == {"calibrated": GOLD}
    assert labeller.calls == ["build_requests 2", "calibrate [2, 2]"]
    result = process(pipeline, candidates(["one"]))
    assert labeller.calls[2:] == ["build_requests 1", "parse_responses 2"]
    assert [record.text for record in result.accepted] == ["one"]


def test_gold_rows_beyond_the_budget_have_no_answers() -> None:
    labeller = CalibratedLabeller()
    pipeline = CandidatePipeline([], [("calibrated", labeller)], all_answers)
    asyncio.run(pipeline.calibrate_labellers(answers_within_budget))
    assert labeller.calls == ["build_requests 2", "calibrate [1, 0]"]


class CountsBatches(SameFirstWord):
    """A filter whose verdicts depend on how many batches it has evaluated."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        self.batches += 1
        return super().evaluate_batch(records)

    def preview_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        return super().evaluate_batch(records)


def test_a_quick_look_at_open_texts_has_no_effect_on_later_verdicts() -> None:
    batches = CountsBatches()
    session = ScopedFilterSession(LazyFilterSession("same_word", lambda: batches), "joined", context().task)
    pipeline = CandidatePipeline([("same_word", session)], [], no_answers)

    async def look() -> list[str]:
        await pipeline.process(candidates(["one text"]))
        quick = await pipeline.filter_quickly(candidates(["one more", "two"], window=1), {"same_word"})
        return [record.text for record in quick]

    assert asyncio.run(look()) == ["two"]
    assert batches.batches == 1
