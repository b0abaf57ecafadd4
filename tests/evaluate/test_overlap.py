from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.evaluate.distinct_texts import embed, random_texts
from tests.evaluate.styled_texts import make_records
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.overlap import BaseRates, CopyKind, Overlap, ReferenceSet, base_rates, find_overlap
from textsynth.similarity.overlap import OverlapIndex
from textsynth.similarity.vectors import Vectors

TEST = make_records(random_texts(60, 1), ("fare", "route"), "test")
CLEAN = make_records(random_texts(80, 2), ("fare", "route"), "raw")


def make_record(text: str, label: str = "fare", parent_ids: Sequence[str] = (), **fields: str) -> Record:
    provenance = Provenance("generated", parent_ids=tuple(parent_ids))
    return Record(text, provenance, (label,) if label else (), fields)


def embed_records(records: Sequence[Record]) -> Vectors:
    """Return the vectors of the texts; a text that begins with "In other words" has that of the eighth test row."""
    return embed([TEST[7].text if record.text.startswith("In other words") else record.text for record in records])


def overlap_with_test(*records: Record, known_records: Sequence[Record] = (), test: Sequence[Record] = TEST) -> Overlap:
    """Return the overlap of 80 clean texts and the given records with the test rows."""
    texts = [*CLEAN, *records]
    return find_overlap(
        ("raw", "test"),
        texts,
        embed_records(texts),
        ReferenceSet(test, embed_records(test)),
        {record.id: record for record in [*texts, *known_records]},
    )


def kind_counts(overlap: Overlap) -> dict[str, int]:
    return {kind: count for kind, count in overlap.kinds.items() if count}


def test_unrelated_texts_are_not_copies() -> None:
    overlap = overlap_with_test()
    assert (overlap.texts, overlap.count, overlap.close) == (80, 0, 0)
    assert (overlap.above_base_rate, overlap.pairs) == (False, ())


def test_an_exact_copy_is_paired_with_its_row() -> None:
    copy = make_record(TEST[3].text.upper().replace(" ", "  ") + "!", "route")
    overlap = overlap_with_test(copy)
    assert kind_counts(overlap) == {"exact": 1}
    (pair,) = overlap.pairs
    assert (pair.kind, pair.sets, pair.similarity) == ("exact", ("raw", "test"), 1.0)
    assert (pair.ids, pair.texts) == ((copy.id, TEST[3].id), (copy.text, TEST[3].text))
    assert (pair.labels, pair.same_label) == (("route", "route"), True)


def test_all_rows_with_the_letters_of_a_copied_row_are_copied() -> None:
    duplicate = make_record(TEST[3].text + "?")
    overlap = overlap_with_test(make_record(TEST[3].text.lower()), test=[*TEST, duplicate])
    assert overlap.copied_rows == {TEST[3].id, duplicate.id}


def test_a_copy_with_another_label_is_a_conflict_but_one_without_a_label_is_not() -> None:
    overlap = overlap_with_test(make_record(TEST[3].text), make_record(TEST[4].text, ""))
    assert overlap.label_conflicts == 1
    same_label = {pair.labels: pair.same_label for pair in overlap.pairs}
    assert same_label == {("fare", "route"): False, ("", "fare"): True}


def test_a_copy_with_changed_words_is_near() -> None:
    words = TEST[5].text.removesuffix(".").split()
    changed = make_record(" ".join(["Well,", *words[1:]]))
    reordered = make_record(" ".join([*words[::-1], "please"]))
    overlap = overlap_with_test(changed, reordered)
    assert kind_counts(overlap) == {"near": 2}
    assert sorted(round(pair.similarity, 3) for pair in overlap.pairs) == [0.8, 0.9]
    assert overlap.copied_rows == {TEST[5].id}


def test_a_copy_in_other_words_is_semantic() -> None:
    overlap = overlap_with_test(make_record("In other words, quite the same"))
    assert kind_counts(overlap) == {"semantic": 1}
    assert overlap.copied_rows == {TEST[7].id}
    assert overlap.close == 1


def test_a_text_made_from_a_copy_of_a_test_row_is_of_its_family() -> None:
    seed = make_record(TEST[9].text)
    child = make_record("Quite another wording", parent_ids=[seed.id])
    grandchild = make_record("One more wording, unlike both", parent_ids=[child.id])
    from_source_text = make_record("Words of a file", source_text=TEST[10].text.upper())
    from_row = make_record("Made from the row itself", parent_ids=[TEST[11].id])
    overlap = overlap_with_test(child, grandchild, from_source_text, from_row, known_records=[seed])
    assert kind_counts(overlap) == {"family": 4}
    assert overlap.close == 0
    row_of = {pair.ids[0]: pair.ids[1] for pair in overlap.pairs}
    assert row_of[child.id] == row_of[grandchild.id] == TEST[9].id
    assert (row_of[from_source_text.id], row_of[from_row.id]) == (TEST[10].id, TEST[11].id)


def test_unknown_parents_are_ignored() -> None:
    orphan = make_record("No one knows its parents", parent_ids=["0" * 16])
    twice = make_record("It has two", parent_ids=[orphan.id, orphan.id])
    assert overlap_with_test(orphan, twice).count == 0


NO_COPIES = {"exact": 0.0, "near": 0.0, "semantic": 0.0, "close": 0.0}


def rates_of(texts: list[str]) -> BaseRates:
    return base_rates(texts, embed(texts), OverlapIndex(texts))


def test_among_unrelated_rows_every_near_copy_counts() -> None:
    assert rates_of(random_texts(300, 1)) == BaseRates(300, 0.0, 0.95, NO_COPIES)
    assert rates_of(["one row"]) == BaseRates(1, 0.0, 0.95, NO_COPIES)


def test_among_rows_near_each_other_only_nearer_copies_count() -> None:
    texts = random_texts(90, 1)
    near = [f"{text.removesuffix('.')} zum" for text in texts[:5]]
    rates = rates_of([*texts, *near])
    assert rates.words == pytest.approx(0.9)
    assert rates.rates == {"exact": 0, "near": 0, "semantic": 0, "close": pytest.approx(10 / 95)}
    assert rates.cosine == 0.95


def test_one_row_in_a_hundred_may_exceed_the_limit() -> None:
    texts = random_texts(400, 2)
    rates = rates_of([*texts, f"{texts[0]} zum", f"{texts[1]} zum zam"])
    assert rates.words == 0.0
    assert rates.rates["near"] == pytest.approx(4 / 402)
    assert rates.rates["near"] == rates.rates["close"]


def test_duplicate_rows_raise_the_base_rate_of_exact_copies() -> None:
    texts = random_texts(98, 3)
    rates = rates_of([*texts, texts[0].upper(), f"{texts[1]}!"])
    assert rates.rates["exact"] == pytest.approx(4 / 100)
    assert (rates.words, rates.cosine) == (0.0, 0.95)


@pytest.mark.parametrize(
    ("counts", "texts", "exceeded"),
    [
        ({}, 2000, False),
        ({"exact": 1}, 400, False),
        ({"exact": 4}, 2000, False),
        ({"exact": 12}, 2000, True),
        ({"exact": 12}, 20_000, False),
        ({"near": 20}, 2000, False),
        ({"near": 80}, 2000, True),
        ({"exact": 3, "near": 70}, 2000, True),
        ({"semantic": 40}, 2000, False),
        ({"semantic": 40, "family": 60}, 2000, True),
    ],
)
def test_the_base_rate_is_exceeded_by_far_more_copies_than_expected(
    counts: dict[CopyKind, int], texts: int, *, exceeded: bool
) -> None:
    rates = {"exact": 0.0, "near": 0.003, "semantic": 0.003, "close": 0.1}
    assert BaseRates(1000, 0.0, 0.95, rates).is_exceeded(counts, texts) is exceeded


def test_copies_that_are_common_in_the_domain_do_not_exceed_its_base_rate() -> None:
    stock = BaseRates(1000, 0.8, 0.97, {"exact": 0.02, "near": 0.01, "semantic": 0.01, "close": 0.4})
    assert not stock.is_exceeded({"exact": 60}, 2000)
    assert stock.is_exceeded({"exact": 200}, 2000)
    assert BaseRates(1000, 0.0, 0.95, NO_COPIES).is_exceeded({"exact": 60}, 2000)
