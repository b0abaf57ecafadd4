from __future__ import annotations

import pytest

from tests.evaluate.worlds import World, embed
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.evaluate.data import SyntheticSet
from textsynth.evaluate.nearest_texts import SAMPLE_SIZE, nearest_real_texts

WORLD = World(share=0.5)
SEEDS, TEST = WORLD.rows("seeds", 4), WORLD.rows("test", 6)
GENERATED = WORLD.rows("labelled", 8)
DROPS = [DroppedRecord(row, "filter", "length", "has too few words") for row in GENERATED[:20]]
SYNTHETIC = SyntheticSet("run", GENERATED[20:], drops=DROPS)


def test_selected_and_dropped_texts_have_the_nearest_text_of_every_real_set() -> None:
    comparisons = nearest_real_texts(SYNTHETIC, {"train": SEEDS, "test": TEST}, embed, seed=1)
    assert [comparison.selected for comparison in comparisons] == [True] * SAMPLE_SIZE + [False] * SAMPLE_SIZE
    assert len({comparison.id for comparison in comparisons}) == 2 * SAMPLE_SIZE
    record_of = {row.id: row for row in SYNTHETIC.raw}
    for comparison in comparisons:
        record = record_of[comparison.id]
        assert (comparison.text, comparison.label) == (record.text, record.label)
        assert comparison.drop_reason == ("" if comparison.selected else "length: has too few words")
        assert [text.set for text in comparison.nearest] == ["train", "test"]
        for text, rows in zip(comparison.nearest, (SEEDS, TEST), strict=True):
            cosines = embed([row.text for row in rows]) @ embed([comparison.text])[0]
            assert text.similarity == pytest.approx(float(cosines.max()), abs=1e-4)
            nearest = [
                (row.text, row.label)
                for row, cosine in zip(rows, cosines, strict=True)
                if cosine > cosines.max() - 1e-6
            ]
            assert (text.text, text.label) in nearest


def test_the_sample_depends_on_the_seed_but_not_on_the_order_of_the_texts() -> None:
    reversed_set = SyntheticSet("run", SYNTHETIC.selected[::-1], drops=DROPS[::-1])
    original = nearest_real_texts(SYNTHETIC, {"test": TEST}, embed, seed=1)
    assert nearest_real_texts(reversed_set, {"test": TEST}, embed, seed=1) == original
    assert nearest_real_texts(reversed_set, {"test": TEST}, embed, seed=2) != original


def test_few_texts_are_all_sampled_and_several_labels_are_joined() -> None:
    record = Record("tulips by letter", Provenance("labelled"), ("garden", "post"))
    (comparison,) = nearest_real_texts(SyntheticSet("run", [record]), {"test": TEST}, embed, seed=1)
    assert (comparison.label, comparison.selected, len(comparison.nearest)) == ("garden, post", True, 1)
    assert nearest_real_texts(SyntheticSet("run", []), {"test": TEST}, embed, seed=1) == []
