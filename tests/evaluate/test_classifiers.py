"""The classifiers are those of a plain scikit-learn script; what they were asked once is kept."""

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
from tests.evaluate.worlds import LABELS, World, classifiers, embed
from textsynth.evaluate.classifiers import INVERSE_STRENGTH, KINDS, Classifiers, Kind, Training
from textsynth.evaluate.data import LabelledPool
from textsynth.evaluate.metrics import decide, f1_by_label, macro_f1, micro_f1, truth_of

NEAR = 0.002
CHANCE = 0.025  # the solver stops a little earlier than the script's


def features(kind: Kind, train: Sequence[str], test: Sequence[str]) -> tuple[Any, Any]:
    """Return what a script of its own would make of the texts."""
    if kind == "embeddings":
        return embed(train), embed(test)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    return vectorizer.fit_transform(train), vectorizer.transform(test)


def plain(kind: Kind) -> LogisticRegression:
    return LogisticRegression(C=INVERSE_STRENGTH[kind], tol=1e-6, max_iter=2000)


def weights_of(rows: int) -> NDArray[np.float64]:
    return np.random.default_rng(3).standard_exponential(rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_label_a_text_is_learnt_as_a_script_would(kind: Kind, weighted: bool) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 30)), pool.add(world.rows("test", 200))
    weights = weights_of(len(train)) if weighted else np.ones(len(train))
    (scores,) = classifiers(pool).scores(kind, [Training(train, pool.targets[train], weights)], test)
    given, asked = features(kind, [pool.texts[row] for row in train], [pool.texts[row] for row in test])
    script = plain(kind).fit(given, pool.targets[train], sample_weight=weights)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(script.predict_proba(asked), abs=CHANCE)
    truth = truth_of(pool.targets[test], len(LABELS))
    found = float(macro_f1(f1_by_label(decide(scores, multi_label=False), truth), truth))
    wanted = f1_score(pool.targets[test], script.predict(asked), average="macro")
    assert 0.5 < wanted < 0.98  # neither too easy nor hopeless
    assert found == pytest.approx(wanted, abs=NEAR)


@pytest.mark.parametrize("kind", KINDS)
def test_the_likeliest_label_is_kept_in_a_fraction_of_the_space(kind: Kind) -> None:
    world, memory = World(), MemoryStore()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 9)), pool.add(world.rows("test", 30))
    told = classifiers(pool, memory)
    trainings = [
        Training(train, pool.targets[train], weights) for weights in (np.ones(len(train)), weights_of(len(train)))
    ]
    best = told.best(kind, trainings, test)
    scores = told.scores(kind, trainings, test)
    assert [one.tolist() for one in best] == [one.argmax(axis=1).tolist() for one in scores]
    assert [one.tolist() for one in told.best(kind, trainings, test)] == [one.tolist() for one in best]


@pytest.mark.parametrize("kind", KINDS)
def test_several_labels_a_text_are_learnt_as_a_script_would(kind: Kind) -> None:
    world = World(share=0.5)
    pool = LabelledPool(LABELS, multi_label=True)
    train, test = pool.add(world.several("train", 180)), pool.add(world.several("test", 1200))
    (scores,) = classifiers(pool).scores(kind, [Training(train, pool.targets[train], np.ones(len(train)))], test)
    given, asked = features(kind, [pool.texts[row] for row in train], [pool.texts[row] for row in test])
    script = np.stack(
        [plain(kind).fit(given, own).predict_proba(asked)[:, 1] for own in pool.targets[train].T], axis=1
    )  # fmt: skip
    assert scores == pytest.approx(script, abs=CHANCE)
    truth = truth_of(pool.targets[test], len(LABELS))
    told = decide(scores, multi_label=True)
    wanted = f1_score(pool.targets[test], script >= 0.5, average="macro")
    assert 0.4 < wanted < 0.98
    assert float(macro_f1(f1_by_label(told, truth), truth)) == pytest.approx(wanted, abs=NEAR)
    micro = f1_score(pool.targets[test], script >= 0.5, average="micro")
    assert micro_f1(told, truth) == pytest.approx(micro, abs=NEAR)


@pytest.mark.parametrize("kind", KINDS)
def test_variants_asked_together_are_those_asked_alone(kind: Kind) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 10)), pool.add(world.rows("test", 10))
    one = Training(train, pool.targets[train], np.ones(len(train)))
    variants = [one, one.weighted(weights_of(len(train))), one.weighted(np.where(train < 30, 0.0, 1.0))]
    together = classifiers(pool).scores(kind, variants, test)
    for variant, scores in zip(variants, together, strict=True):
        (alone,) = classifiers(pool).scores(kind, [variant], test)
        assert scores == pytest.approx(alone, abs=CHANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_weight_nothing_is_no_row(kind: Kind) -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, more, test = (pool.add(world.rows(name, 8)) for name in ("train", "more", "test"))
    rows = np.concatenate([train, more])
    weights = np.concatenate([np.ones(len(train)), np.zeros(len(more))])
    asked = classifiers(pool)
    (found,) = asked.scores(kind, [Training(rows, pool.targets[rows], weights)], test)
    (alone,) = asked.scores(kind, [Training(train, pool.targets[train], np.ones(len(train)))], test)
    assert np.array_equal(found, alone)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("multi_label", [False, True])
def test_a_label_without_training_rows_has_no_chance(kind: Kind, multi_label: bool) -> None:
    few, all_of_them = World(labels=LABELS[1:4]), World()
    pool = LabelledPool(LABELS, multi_label)
    train, test = pool.add(few.rows("train", 8)), pool.add(all_of_them.rows("test", 4))
    (scores,) = classifiers(pool).scores(kind, [Training(train, pool.targets[train], np.ones(len(train)))], test)
    known = (scores[:, 1:4] > 0).all(axis=1)
    assert known.all()
    assert scores[:, [0, 4, 5]].max() == 0
    if not multi_label:
        assert scores.sum(axis=1) == pytest.approx(np.ones(len(test)), abs=1e-5)


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_only_label_there_is_is_certain(multi_label: bool) -> None:
    pool = LabelledPool(LABELS, multi_label)
    train, test = pool.add(World(labels=LABELS[2:3]).rows("train", 3)), pool.add(World().rows("test", 1))
    for kind in KINDS:
        (scores,) = classifiers(pool).scores(kind, [Training(train, pool.targets[train], np.ones(3))], test)
        assert scores.tolist() == [[0, 0, 1, 0, 0, 0]] * len(test)


def test_what_was_asked_before_comes_from_the_memory_and_nothing_is_embedded_twice() -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 6)), pool.add(world.rows("test", 4))
    calls: list[int] = []

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(texts))
        return embed(texts)

    def judges() -> Classifiers:
        return Classifiers(pool.texts, len(LABELS), multi_label=False, embed=counted, embedder="hashed", memory=memory)

    memory = MemoryStore()
    one = Training(train, pool.targets[train], np.ones(len(train)))
    variants = [one, one.weighted(weights_of(len(train)))]
    first = judges()
    told = {kind: first.scores(kind, variants, test) for kind in KINDS}
    assert calls == [len(pool.texts)]
    first.scores("embeddings", [one.weighted(weights_of(len(train)) + 1)], test)
    assert calls == [len(pool.texts)]
    kept = dict(memory)
    second = judges()
    for kind in KINDS:
        again = second.scores(kind, variants, test)
        assert [scores.tobytes() for scores in again] == [scores.tobytes() for scores in told[kind]]
    assert calls == [len(pool.texts)]
    assert memory == kept


def test_another_question_is_another_answer() -> None:
    world = World()
    pool = LabelledPool(LABELS, multi_label=False)
    train, test = pool.add(world.rows("train", 6)), pool.add(world.rows("test", 4))
    other = LabelledPool(LABELS, multi_label=False)
    other.add([row.with_labels([LABELS[0] if row.label == LABELS[1] else str(row.label)]) for row in pool.records])
    memory = MemoryStore()
    ones = np.ones(len(train))
    classifiers(pool, memory).scores("words", [Training(train, pool.targets[train], ones)], test)
    for number, (asked, rows, weights, about) in enumerate(
        (
            (pool, train, ones * 2, test),
            (pool, train, ones, test[1:]),
            (pool, train[1:], ones[1:], test),
            (other, train, ones, test),
        )
    ):
        classifiers(asked, memory).scores("words", [Training(rows, asked.targets[rows], weights)], about)
        assert len(memory) == 2 + number
    for embedder in ("hashed", "another"):
        named = Classifiers(pool.texts, len(LABELS), multi_label=False, embed=embed, embedder=embedder, memory=memory)
        named.scores("embeddings", [Training(train, pool.targets[train], ones)], test)
    assert len(memory) == 7
