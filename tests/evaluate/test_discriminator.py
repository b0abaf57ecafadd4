from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.evaluate.sides import FANCY, PLAIN, sentences, unit
from textsynth.evaluate.discriminator import WORDS_TOLD, WordCounts, vector_auc

N = 60
SYNTHETIC = np.arange(2 * N) < N
FOLDS = np.tile(np.arange(N) % 5, 2)


def test_disjoint_words_tell_always() -> None:
    counts = WordCounts(sentences(FANCY, N, 1) + sentences(PLAIN, N, 2))
    assert counts.auc(SYNTHETIC, FOLDS) == 1.0


def test_words_of_one_kind_tell_as_a_coin_does() -> None:
    aucs = [WordCounts(sentences(PLAIN, 2 * N, seed)).auc(SYNTHETIC, FOLDS) for seed in range(12)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.05)


def test_vectors_on_two_sides_of_a_plane_tell_always_and_any_others_as_a_coin_does() -> None:
    rows = unit(2 * N, 1)
    rows[:, 0] = np.where(SYNTHETIC, 1, -1)
    assert vector_auc(rows, SYNTHETIC, FOLDS) == 1.0
    assert np.mean([vector_auc(unit(2 * N, seed), SYNTHETIC, FOLDS) for seed in range(12)]) == pytest.approx(
        0.5, abs=0.05
    )


def test_texts_without_words_tell_nothing() -> None:
    counts = WordCounts([""] * 2 * N)
    assert counts.auc(SYNTHETIC, FOLDS) == 0.5
    assert counts.discriminative_words(SYNTHETIC, FOLDS) == ([], [])


def test_words_that_training_never_saw_twice_tell_nothing() -> None:
    counts = WordCounts([f"word{number}" for number in range(2 * N)])
    assert counts.auc(SYNTHETIC, FOLDS) == 0.5
    assert counts.discriminative_words(SYNTHETIC, FOLDS) == ([], [])


def test_the_words_that_give_a_side_away_come_with_weight_and_shares() -> None:
    ours = [f"kindly {text}" if place % 2 else text for place, text in enumerate(sentences(PLAIN, N, 1))]
    theirs = [f"{text} mate" if place % 4 else text for place, text in enumerate(sentences(PLAIN, N, 2))]
    synthetic, real = WordCounts(ours + theirs).discriminative_words(SYNTHETIC, FOLDS)
    assert (synthetic[0].word, synthetic[0].synthetic, synthetic[0].real) == ("kindly", 0.5, 0.0)
    assert (real[0].word, real[0].synthetic, real[0].real) == ("mate", 0.0, 0.75)
    assert all(one.weight > 0 for one in synthetic)
    assert all(one.weight < 0 for one in real)


def test_of_overlapping_words_one_is_listed_and_never_more_than_fit() -> None:
    ours = ["in order to " + text for text in sentences([f"new{number}" for number in range(30)], N, 1, length=20)]
    synthetic, real = WordCounts(ours + sentences(PLAIN, N, 2)).discriminative_words(SYNTHETIC, FOLDS)
    assert len(synthetic) == len(real) == WORDS_TOLD
    words = [word for one in synthetic for word in one.word.split()]
    assert len(words) == len(set(words))


def test_a_name_that_one_family_repeats_gives_nobody_away() -> None:
    ours = [
        f"{text} michigan" if fold == 2 else text for text, fold in zip(sentences(PLAIN, N, 1), FOLDS, strict=False)
    ]
    synthetic, _ = WordCounts(ours + sentences(PLAIN, N, 2)).discriminative_words(SYNTHETIC, FOLDS)
    assert "michigan" not in [one.word for one in synthetic]


def test_pairs_in_a_row_count_as_words() -> None:
    ours = ["the bus is late and the train"] * N
    theirs = ["the train is late and the bus"] * N
    assert WordCounts(ours + theirs).auc(SYNTHETIC, FOLDS) == 1.0


def test_the_figure_is_the_one_of_plain_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = sentences([*PLAIN, *FANCY[:4]], N, 1) + sentences(PLAIN + FANCY[3:5], N, 2)
    aucs = []
    for fold in range(5):
        train, held_out = np.flatnonzero(fold != FOLDS), np.flatnonzero(fold == FOLDS)
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
        )
        model.fit([texts[at] for at in train], SYNTHETIC[train])
        scores = model.decision_function([texts[at] for at in held_out])
        aucs.append(roc_auc_score(SYNTHETIC[held_out], scores))
    assert WordCounts(texts).auc(SYNTHETIC, FOLDS) == pytest.approx(np.mean(aucs), abs=0.002)
