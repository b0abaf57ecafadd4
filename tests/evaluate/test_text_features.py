"""The features of rows with one text, with two and with three."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.contexts import MemoryStore
from tests.evaluate.worlds import LABELS, PairWorld, World, embed, make_classifiers
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.classifiers import CLASSIFIERS, INVERSE_STRENGTH, REVISION, ClassifierName, TrainingSet
from textsynth.evaluate.data import LabelledPool
from textsynth.similarity.text_features import WordCounts, text_vectors
from textsynth.task import Pairs

PAIRS = [("a red cat", "a cat"), ("two dogs", "two cats sleep"), ("a red dog", "it sleeps")]


def test_one_text_a_row_has_the_features_of_the_text() -> None:
    texts = [(first,) for first, _ in PAIRS]
    assert text_vectors(texts, embed).tobytes() == embed([first for first, _ in PAIRS]).tobytes()
    train, test = WordCounts(texts).features(np.array([0, 1]), np.array([2]))
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    assert train.toarray() == pytest.approx(vectorizer.fit_transform(["a red cat", "two dogs"]).toarray())
    assert test.toarray() == pytest.approx(vectorizer.transform(["a red dog"]).toarray())


def test_a_pair_has_the_features_of_both_texts_their_distance_and_their_product() -> None:
    a, b = (embed(list(texts)) for texts in zip(*PAIRS, strict=True))
    assert text_vectors(PAIRS, embed) == pytest.approx(np.concatenate([a, b, abs(a - b), a * b], axis=1))
    train, test = WordCounts(PAIRS).features(np.array([0, 1]), np.array([2]))
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    vectorizer.fit([text for column in zip(*PAIRS[:2], strict=True) for text in column])
    for features, pairs in ((train, PAIRS[:2]), (test, PAIRS[2:])):
        a, b = (vectorizer.transform(texts).toarray() for texts in zip(*pairs, strict=True))
        assert features.toarray() == pytest.approx(np.concatenate([a, b, abs(a - b), a * b], axis=1))


def test_three_texts_have_the_features_of_each_pair_of_them() -> None:
    texts = [("one", "two", "three"), ("four", "five", "six")]
    assert text_vectors(texts, embed).shape == (2, 9 * embed(["one"]).shape[1])
    train, test = WordCounts(texts).features(np.array([0]), np.array([1]))
    assert (train.shape, test.shape) == ((1, 9 * 3), (1, 9 * 3))


def test_texts_are_embedded_in_one_call() -> None:
    calls = []
    text_vectors(PAIRS, lambda texts: (calls.append(len(texts)), embed(texts))[1])
    assert calls == [6]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_cache_key_of_rows_with_one_text_is_that_of_the_text(classifier: ClassifierName) -> None:
    pool, cache = LabelledPool(LABELS, multi_label=False), MemoryStore()
    train, test = pool.add(World().rows("train", 2)), pool.add(World(2).rows("test", 1))
    training_set = TrainingSet(train, pool.targets[train], np.ones(len(train)))
    make_classifiers(pool, cache).probabilities(classifier, [training_set], test)
    digest = hashlib.sha256(
        f"{REVISION} hashed {len(LABELS)} False {classifier} {INVERSE_STRENGTH[classifier]}".encode()
    )
    texts = [hashlib.sha256(record.text.encode()).digest() for record in pool.records]
    digest.update(b"".join(texts[row] for row in train))
    digest.update(training_set.targets.tobytes() + training_set.weights.tobytes())
    digest.update(b"".join(texts[row] for row in test))
    assert list(cache) == [digest.digest()]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_cache_key_depends_on_every_text(classifier: ClassifierName) -> None:
    cache = MemoryStore()
    for second in ("b", "c", "b"):
        pool = LabelledPool(("yes", "no"), multi_label=False, task=Pairs())
        rows = pool.add(
            [Record("a", Provenance("s"), (label,), {"text_b": f"{label} {second}"}) for label in pool.labels]
        )
        training_set = TrainingSet(rows, pool.targets, np.ones(2))
        make_classifiers(pool, cache).probabilities(classifier, [training_set], rows)
    assert len(cache) == 2


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_both_classifiers_learn_how_the_texts_of_a_pair_are_related(classifier: ClassifierName) -> None:
    world = PairWorld()
    train_rows, test_rows = world.rows("train", 150), world.rows("test", 100)
    accuracy = {}
    for name, pool in {
        "both": LabelledPool(world.labels, multi_label=False, task=Pairs()),
        "first": LabelledPool(world.labels, multi_label=False),
    }.items():
        train, test = pool.add(train_rows), pool.add(test_rows)
        training_set = TrainingSet(train, pool.targets[train], np.ones(len(train)))
        (predicted,) = make_classifiers(pool).predictions(classifier, [training_set], test)
        accuracy[name] = float((predicted == pool.targets[test]).mean())
    assert accuracy["both"] > 0.85
    assert accuracy["first"] < 0.6
