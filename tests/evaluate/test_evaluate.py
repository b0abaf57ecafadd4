from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contexts import MemoryStore
from tests.evaluate.evaluations import THREE_LABELS, SmallRun, quick_plan, small_evaluation
from tests.evaluate.worlds import LABELS, World, embed
from textsynth.core.errors import UsageError
from textsynth.core.records import Provenance, Record
from textsynth.evaluate import Evaluation, RealSets, SyntheticSet, as_json, evaluate
from textsynth.evaluate.classifiers import CLASSIFIERS
from textsynth.evaluate.data import check_sets
from textsynth.evaluate.evaluate import MIN_REFERENCE_TEXTS, reference_texts


def make_record(text: str, *labels: str) -> Record:
    return Record(text, Provenance("generated"), labels)


UNLABELLED = make_record("a text of nothing")
POST = make_record("a parcel by courier", "Post")
TWO_LABELS = make_record("tulips by letter", "garden", "post")


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return small_evaluation()


def arm_names(evaluation: Evaluation) -> list[str]:
    return list(dict.fromkeys(result.arm for result in evaluation.arm_results))


def test_every_arm_is_measured_with_both_classifiers(evaluation: Evaluation) -> None:
    assert arm_names(evaluation) == [
        *("seeds", "raw", "selected", "seeds_raw", "seeds_selected", "seeds_replicated"),
        *("random", "seeds_random", "fitted"),
    ]  # fmt: skip
    counts = Counter(result.classifier for result in evaluation.arm_results)
    assert counts == {classifier: 9 for classifier in CLASSIFIERS}
    rows = {result.arm: result.train_rows for result in evaluation.arm_results if result.classifier == "words"}
    assert (rows["seeds"], rows["raw"], rows["selected"]) == (15, 72, 45)
    assert (rows["random"], rows["seeds_random"]) == (45, 60)
    assert rows["seeds_replicated"] == rows["seeds_selected"] == 60
    assert len(evaluation.differences) == 8 * len(CLASSIFIERS)


def test_the_results_are_consistent(evaluation: Evaluation) -> None:
    assert evaluation.labels == list(THREE_LABELS)
    assert (evaluation.multi_label, evaluation.ordinal) == (False, False)
    assert [row.id for row in evaluation.test] == [row.id for row in evaluation.real.test]
    assert evaluation.excluded_test_rows == []
    assert evaluation.fidelity is not None
    assert evaluation.fidelity.columns[0].column == "label"
    assert evaluation.main_classifier in CLASSIFIERS
    assert evaluation.verdict.difference in evaluation.differences
    for classifier in CLASSIFIERS:
        fitted_arm = next(
            result for result in evaluation.arm_results if (result.arm, result.classifier) == ("fitted", classifier)
        )
        fitted = evaluation.sample_weights[classifier]
        assert fitted_arm.sample_weight == fitted.weight
        assert fitted.held_out_rows == 15
        assert evaluation.learning_curves[classifier][-1].train_rows == 15
    losses = {classifier: evaluation.sample_weights[classifier].grid[0].log_loss for classifier in CLASSIFIERS}
    assert evaluation.main_classifier == min(losses, key=lambda classifier: losses[classifier])


def test_a_filter_is_compared_with_a_random_drop(evaluation: Evaluation) -> None:
    (result,) = evaluation.ablation
    assert (result.step, result.dropped, result.readmitted) == ("length", 18, 12)
    assert result.classifier == evaluation.main_classifier
    assert all(0 < score < 1 for score in (result.with_filter, result.without_filter, result.random_drop))
    assert result.random_drop_sd > 0


def test_the_same_texts_give_the_same_evaluation(evaluation: Evaluation) -> None:
    assert as_json(small_evaluation()) == as_json(evaluation)


def test_nothing_is_trained_a_second_time() -> None:
    small, cache = SmallRun(), MemoryStore()
    first = evaluate(small.synthetic_set(), small.real, quick_plan(cache=cache))
    stored = dict(cache)
    second = evaluate(small.synthetic_set(), small.real, quick_plan(cache=cache))
    assert as_json(second) == as_json(first)
    assert cache == stored


def test_helpful_texts_help_and_swapped_labels_harm() -> None:
    small = SmallRun()
    next_label = {label: THREE_LABELS[(index + 1) % 3] for index, label in enumerate(THREE_LABELS)}
    helpful = small.world.rows("more", 80)
    swapped = [record.with_labels([next_label[str(record.label)]]) for record in helpful]
    good, bad = (evaluate(SyntheticSet("file", texts), small.real, quick_plan()) for texts in (helpful, swapped))
    assert (good.verdict.effect, bad.verdict.effect) == ("helps", "harms")
    assert "harm" in bad.verdict.sentences[0]
    assert good.sample_weights[good.main_classifier].weight > 0
    assert bad.sample_weights[bad.main_classifier].weight == 0
    seeds, fitted = (
        next(result for result in bad.arm_results if (result.arm, result.classifier) == (arm, bad.main_classifier))
        for arm in ("seeds", "fitted")
    )
    assert np.array_equal(fitted.f1, seeds.f1)


def test_copied_test_rows_are_left_out_and_many_copies_are_a_leak() -> None:
    small = SmallRun()
    indices = [1, 5, 8, 20, 21, 40, 41, 60, 77, 80]
    copies = [
        Record(small.test[index].text, Provenance("generated", index=100), small.test[index].labels)
        for index in indices
    ]
    evaluation = evaluate(small.synthetic_set([*copies, *small.generated[10:]]), small.real, quick_plan())
    assert evaluation.excluded_test_rows == indices
    remaining = [row.id for index, row in enumerate(small.test) if index not in indices]
    assert [row.id for row in evaluation.test] == remaining
    assert (evaluation.verdict.effect, evaluation.verdict.test_copies) == ("leak", 10)
    assert evaluation.verdict.sentences[0].startswith("Leak: 10 of the selected texts are copies of test rows")
    assert len(evaluation.experiment.truth.labels) == len(small.test) - 10


def test_a_test_set_of_which_every_row_is_copied_is_rejected() -> None:
    small = SmallRun()
    copies = [make_record(row.text, *row.labels) for row in small.test]
    with pytest.raises(UsageError, match="small: every test row is copied by a synthetic text"):
        evaluate(small.synthetic_set(copies), small.real, quick_plan())


def test_without_seeds_only_the_synthetic_texts_are_scored() -> None:
    small = SmallRun()
    evaluation = evaluate(small.synthetic_set(), RealSets(small.test, all_rows=small.dev), quick_plan())
    assert arm_names(evaluation) == ["raw", "selected", "all", "random"]
    assert (evaluation.verdict.effect, evaluation.verdict.difference) == ("unknown", None)
    assert evaluation.main_classifier == "embeddings"
    assert (evaluation.sample_weights, evaluation.learning_curves) == ({}, {})
    assert "no real seeds were given" in evaluation.notes[0]


def test_a_file_has_no_raw_texts() -> None:
    small = SmallRun()
    evaluation = evaluate(SyntheticSet("file", small.generated), small.real, quick_plan())
    assert arm_names(evaluation) == ["seeds", "selected", "seeds_selected", "seeds_replicated", "fitted"]
    assert "no text was dropped or left unselected, so that raw and selected are the same" in evaluation.notes


def test_labels_without_texts_are_noted() -> None:
    small = SmallRun()
    without_garden = [record for record in small.generated if record.label != "garden"]
    evaluation = evaluate(SyntheticSet("file", without_garden), small.real, quick_plan(labels=LABELS))
    assert "selected has no text of 4 of 6 labels: garden, concert, football, …" in evaluation.notes
    assert "test has no text of 3 of 6 labels: concert, football, post" in evaluation.notes
    assert evaluation.labels == list(LABELS)
    unknown_in_train = evaluate(small.synthetic_set(), RealSets([*small.test, POST], small.seeds), quick_plan())
    assert "train has no text of 1 of 4 labels: Post" in unknown_in_train.notes


def test_texts_with_several_labels_are_evaluated_with_thresholds_from_dev_rows() -> None:
    world = World(share=0.6)
    seeds, dev, test, generated = (
        world.multi_label_rows(name, size)
        for name, size in (("seeds", 40), ("dev", 60), ("test", 80), ("generated", 150))
    )
    evaluation = evaluate(SyntheticSet("file", generated), RealSets(test, seeds, dev), quick_plan(multi_label=True))
    assert evaluation.multi_label
    assert as_json(evaluation)["arms"]["seeds"]["words"]["micro_f1"] > 0.3
    assert evaluation.verdict.effect in {"helps", "no_difference"}


def test_the_sample_weight_is_fitted_with_the_texts_without_the_held_out_seeds() -> None:
    small = SmallRun()
    synthetic = small.synthetic_set()
    held_out: list[Sequence[int]] = []

    def texts_without_seeds(indices: Sequence[int]) -> list[Record]:
        held_out.append(indices)
        return [synthetic.selected[0], synthetic.surplus[0]]

    evaluation = evaluate(synthetic, small.real, quick_plan(texts_without_seeds=texts_without_seeds))
    assert sorted(index for indices in held_out for index in indices) == [*range(15)], "both classifiers share folds"
    with_all_texts = evaluate(synthetic, small.real, quick_plan())
    assert evaluation.sample_weights != with_all_texts.sample_weights
    assert evaluation.arm_results[0].f1.tolist() == with_all_texts.arm_results[0].f1.tolist()


def test_progress_is_logged() -> None:
    lines: list[str] = []
    evaluate(SmallRun().synthetic_set(), SmallRun().real, quick_plan(log=lines.append))
    assert lines[0] == "looking for contamination"
    assert "fitting the sample weight on words" in lines


def test_the_test_rows_are_the_reference_where_the_other_sets_are_small() -> None:
    rows = World().rows("rows", 20)
    assert reference_texts(RealSets(rows, rows[:30], rows[:40]), rows) == rows
    large = rows[:MIN_REFERENCE_TEXTS]
    assert reference_texts(RealSets(rows[:10], rows[:30], all_rows=large), rows[:10]) == large


@pytest.mark.parametrize(
    ("selected", "real", "message"),
    [
        ([], {}, "small: no selected text has a label"),
        ([UNLABELLED], {}, "small: no selected text has a label"),
        ([UNLABELLED, *SmallRun().generated[:2]], {}, "selected: 1 of 3 rows have no label"),
        (SmallRun().generated, {"train": [UNLABELLED]}, "train: 1 of 1 rows have no label"),
        (
            SmallRun().generated,
            {"test": [TWO_LABELS]},
            "test: 'tulips by letter' has 2 labels where one a text is expected; set `multi_label: true` in the recipe",
        ),
        (SmallRun().generated, {"test": []}, "test: no rows; an evaluation needs real test rows"),
        (
            SmallRun().generated,
            {"test": [POST]},
            "test: none of its labels is one of train's; test has Post, train has ",
        ),
        ([POST], {}, "test: none of its labels is one of selected's; test has .*, selected has Post"),
    ],
)
def test_unusable_sets_are_rejected_in_one_sentence(
    selected: list[Record], real: dict[str, list[Record]], message: str
) -> None:
    sets = {"test": SmallRun().test, "train": SmallRun().seeds, **real}
    with pytest.raises(UsageError, match=message) as error:
        check_sets(SyntheticSet("small", selected), RealSets(**sets), multi_label=False)
    assert "\n" not in str(error.value)


def test_a_label_that_the_recipe_does_not_have_is_named() -> None:
    small = SmallRun()
    with pytest.raises(UsageError, match=r"the label 'harbour' of .* is not one of the 2 labels"):
        evaluate(small.synthetic_set(), small.real, quick_plan(labels=["garden", "kitchen"]))


def test_only_the_texts_of_the_sets_are_embedded() -> None:
    embedded: set[str] = set()

    def recording_embed(texts: Sequence[str]) -> NDArray[np.float32]:
        embedded.update(texts)
        return embed(texts)

    small = SmallRun()
    evaluate(small.synthetic_set(), small.real, quick_plan(embed=recording_embed))
    assert embedded == {record.text for record in (*small.generated, *small.seeds, *small.test)}
