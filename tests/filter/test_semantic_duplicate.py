from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.filtering import Embed, batch, filter_window, record
from textsynth.filter.semantic_duplicate import SemanticDuplicate
from textsynth.similarity.vectors import Vectors


def angles(texts: list[str]) -> Vectors:
    """Return for each text, a number of degrees, the unit vector in this direction."""
    radians = np.radians([float(text) for text in texts])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_the_same_question_in_other_words_is_a_duplicate(embed: Embed) -> None:
    first, same, other = batch(
        "Why hasn't my top-up gone through?", "Why has my top up not gone through yet?", "Where is my new card?"
    )
    accepted, dropped = filter_window(SemanticDuplicate().start(context(embed=embed)), [first, same, other])
    assert accepted == [first, other]
    assert [(drop.record, drop.duplicate_of, drop.limit) for drop in dropped] == [(same, first.id, 0.95)]
    assert dropped[0].score is not None
    assert 0.95 <= dropped[0].score < 1


def test_an_accepted_duplicate_takes_precedence_over_one_of_the_batch() -> None:
    session = SemanticDuplicate().start(context(embed=angles))  # type: ignore[arg-type]
    accepted, *candidates = batch("0", "3", "4")
    session.commit([accepted])
    assert [verdict and verdict.duplicate_of for verdict in session.evaluate_batch(candidates)] == [
        accepted.id,
        accepted.id,
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 90)), st.lists(st.integers(0, 90)))
def test_no_two_similar_texts_are_kept_and_each_dropped_one_has_a_duplicate(before: list[int], now: list[int]) -> None:
    session = SemanticDuplicate(similarity=0.95).start(context(embed=angles))  # type: ignore[arg-type]
    earlier, _ = filter_window(session, batch(*map(str, before)))
    window = [record(str(angle), index=100 + number) for number, angle in enumerate(now)]
    assert session.evaluate_batch(window) == session.evaluate_batch(window)
    accepted, dropped = filter_window(session, window)
    angle_of = {text.id: int(text.text) for text in (*earlier, *accepted)}
    assert all(np.cos(np.radians(b - a)) < 0.9501 for a, b in pairwise(sorted(angle_of.values())))
    for drop in dropped:
        assert drop.duplicate_of is not None
        assert np.cos(np.radians(angle_of[drop.duplicate_of] - int(drop.record.text))) > 0.9499
