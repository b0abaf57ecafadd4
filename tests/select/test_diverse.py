from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.contexts import context
from textsynth.core.records import Provenance, Record
from textsynth.select.diverse import Diverse
from textsynth.similarity.vectors import Vectors


def directions(texts: Sequence[str]) -> Vectors:
    turned = np.radians([float(text) for text in texts])
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def of(label: str, *angles: int) -> list[Record]:
    return [
        Record(str(angle), Provenance("test", index=row), (label,) if label else ()) for row, angle in enumerate(angles)
    ]


def picked(records: Sequence[Record], quota: dict[str, int]) -> list[tuple[str | None, str]]:
    ids = Diverse().select(records, quota, context(embed=directions))
    by_id = {one.id: one for one in records}
    assert [one.id for one in records if one.id in set(ids)] == ids
    return [(by_id[one].label, by_id[one].text) for one in ids]


def test_the_farthest_of_each_label_are_picked_in_the_order_of_the_records() -> None:
    some = [*of("a", 0, 1, 2, 90, 91, 180), *of("b", 10, 11, 100)]
    angles = [int(text) // 45 for label, text in picked(some, {"a": 3, "b": 2}) if label == "a"]
    assert angles == [0, 2, 4]
    assert len(picked(some, {"a": 3, "b": 2})) == 5


def test_a_label_within_its_quota_is_taken_whole_and_one_without_is_left() -> None:
    some = [*of("a", 0, 0, 0), *of("b", 1)]
    assert picked(some, {"a": 3}) == [("a", "0")] * 3
    assert picked(some, {"a": 0, "b": 5}) == [("b", "1")]


def test_texts_without_labels_have_a_quota_too() -> None:
    assert len(picked(of("", 0, 50, 100, 150), {"": 2})) == 2
