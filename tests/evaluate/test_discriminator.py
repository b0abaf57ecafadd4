from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from tests.evaluate.styled_texts import FANCY, PLAIN, sentences, unit_vectors
from textsynth.evaluate.discriminator import MAX_WORDS, WordDiscriminator, vector_auc

N = 60
IS_SYNTHETIC = np.arange(2 * N) < N
FOLDS = np.tile(np.arange(N) % 5, 2)


def test_disjoint_vocabularies_are_separated_perfectly() -> None:
    discriminator = WordDiscriminator(sentences(FANCY, N, 1) + sentences(PLAIN, N, 2))
    assert discriminator.auc(IS_SYNTHETIC, FOLDS) == 1.0


def test_words_of_one_style_give_an_auc_of_chance() -> None:
    aucs = [WordDiscriminator(sentences(PLAIN, 2 * N, seed)).auc(IS_SYNTHETIC, FOLDS) for seed in range(12)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.05)


def test_separable_vectors_have_an_auc_of_one_and_random_vectors_that_of_chance() -> None:
    vectors = unit_vectors(2 * N, 1)
    vectors[:, 0] = np.where(IS_SYNTHETIC, 1, -1)
    assert vector_auc(vectors, IS_SYNTHETIC, FOLDS) == 1.0
    aucs = [vector_auc(unit_vectors(2 * N, seed), IS_SYNTHETIC, FOLDS) for seed in range(12)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.05)


def test_texts_without_words_have_an_auc_of_chance_and_no_words() -> None:
    discriminator = WordDiscriminator([""] * 2 * N)
    assert discriminator.auc(IS_SYNTHETIC, FOLDS) == 0.5
    assert discriminator.discriminative_words(IS_SYNTHETIC, FOLDS) == ([], [])


def test_words_that_occur_once_are_not_used() -> None:
    discriminator = WordDiscriminator([f"word{number}" for number in range(2 * N)])
    assert discriminator.auc(IS_SYNTHETIC, FOLDS) == 0.5
    assert discriminator.discriminative_words(IS_SYNTHETIC, FOLDS) == ([], [])


def test_characteristic_words_have_their_weight_and_shares() -> None:
    ours = [f"kindly {text}" if index % 2 else text for index, text in enumerate(sentences(PLAIN, N, 1))]
    theirs = [f"{text} mate" if index % 4 else text for index, text in enumerate(sentences(PLAIN, N, 2))]
    synthetic, real = WordDiscriminator(ours + theirs).discriminative_words(IS_SYNTHETIC, FOLDS)
    assert (synthetic[0].word, synthetic[0].synthetic, synthetic[0].real) == ("kindly", 0.5, 0.0)
    assert (real[0].word, real[0].synthetic, real[0].real) == ("mate", 0.0, 0.75)
    assert all(word.weight > 0 for word in synthetic)
    assert all(word.weight < 0 for word in real)


def test_overlapping_words_are_listed_once_and_the_list_is_limited() -> None:
    vocabulary = [f"new{number}" for number in range(30)]
    ours = ["in order to " + text for text in sentences(vocabulary, N, 1, length=20)]
    texts = ours + sentences(PLAIN, N, 2)
    synthetic, real = WordDiscriminator(texts).discriminative_words(IS_SYNTHETIC, FOLDS)
    assert len(synthetic) == len(real) == MAX_WORDS
    parts = [part for word in synthetic for part in word.word.split()]
    assert len(parts) == len(set(parts))


def test_a_name_that_one_family_repeats_is_not_characteristic() -> None:
    ours = [
        f"{text} michigan" if fold == 2 else text for text, fold in zip(sentences(PLAIN, N, 1), FOLDS, strict=False)
    ]
    texts = ours + sentences(PLAIN, N, 2)
    synthetic, _ = WordDiscriminator(texts).discriminative_words(IS_SYNTHETIC, FOLDS)
    assert "michigan" not in [word.word for word in synthetic]


def test_bigrams_are_used() -> None:
    ours = ["the bus is late and the train"] * N
    theirs = ["the train is late and the bus"] * N
    assert WordDiscriminator(ours + theirs).auc(IS_SYNTHETIC, FOLDS) == 1.0


def test_the_auc_equals_that_of_plain_scikit_learn() -> None:
    texts = sentences([*PLAIN, *FANCY[:4]], N, 1) + sentences(PLAIN + FANCY[3:5], N, 2)
    aucs = []
    for fold in range(5):
        train, held_out = np.flatnonzero(fold != FOLDS), np.flatnonzero(fold == FOLDS)
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
        )
        model.fit([texts[index] for index in train], IS_SYNTHETIC[train])
        scores = model.decision_function([texts[index] for index in held_out])
        aucs.append(roc_auc_score(IS_SYNTHETIC[held_out], scores))
    assert WordDiscriminator(texts).auc(IS_SYNTHETIC, FOLDS) == pytest.approx(np.mean(aucs), abs=0.002)
