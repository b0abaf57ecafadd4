from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contexts import MemoryStore
from tests.evaluate.proofs import THREE, Made, plan, whole
from tests.evaluate.worlds import LABELS, World, embed
from textsynth.core.errors import UsageError
from textsynth.core.records import Provenance, Record
from textsynth.evaluate import Evaluation, RealSets, SyntheticSet, as_json, evaluate
from textsynth.evaluate.classifiers import KINDS
from textsynth.evaluate.data import check_sets
from textsynth.evaluate.evaluate import ENOUGH, reference_texts

BARE = Record("a text of nothing", Provenance("written"))
OTHER = Record("a parcel by courier", Provenance("written"), ("Post",))
OTHERS = [OTHER, Record("a stamp", Provenance("written"), ("Post",))]
BOTH = Record("tulips by letter", Provenance("written"), ("garden", "post"))


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return whole()


def arms(told: Evaluation) -> list[str]:
    return list(dict.fromkeys(one.arm for one in told.outcomes))


def test_every_arm_is_measured_with_both_classifiers(found: Evaluation) -> None:
    assert arms(found) == [
        *("seeds", "raw", "selected", "seeds_raw", "seeds_selected"),
        *("random", "seeds_random", "fitted"),
    ]  # fmt: skip
    assert Counter(one.kind for one in found.outcomes) == {kind: 8 for kind in KINDS}
    rows = {one.arm: one.rows for one in found.outcomes if one.kind == "words"}
    assert (rows["seeds"], rows["raw"], rows["selected"], rows["random"], rows["seeds_random"]) == (15, 72, 45, 45, 60)
    assert len(found.differences) == 7 * len(KINDS)


def test_the_parts_stand_together(found: Evaluation) -> None:
    assert (found.labels, found.multi_label, found.ordinal) == (list(THREE), False, False)
    assert [row.id for row in found.test] == [row.id for row in found.real.test]
    assert found.left_out == []
    assert found.main in KINDS
    assert found.verdict.difference in found.differences
    for kind in KINDS:
        fitted = next(one for one in found.outcomes if (one.arm, one.kind) == ("fitted", kind))
        assert fitted.weight == found.weights[kind].weight
        assert found.weights[kind].rows == 15
        assert found.curves[kind][-1].train == 15
    losses = {kind: found.weights[kind].grid[0].log_loss for kind in KINDS}
    assert found.main == min(losses, key=lambda kind: losses[kind])


def test_what_a_check_earned_is_beside_a_random_drop_of_as_many(found: Evaluation) -> None:
    (one,) = found.earned
    assert (one.item, one.dropped, one.readmitted, one.classifier) == ("length", 18, 12, found.main)
    assert all(0 < score < 1 for score in (one.with_check, one.without, one.random))
    assert one.random_spread > 0


def test_the_same_texts_are_told_the_same_again(found: Evaluation) -> None:
    assert as_json(whole()) == as_json(found)


def test_a_second_time_nothing_is_trained(found: Evaluation) -> None:
    made, memory = Made(), MemoryStore()
    first = evaluate(made.run(), made.real, plan(memory=memory))
    kept = dict(memory)
    assert as_json(evaluate(made.run(), made.real, plan(memory=memory))) == as_json(first)
    assert memory == kept


def test_texts_that_help_and_texts_with_wrong_labels_are_told_so() -> None:
    made = Made()
    turned = {label: THREE[(place + 1) % 3] for place, label in enumerate(THREE)}
    written = made.world.rows("more", 80)
    swapped = [record.with_labels([turned[str(record.label)]]) for record in written]
    good, bad = (evaluate(SyntheticSet("file", texts), made.real, plan()) for texts in (written, swapped))
    assert (good.verdict.effect, bad.verdict.effect) == ("helps", "harms")
    assert "harm" in bad.verdict.sentences[0]
    assert good.weights[good.main].weight > 0
    assert bad.weights[bad.main].weight == 0
    seeds = next(one for one in bad.outcomes if (one.arm, one.kind) == ("seeds", bad.main))
    fitted = next(one for one in bad.outcomes if (one.arm, one.kind) == ("fitted", bad.main))
    assert np.array_equal(fitted.f1, seeds.f1)


def test_test_rows_that_are_copied_are_left_out_and_called_a_leak() -> None:
    made = Made()
    places = [1, 5, 8, 20, 21, 40, 41, 60, 77, 80]
    copies = [
        Record(made.test[place].text, Provenance("written", index=100), made.test[place].labels) for place in places
    ]
    found = evaluate(made.run([*copies, *made.written[10:]]), made.real, plan())
    assert found.left_out == places
    assert [row.id for row in found.test] == [row.id for n, row in enumerate(made.test) if n not in places]
    assert (found.verdict.effect, found.verdict.leaks) == ("leak", 10)
    assert found.verdict.sentences[0].startswith("Leak: 10 of the selected texts are copies of test rows")
    assert len(found.bench.truth.labels) == len(made.test) - 10


def test_a_test_set_that_is_all_copied_is_one_sentence() -> None:
    made = Made()
    copies = [Record(row.text, Provenance("written"), row.labels) for row in made.test]
    with pytest.raises(UsageError, match="small: every test row is copied by a synthetic text"):
        evaluate(made.run(copies), made.real, plan())


def test_without_seeds_the_texts_themselves_are_scored() -> None:
    made = Made()
    found = evaluate(made.run(), RealSets(made.test, whole=made.dev), plan())
    assert arms(found) == ["raw", "selected", "all", "random"]
    assert (found.verdict.effect, found.verdict.difference, found.main) == ("unknown", None, "embeddings")
    assert (found.weights, found.curves) == ({}, {})
    assert "no real seeds were given" in found.notes[0]


def test_a_file_has_one_set_of_texts() -> None:
    made = Made()
    found = evaluate(SyntheticSet("file", made.written), made.real, plan())
    assert arms(found) == ["seeds", "selected", "seeds_selected", "fitted"]
    assert "nothing was dropped before, so that raw and selected are the same" in found.notes


def test_labels_without_texts_are_noted() -> None:
    made = Made()
    few = [record for record in made.written if record.label != "garden"]
    found = evaluate(SyntheticSet("file", few), made.real, plan(labels=LABELS))
    assert "selected has no text of 4 of 6 labels: garden, concert, football, …" in found.notes
    assert "test has no text of 3 of 6 labels: concert, football, post" in found.notes
    assert found.labels == list(LABELS)
    told = evaluate(made.run(), RealSets([*made.test, OTHER], made.seeds), plan())
    assert "train has no text of 1 of 4 labels: Post" in told.notes


def test_several_labels_a_text_are_evaluated_with_thresholds_of_dev() -> None:
    world = World(share=0.6)
    seeds, dev, test, written = (
        world.several(name, size) for name, size in (("seeds", 40), ("dev", 60), ("test", 80), ("written", 150))
    )
    found = evaluate(SyntheticSet("file", written), RealSets(test, seeds, dev), plan(multi_label=True))
    assert found.multi_label
    assert as_json(found)["arms"]["seeds"]["words"]["micro_f1"] > 0.3
    assert found.verdict.effect in {"helps", "no_difference"}


def test_held_out_seeds_are_named_by_their_place_and_texts_that_know_them_are_left_out() -> None:
    made, run = Made(), Made().run()
    asked: list[Sequence[int]] = []

    def knowing(held: Sequence[int]) -> list[Record]:
        asked.append(held)
        return [run.selected[0], run.spare[0]]

    found = evaluate(run, made.real, plan(knowing=knowing))
    assert sorted(place for held in asked for place in held) == [*range(15)], "the rounds serve both classifiers"
    other = evaluate(run, made.real, plan())
    assert found.weights != other.weights
    assert found.outcomes[0].f1.tolist() == other.outcomes[0].f1.tolist()


def test_what_is_being_done_is_said() -> None:
    said: list[str] = []
    evaluate(Made().run(), Made().real, plan(say=said.append))
    assert said[0] == "looking for leaks"
    assert "fitting the weight on words" in said


def test_the_test_set_is_described_where_there_is_little_else() -> None:
    rows = World().rows("rows", 20)
    assert reference_texts(RealSets(rows, rows[:30], rows[:40]), rows) == rows
    assert reference_texts(RealSets(rows[:10], rows[:30], whole=rows[:ENOUGH]), rows[:10]) == rows[:ENOUGH]


@pytest.mark.parametrize(
    ("synthetic", "real", "said"),
    [
        ([], {}, "small: no selected text has a label"),
        ([BARE], {}, "small: no selected text has a label"),
        ([BARE, *Made().written[:2]], {}, "selected: 1 of 3 rows have no label"),
        (Made().written, {"train": [BARE]}, "train: 1 of 1 rows have no label"),
        (Made().written, {"test": [BOTH]}, "test: 'tulips by letter' has 2 labels; say --many"),
        (Made().written, {"test": []}, "test: no rows; an evaluation needs real test rows"),
        (Made().written, {"test": [OTHER]}, "test: none of its labels is one of train's; test has Post, train has "),
        (OTHERS, {}, "test: none of its labels is one of selected's; test has .*, selected has Post"),
    ],
)  # fmt: skip
def test_sets_that_cannot_be_used_are_one_sentence(
    synthetic: list[Record], real: dict[str, list[Record]], said: str
) -> None:
    sets = {"test": Made().test, "train": Made().seeds, **real}
    with pytest.raises(UsageError, match=said) as told:
        check_sets(SyntheticSet("small", synthetic), RealSets(**sets), multi_label=False)
    assert "\n" not in str(told.value)


def test_a_label_that_the_recipe_does_not_have_is_named() -> None:
    made = Made()
    with pytest.raises(UsageError, match=r"the label 'harbour' of .* is not one of the 2 labels"):
        evaluate(made.run(), made.real, plan(labels=["garden", "kitchen"]))


def test_each_set_is_embedded_from_its_texts_alone() -> None:
    seen: set[str] = set()

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        seen.update(texts)
        return embed(texts)

    made = Made()
    evaluate(made.run(), made.real, plan(embed=counted))
    assert seen == {record.text for record in (*made.written, *made.seeds, *made.test)}
