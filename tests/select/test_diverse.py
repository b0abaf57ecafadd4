from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tests.contexts import context
from textsynth.core.records import Provenance, Record
from textsynth.select.diverse import Diverse
from textsynth.similarity.vectors import Vectors


def directions(texts: Sequence[str]) -> Vectors:
    """Return for each text, a number of degrees, the unit vector in this direction."""
    radians = np.radians([float(text) for text in texts])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def records_of(label: str, *angles: int) -> list[Record]:
    return [
        Record(str(angle), Provenance("test", index=row), (label,) if label else ()) for row, angle in enumerate(angles)
    ]


def selected(records: Sequence[Record], quota: dict[str, int]) -> list[tuple[str | None, str]]:
    """Return label and text of the selected records, in their order."""
    ids = Diverse().select(records, quota, context(embed=directions))
    by_id = {record.id: record for record in records}
    assert [record.id for record in records if record.id in set(ids)] == ids
    return [(by_id[record_id].label, by_id[record_id].text) for record_id in ids]


def test_the_most_distant_texts_of_each_label_are_selected_in_the_order_of_the_records() -> None:
    records = [*records_of("a", 0, 1, 2, 90, 91, 180), *records_of("b", 10, 11, 100)]
    angles = [int(text) // 45 for label, text in selected(records, {"a": 3, "b": 2}) if label == "a"]
    assert angles == [0, 2, 4]
    assert len(selected(records, {"a": 3, "b": 2})) == 5


def test_all_texts_of_a_label_within_its_quota_are_selected_and_none_without_quota() -> None:
    records = [*records_of("a", 0, 0, 0), *records_of("b", 1)]
    assert selected(records, {"a": 3}) == [("a", "0")] * 3
    assert selected(records, {"a": 0, "b": 5}) == [("b", "1")]


def test_texts_without_a_label_have_a_quota_too() -> None:
    assert len(selected(records_of("", 0, 50, 100, 150), {"": 2})) == 2


def test_distances_count_by_the_confidence_in_the_label() -> None:
    records = [
        record.with_scores({"choice": confidence})
        for record, confidence in zip(records_of("a", 0, 10, 40, 90), (1.0, 1.0, 1.0, 0.1), strict=True)
    ]
    run = dataclasses.replace(context(embed=directions), confidence_steps=("agreement", "choice"))
    texts = {record.id: record.text for record in records}
    for weigh in (False, True):
        ids = Diverse(weigh_by_confidence=weigh).select(records, {"a": 2}, run)
        assert ("90" in [texts[record_id] for record_id in ids]) != weigh
    without_scores = records_of("a", 0, 10, 40, 90)
    assert Diverse(weigh_by_confidence=True).select(without_scores, {"a": 3}, run) == Diverse().select(
        without_scores, {"a": 3}, run
    )
