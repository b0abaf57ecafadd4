"""The classifiers equal plain scikit-learn, and their predictions are cached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from tests.contexts import MemoryStore
from tests.evaluate.worlds import LABELS, World, embed, make_classifiers
from textsynth.evaluate.classifiers import CLASSIFIERS, INVERSE_STRENGTH, ClassifierName, Classifiers, TrainingSet
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.metrics import FloatArray, IntArray, f1_by_label, macro_f1, micro_f1, predict, truth_of

SCORE_TOLERANCE = 0.002
PROBABILITY_TOLERANCE = 0.025  # the solver stops a little earlier than in the reference


def reference_features(classifier: ClassifierName, train: Sequence[str], test: Sequence[str]) -> tuple[Any, Any]:
    """Return the features that plain scikit-learn or the embedder computes."""
    if classifier == "embeddings":
        return embed(train), embed(test)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    return vectorizer.fit_transform(train), vectorizer.transform(test)


def reference_classifier(classifier: ClassifierName) -> LogisticRegression:
    return LogisticRegression(C=INVERSE_STRENGTH[classifier], tol=1e-6, max_iter=2000)


def random_weights(rows: int) -> FloatArray:
    return np.random.default_rng(3).standard_exponential(rows)


def training_set(pool: LabelledPool, rows: IntArray, weights: FloatArray | None = None) -> TrainingSet:
    return TrainingSet(rows, pool.targets[rows], np.ones(len(rows)) if weights is None else weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_single_label_probabilities_equal_scikit_learn(classifier: ClassifierName, weighted: bool) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 30)), pool.add(world.rows("test", 200))
    weights = random_weights(len(train)) if weighted else np.ones(len(train))
    (probabilities,) = make_classifiers(pool).probabilities(classifier, [training_set(pool, train, weights)], test)
    train_features, test_features = reference_features(
        classifier, [pool.records[row].text for row in train], [pool.records[row].text for row in test]
    )
    reference = reference_classifier(classifier).fit(train_features, pool.targets[train], sample_weight=weights)
    assert probabilities.dtype == np.float32
    assert probabilities == pytest.approx(reference.predict_proba(test_features), abs=PROBABILITY_TOLERANCE)
    truth = truth_of(pool.targets[test], len(LABELS))
    score = float(macro_f1(f1_by_label(predict(probabilities, multi_label=False), truth), truth))
    expected = f1_score(pool.targets[test], reference.predict(test_features), average="macro")
    assert 0.5 < expected < 0.98  # neither too easy nor hopeless
    assert score == pytest.approx(expected, abs=SCORE_TOLERANCE)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_predictions_are_the_most_probable_labels_also_from_the_cache(classifier: ClassifierName) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 9)), pool.add(world.rows("test", 30))
    classifiers = make_classifiers(pool, MemoryStore())
    training_sets = [training_set(pool, train), training_set(pool, train, random_weights(len(train)))]
    predictions = classifiers.predictions(classifier, training_sets, test)
    probabilities = classifiers.probabilities(classifier, training_sets, test)
    assert [codes.tolist() for codes in predictions] == [scores.argmax(axis=1).tolist() for scores in probabilities]
    repeated = classifiers.predictions(classifier, training_sets, test)
    assert [codes.tolist() for codes in repeated] == [codes.tolist() for codes in predictions]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_multi_label_probabilities_equal_scikit_learn(classifier: ClassifierName) -> None:
    world = World(share=0.5)
    pool = LabelledPool(LABELS, multi_label=True)
    train, test = pool.add(world.multi_label_rows("train", 180)), pool.add(world.multi_label_rows("test", 1200))
    (probabilities,) = make_classifiers(pool).probabilities(classifier, [training_set(pool, train)], test)
    train_features, test_features = reference_features(
        classifier, [pool.records[row].text for row in train], [pool.records[row].text for row in test]
    )
    reference = np.stack(
        [
            reference_classifier(classifier).fit(train_features, targets).predict_proba(test_features)[:, 1]
            for targets in pool.targets[train].T
        ],
        axis=1,
    )
    assert probabilities == pytest.approx(reference, abs=PROBABILITY_TOLERANCE)
    truth = truth_of(pool.targets[test], len(LABELS))
    predicted = predict(probabilities, multi_label=True)
    expected = f1_score(pool.targets[test], reference >= 0.5, average="macro")
    assert 0.4 < expected < 0.98
    assert float(macro_f1(f1_by_label(predicted, truth), truth)) == pytest.approx(expected, abs=SCORE_TOLERANCE)
    expected_micro = f1_score(pool.targets[test], reference >= 0.5, average="micro")
    assert micro_f1(predicted, truth) == pytest.approx(expected_micro, abs=SCORE_TOLERANCE)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_training_sets_fitted_together_equal_those_fitted_alone(classifier: ClassifierName) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 10)), pool.add(world.rows("test", 10))
    original = training_set(pool, train)
    variants = [
        original,
        original.reweighted(random_weights(len(train))),
        original.reweighted(np.where(train < 30, 0.0, 1.0)),
    ]
    together = make_classifiers(pool).probabilities(classifier, variants, test)
    for variant, probabilities in zip(variants, together, strict=True):
        (alone,) = make_classifiers(pool).probabilities(classifier, [variant], test)
        assert probabilities == pytest.approx(alone, abs=PROBABILITY_TOLERANCE)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_row_of_weight_zero_is_ignored(classifier: ClassifierName) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, ignored, test = (pool.add(world.rows(name, 8)) for name in ("train", "ignored", "test"))
    rows = np.concatenate([train, ignored])
    weights = np.concatenate([np.ones(len(train)), np.zeros(len(ignored))])
    classifiers = make_classifiers(pool)
    (with_ignored,) = classifiers.probabilities(classifier, [training_set(pool, rows, weights)], test)
    (alone,) = classifiers.probabilities(classifier, [training_set(pool, train)], test)
    assert np.array_equal(with_ignored, alone)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("multi_label", [False, True])
def test_a_label_without_training_rows_has_the_probability_zero(classifier: ClassifierName, multi_label: bool) -> None:
    three_labels, all_labels = World(labels=LABELS[1:4]), World()
    pool = LabelledPool(LABELS, multi_label)
    train, test = pool.add(three_labels.rows("train", 8)), pool.add(all_labels.rows("test", 4))
    (probabilities,) = make_classifiers(pool).probabilities(classifier, [training_set(pool, train)], test)
    assert (probabilities[:, 1:4] > 0).all()
    assert probabilities[:, [0, 4, 5]].max() == 0
    if not multi_label:
        assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(test)), abs=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_only_trained_label_has_the_probability_one(multi_label: bool) -> None:
    pool = LabelledPool(LABELS, multi_label)
    train, test = pool.add(World(labels=LABELS[2:3]).rows("train", 3)), pool.add(World().rows("test", 1))
    for classifier in CLASSIFIERS:
        (probabilities,) = make_classifiers(pool).probabilities(classifier, [training_set(pool, train)], test)
        assert probabilities.tolist() == [[0, 0, 1, 0, 0, 0]] * len(test)


def test_predictions_come_from_the_cache_and_no_text_is_embedded_twice() -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 6)), pool.add(world.rows("test", 4))
    calls: list[int] = []

    def counting_embed(texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        return embed(texts)

    def new_classifiers() -> Classifiers:
        return Classifiers(
            pool.texts, len(LABELS), multi_label=False, embed=counting_embed, embedder="hashed", cache=cache
        )

    cache = MemoryStore()
    original = training_set(pool, train)
    variants = [original, original.reweighted(random_weights(len(train)))]
    first = new_classifiers()
    before = {classifier: first.probabilities(classifier, variants, test) for classifier in CLASSIFIERS}
    assert calls == [len(pool.texts)]
    first.probabilities("embeddings", [original.reweighted(random_weights(len(train)) + 1)], test)
    assert calls == [len(pool.texts)]
    stored = dict(cache)
    second = new_classifiers()
    for classifier in CLASSIFIERS:
        after = second.probabilities(classifier, variants, test)
        assert [scores.tobytes() for scores in after] == [scores.tobytes() for scores in before[classifier]]
    assert calls == [len(pool.texts)]
    assert cache == stored


def test_other_rows_weights_labels_and_embedders_have_their_own_cache_entries() -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 6)), pool.add(world.rows("test", 4))
    relabelled = LabelledPool(LABELS, multi_label=False)
    relabelled.add([row.with_labels([LABELS[0] if row.label == LABELS[1] else str(row.label)]) for row in pool.records])
    cache = MemoryStore()
    ones = np.ones(len(train))
    make_classifiers(pool, cache).probabilities("words", [training_set(pool, train, ones)], test)
    for number, (trained_pool, rows, weights, predicted_rows) in enumerate(
        (
            (pool, train, ones * 2, test),
            (pool, train, ones, test[1:]),
            (pool, train[1:], ones[1:], test),
            (relabelled, train, ones, test),
        )
    ):
        variant = training_set(trained_pool, rows, weights)
        make_classifiers(trained_pool, cache).probabilities("words", [variant], predicted_rows)
        assert len(cache) == 2 + number
    for embedder in ("hashed", "another"):
        classifiers = Classifiers(
            pool.texts, len(LABELS), multi_label=False, embed=embed, embedder=embedder, cache=cache
        )
        classifiers.probabilities("embeddings", [training_set(pool, train, ones)], test)
    assert len(cache) == 7
