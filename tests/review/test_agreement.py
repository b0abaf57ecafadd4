"""Cohen's kappa against his own definition, a known table and scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.review.agreement import PersonPair, cohens_kappa, pairwise_agreement
from textsynth.store.decisions import Decision

ratings = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60)


def test_a_known_table() -> None:
    # 50 proposals: both yes 20, both no 15, one alone yes 5 and 10; observed .7, by chance .5
    told = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohens_kappa(told) == 0.4


@given(ratings)
def test_it_is_what_scikit_learn_says(told: list[tuple[str, str]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with textsynth[embed]")
    found = cohens_kappa(told)
    if len({one for pair in told for one in pair}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(metrics.cohen_kappa_score(*zip(*told, strict=True)), abs=1e-4)


@given(ratings)
def test_it_does_not_matter_who_is_first_and_full_agreement_is_one(told: list[tuple[str, str]]) -> None:
    assert cohens_kappa(told) == cohens_kappa([(other, one) for one, other in told])
    same = cohens_kappa([(one, one) for one, _ in told])
    assert same in (None, 1.0)


def test_there_is_none_without_ratings() -> None:
    assert cohens_kappa([]) is None


def test_only_texts_that_both_decided_on_count_for_a_pair() -> None:
    def said(by: str, kind: str, *labels: str) -> Decision:
        return Decision("t", kind, labels, by)  # type: ignore[arg-type]

    standing = {
        "1": {"bob": said("bob", "keep", "refund"), "ann": said("ann", "relabel", "refund")},
        "2": {"ann": said("ann", "drop", "refund"), "bob": said("bob", "keep", "delivery")},
        "3": {"ann": said("ann", "drop", "x"), "bob": said("bob", "drop", "y"), "eve": said("eve", "keep", "x")},
        "4": {"ann": said("ann", "keep", "refund")},
    }
    found = pairwise_agreement(standing)
    assert found[0] == PersonPair(("ann", "bob"), 3, 2, 0.5)
    assert [one.people for one in found] == [("ann", "bob"), ("ann", "eve"), ("bob", "eve")]
    assert [(one.texts, one.same) for one in found[1:]] == [(1, 0), (1, 0)]
