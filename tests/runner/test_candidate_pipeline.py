"""The laws of judge-then-settle: every candidate ends once, twins are accepted, nothing is lost to a rejected twin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.golden import GOLD
from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.records import Completion, GenerationRequest, Provenance, Record, RecordLedger, Sampling, Verdict
from textsynth.runner.candidate_pipeline import BatchResult, CandidatePipeline
from textsynth.runner.review_decisions import ReviewDecisions
from textsynth.store.decisions import Decision, Kind


class SameWord:
    """A duplicates filter on the text's first word."""

    def __init__(self) -> None:
        self.settled: dict[str, str] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        earlier: dict[str, str] = {}
        verdicts: list[Verdict | None] = []
        for record in records:
            word = record.text.split()[0]
            twin = self.settled.get(word) or earlier.get(word)
            verdicts.append(None if twin is None else Verdict("same word", 1.0, 1.0, twin))
            earlier.setdefault(word, record.id)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        for record in records:
            self.settled[record.text.split()[0]] = record.id


class NoBad:
    """A later filter that drops texts which end with `bad`."""

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        return [Verdict("bad") if record.text.endswith("bad") else Verdict(None, 0.5) for record in records]

    def commit(self, records: Sequence[Record]) -> None:
        assert all(not record.text.endswith("bad") for record in records)


class Desk:
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
        Record(text, Provenance("labelled", request_key=f"{window}", index=draw)) for draw, text in enumerate(texts)
    ]


def court() -> CandidatePipeline:
    return CandidatePipeline([("same_word", SameWord()), ("no_bad", NoBad())], [("desk", Desk())], no_answers)


def rule(court: CandidatePipeline, records: Sequence[Record]) -> BatchResult:
    return asyncio.run(court.process(records))


def test_a_duplicate_of_a_rejected_text_is_kept_and_of_an_accepted_one_dropped_with_its_twin() -> None:
    records = candidates(["one bad", "one good", "one more", "two"])
    ruling = rule(court(), records)
    assert [record.text for record in ruling.accepted] == ["one good", "two"]
    assert [(drop.record.text, drop.step, drop.duplicate_of) for drop in ruling.dropped] == [
        ("one bad", "no_bad", None),
        ("one more", "same_word", records[1].id),
    ]
    assert ruling.accepted[0].scores == {"no_bad": 0.5}


def test_a_text_in_review_is_no_twin() -> None:
    ruling = rule(court(), candidates(["one doubt", "one sure"]))
    assert [record.text for record in ruling.accepted] == ["one sure"]
    assert [(drop.section, drop.reason) for drop in ruling.dropped] == [("review", "doubtful")]


words = st.tuples(st.sampled_from(["one", "two", "three"]), st.sampled_from(["good", "bad", "doubt", "x"]))


@given(st.lists(st.lists(words.map(" ".join), max_size=12), max_size=4))
def test_every_candidate_ends_once_and_each_word_is_accepted_once_if_it_ever_could_be(windows: list[list[str]]) -> None:
    sitting = court()
    census = RecordLedger()
    accepted: dict[str, str] = {}
    for number, texts in enumerate(windows):
        records = candidates(texts, number)
        census.register(records)
        ruling = rule(sitting, records)
        for record in ruling.accepted:
            census.resolve(record, "accepted")
            word = record.text.split()[0]
            assert word not in accepted
            accepted[word] = record.id
        for drop in ruling.dropped:
            census.resolve(drop.record, drop.section, drop.duplicate_of)
        census.verify()
    passable = {text.split()[0] for texts in windows for text in texts if not text.endswith(("bad", "doubt"))}
    assert set(accepted) == passable


says = st.sampled_from(["", "keep", "drop", "relabel", "differ"])


@given(st.lists(st.lists(st.tuples(words.map(" ".join), says), max_size=12), max_size=4))
def test_whatever_people_decide_every_candidate_ends_once_as_they_say(windows: list[list[tuple[str, str]]]) -> None:
    told: dict[str, dict[str, Decision]] = {}
    for number, some in enumerate(windows):
        for record, (_, say) in zip(candidates([text for text, _ in some], number), some, strict=True):
            kinds: dict[str, tuple[Kind, ...]] = {"": (), "differ": ("keep", "drop")}
            for by, kind in enumerate(kinds.get(say, (say,))):  # type: ignore[arg-type]
                told.setdefault(record.id, {})[f"{by}"] = Decision(record.id, kind, ("b",))
    people = ReviewDecisions(told, ("a", "b"))
    sitting = CandidatePipeline(
        [("same_word", SameWord()), ("no_bad", NoBad())], [("desk", Desk())], no_answers, people
    )
    census, accepted = RecordLedger(), set()
    for number, some in enumerate(windows):
        records = candidates([text for text, _ in some], number)
        say_of = {record.id: say for record, (_, say) in zip(records, some, strict=True)}
        census.register(records)
        ruling = rule(sitting, records)
        for record in ruling.accepted:
            census.resolve(record, "accepted")
            say = say_of[record.id]
            assert say in ("keep", "relabel") or (say == "" and "doubt" not in record.text)
            assert record.labels == (("b",) if say == "relabel" else ())
            accepted.add(record.text.split()[0])
        for drop in ruling.dropped:
            census.resolve(drop.record, drop.section, drop.duplicate_of)
            say = say_of[drop.record.id]
            assert (drop.section == "person") == (say == "drop")
            if drop.section == "review":
                assert drop.reason.startswith("people disagree: ") == (say == "differ")
        census.verify()
    passable = {
        text.split()[0]
        for some in windows
        for text, say in some
        if not text.endswith("bad") and (say in ("keep", "relabel") or (say == "" and not text.endswith("doubt")))
    }
    assert accepted == passable


class TriedDesk(Desk):
    """A labeller with two gold rows, which notes what it is asked to do, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        self.done.append(f"asks {len(records)}")
        return [[GenerationRequest("tried", "model", None, Sampling())] * 2 for _ in records]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        self.done.append(f"read {len(completions)}")
        return record, None

    def gold_records(self) -> Sequence[Record]:
        return candidates(["gold", "silver"])

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        self.done.append(f"learn {[len(some) for some in answers]}")
        return GOLD


async def answers(groups: Sequence[Sequence[GenerationRequest]]) -> Sequence[Sequence[Completion] | None]:
    return [[Completion("")] * len(some) for some in groups]


async def fewer_answers(groups: Sequence[Sequence[GenerationRequest]]) -> Sequence[Sequence[Completion] | None]:
    return [[Completion("")], *(None for _ in groups[1:])]


def test_a_labeller_is_tried_on_its_gold_rows_and_what_it_is_worth_is_told() -> None:
    desk = TriedDesk()
    sitting = CandidatePipeline([], [("tried", desk), ("desk", Desk())], answers)
    assert asyncio.run(sitting.calibrate_labellers(answers)) == {"tried": GOLD}
    assert desk.done == ["asks 2", "learn [2, 2]"]
    ruling = rule(sitting, candidates(["one"]))
    assert desk.done[2:] == ["asks 1", "read 2"]
    assert [record.text for record in ruling.accepted] == ["one"]


def test_gold_rows_beyond_the_budget_count_as_without_an_answer() -> None:
    desk = TriedDesk()
    asyncio.run(CandidatePipeline([], [("tried", desk)], answers).calibrate_labellers(fewer_answers))
    assert desk.done == ["asks 2", "learn [1, 0]"]
