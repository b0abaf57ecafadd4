from __future__ import annotations

import pytest

from tests.evaluate.worlds import World, embed
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.data import SyntheticSet
from textsynth.evaluate.nearest_texts import SHOWN, nearest_real_texts

WORLD = World(share=0.5)
SEEDS, TEST = WORLD.rows("seeds", 4), WORLD.rows("test", 6)
WRITTEN = WORLD.rows("labelled", 8)
DROPS = [DroppedRecord(row, "filter", "length", "has too few words") for row in WRITTEN[:20]]
RUN = SyntheticSet("run", WRITTEN[20:], drops=DROPS)


def test_some_kept_and_some_dropped_texts_are_shown_with_the_nearest_of_every_set() -> None:
    seen = nearest_real_texts(RUN, {"train": SEEDS, "test": TEST}, embed, seed=1)
    assert [one.kept for one in seen] == [True] * SHOWN + [False] * SHOWN
    assert len({one.id for one in seen}) == 2 * SHOWN
    known = {row.id: row for row in RUN.raw}
    for one in seen:
        assert (one.text, one.label) == (known[one.id].text, known[one.id].label)
        assert one.why == ("" if one.kept else "length: has too few words")
        assert [near.set for near in one.nearest] == ["train", "test"]
        for near, rows in zip(one.nearest, (SEEDS, TEST), strict=True):
            cosines = embed([row.text for row in rows]) @ embed([one.text])[0]
            assert near.similarity == pytest.approx(float(cosines.max()), abs=1e-4)
            best = [
                (row.text, row.label)
                for row, cosine in zip(rows, cosines, strict=True)
                if cosine > cosines.max() - 1e-6
            ]
            assert (near.text, near.label) in best


def test_the_same_texts_are_drawn_again_in_whatever_order_they_come() -> None:
    turned = SyntheticSet("run", RUN.selected[::-1], drops=DROPS[::-1])
    assert nearest_real_texts(turned, {"test": TEST}, embed, seed=1) == nearest_real_texts(
        RUN, {"test": TEST}, embed, seed=1
    )
    assert nearest_real_texts(turned, {"test": TEST}, embed, seed=2) != nearest_real_texts(
        RUN, {"test": TEST}, embed, seed=1
    )


def test_few_texts_are_all_shown_and_several_labels_told_together() -> None:
    one = Record("tulips by letter", Provenance("labelled"), ("garden", "post"))
    (seen,) = nearest_real_texts(SyntheticSet("run", [one]), {"test": TEST}, embed, seed=1)
    assert (seen.label, seen.kept, len(seen.nearest)) == ("garden, post", True, 1)
    assert nearest_real_texts(SyntheticSet("run", []), {"test": TEST}, embed, seed=1) == []
