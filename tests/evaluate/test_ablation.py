from __future__ import annotations

from tests.contexts import context
from textsynth.core.protocols import Filter
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.ablation import FilterStep, find_ablation_candidates
from textsynth.filter.exact_duplicate import ExactDuplicate
from textsynth.filter.length import Length


def make_record(text: str, index: int = 0) -> Record:
    return Record(text, Provenance("labelled", index=index), ("refund",))


class NeverCalled(Filter):
    """A filter whose texts must not be evaluated."""

    def check(self, record: Record) -> None:
        raise AssertionError(f"{record.text!r} was evaluated by a filter that comes before")


ACCEPTED = [make_record("please send my money back today"), make_record("when is my refund due")]
SHORT = [
    make_record("money back"),
    make_record("when is my refund due", 1),
    make_record("Money back!", 2),
    make_record("refund please", 3),
]
DUPLICATES = [make_record("Please send my money back today", 4)]
FILTERS = [
    FilterStep("min_length", Length(min_words=4)),
    FilterStep("exact_duplicate", ExactDuplicate()),
    FilterStep("max_length", Length(max_words=10)),
]


def drops(records: list[Record], step: str, section: str = "filter") -> list[DroppedRecord]:
    return [DroppedRecord(record, section, step, "reason") for record in records]


def test_dropped_texts_of_a_filter_go_on_to_the_filters_after_it() -> None:
    dropped = [*drops(SHORT, "min_length"), *drops(DUPLICATES, "exact_duplicate")]
    length, duplicate = find_ablation_candidates(FILTERS, ACCEPTED, dropped, context())
    # One text equals an accepted one, and of two equal texts the first passes.
    assert (length.step, length.dropped, length.readmitted) == ("min_length", 4, (SHORT[0], SHORT[3]))
    assert (duplicate.step, duplicate.dropped, duplicate.readmitted) == ("exact_duplicate", 1, (DUPLICATES[0],))


def test_candidates_are_in_recipe_order_without_filters_that_dropped_nothing() -> None:
    dropped = [*drops(DUPLICATES, "exact_duplicate"), *drops(SHORT, "min_length")]
    candidates = find_ablation_candidates(FILTERS, ACCEPTED, dropped, context())
    assert [candidate.step for candidate in candidates] == ["min_length", "exact_duplicate"]
    assert find_ablation_candidates(FILTERS, ACCEPTED, [], context()) == []


def test_only_filters_of_the_recipe_are_ablated() -> None:
    dropped = [
        *drops(SHORT, "min_length", "label"),
        *drops(SHORT, "min_length", "parse"),
        *drops(SHORT, "no_such_filter"),
    ]
    assert find_ablation_candidates(FILTERS, ACCEPTED, dropped, context()) == []


def test_filters_before_the_ablated_one_do_not_evaluate_its_texts() -> None:
    filters = [FilterStep("first", NeverCalled()), *FILTERS]
    (candidates,) = find_ablation_candidates(filters, ACCEPTED, drops(DUPLICATES, "exact_duplicate"), context())
    assert candidates.readmitted == (DUPLICATES[0],)


def test_a_text_that_a_later_filter_drops_is_not_readmitted() -> None:
    long = make_record("a b c d e f g h i j k")
    (candidates,) = find_ablation_candidates(FILTERS, ACCEPTED, drops([long], "exact_duplicate"), context())
    assert (candidates.dropped, candidates.readmitted) == (1, ())
