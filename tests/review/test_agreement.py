"""Cohen's kappa, compared with its definition, a published table and scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.review.agreement import PersonPair, cohens_kappa, pairwise_agreement
from textsynth.store.decisions import Decision

ratings = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60)


def test_a_published_table() -> None:
    # 50 proposals: both yes 20, both no 15, only one yes 5 and 10; observed agreement 0.7, expected 0.5.
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohens_kappa(pairs) == 0.4


@given(ratings)
def test_kappa_equals_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with textsynth[embed]")
    kappa = cohens_kappa(pairs)
    if len({rating for pair in pairs for rating in pair}) == 1:
        assert kappa is None
    else:
        assert kappa == pytest.approx(metrics.cohen_kappa_score(*zip(*pairs, strict=True)), abs=1e-4)


@given(ratings)
def test_kappa_is_symmetric_and_one_for_full_agreement(pairs: list[tuple[str, str]]) -> None:
    assert cohens_kappa(pairs) == cohens_kappa([(second, first) for first, second in pairs])
    assert cohens_kappa([(first, first) for first, _ in pairs]) in (None, 1.0)


def test_there_is_no_kappa_without_ratings() -> None:
    assert cohens_kappa([]) is None


def test_a_pair_is_compared_on_the_texts_that_both_decided_on() -> None:
    def decision(by: str, kind: str, *labels: str) -> Decision:
        return Decision("t", kind, labels, by)  # type: ignore[arg-type]

    pairs = pairwise_agreement(
        {
            "1": {"bob": decision("bob", "keep", "refund"), "ann": decision("ann", "relabel", "refund")},
            "2": {"ann": decision("ann", "drop", "refund"), "bob": decision("bob", "keep", "delivery")},
            "3": {
                "ann": decision("ann", "drop", "x"),
                "bob": decision("bob", "drop", "y"),
                "eve": decision("eve", "keep", "x"),
            },
            "4": {"ann": decision("ann", "keep", "refund")},
        }
    )
    assert pairs[0] == PersonPair(("ann", "bob"), 3, 2, 0.5)
    assert [pair.people for pair in pairs] == [("ann", "bob"), ("ann", "eve"), ("bob", "eve")]
    assert [(pair.texts, pair.same) for pair in pairs[1:]] == [(1, 0), (1, 0)]
