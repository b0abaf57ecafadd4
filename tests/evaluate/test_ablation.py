from __future__ import annotations

from tests.contexts import context
from textsynth.core.protocols import Filter
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.ablation import FilterStep, readmit_without
from textsynth.filter.exact_duplicate import ExactDuplicate
from textsynth.filter.length import Length


def text(told: str, draw: int = 0) -> Record:
    return Record(told, Provenance("labelled", index=draw), ("refund",))


class NoShouting(Filter):
    """Counts nothing, looks at each text alone."""

    def check(self, record: Record) -> None:
        raise AssertionError(f"{record.text!r} was judged by a check that comes before")


ACCEPTED = [text("please send my money back today"), text("when is my refund due")]
SHORT = [text("money back"), text("when is my refund due", 1), text("Money back!", 2), text("refund please", 3)]
TWICE = [text("Please send my money back today", 4)]
CHECKS = [
    FilterStep("length", Length(min_words=4)),
    FilterStep("once", ExactDuplicate()),
    FilterStep("short", Length(max_words=10)),
]


def drops(records: list[Record], item: str, section: str = "filter") -> list[DroppedRecord]:
    return [DroppedRecord(record, section, item, "why") for record in records]


def test_what_a_check_dropped_goes_on_to_the_checks_after_it() -> None:
    length, once = readmit_without(CHECKS, ACCEPTED, [*drops(SHORT, "length"), *drops(TWICE, "once")], context())
    # one was accepted before, and of two equal ones the first passes
    assert (length.item, length.dropped, length.records) == ("length", 4, (SHORT[0], SHORT[3]))
    assert (once.item, once.dropped, once.records) == ("once", 1, (TWICE[0],))


def test_a_check_that_dropped_nothing_is_left_out_and_the_recipes_order_holds() -> None:
    found = readmit_without(CHECKS, ACCEPTED, [*drops(TWICE, "once"), *drops(SHORT, "length")], context())
    assert [one.item for one in found] == ["length", "once"]
    assert readmit_without(CHECKS, ACCEPTED, [], context()) == []


def test_only_filters_are_put_back() -> None:
    other = [*drops(SHORT, "length", "label"), *drops(SHORT, "length", "parse"), *drops(SHORT, "gone")]
    assert readmit_without(CHECKS, ACCEPTED, other, context()) == []


def test_checks_before_are_not_asked_again() -> None:
    (found,) = readmit_without([FilterStep("first", NoShouting()), *CHECKS], ACCEPTED, drops(TWICE, "once"), context())
    assert found.records == (TWICE[0],)


def test_a_text_that_a_later_check_drops_too_is_not_readmitted() -> None:
    long = text("a b c d e f g h i j k")
    (found,) = readmit_without(CHECKS, ACCEPTED, drops([long], "once"), context())
    assert (found.dropped, found.records) == (1, ())
