from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.contexts import LABELS, context
from textsynth.core.records import Provenance, Record
from textsynth.label.shortlist import Shortlist

MANY = {f"label_{n}": f"meaning {n}" for n in range(9)}


def embed(texts: Sequence[str]) -> np.ndarray:
    """Place each text on an arc by the number in it: near numbers are alike."""
    turns = [int("".join(filter(str.isdigit, text))[:1]) / 10 for text in texts]
    return np.array([[np.cos(turn), np.sin(turn)] for turn in turns], dtype=np.float32)


def shown(text: str, *labels: str, size: int = 3) -> list[str]:
    (names,) = Shortlist(context(labels=MANY, embed=embed), size).labels_for(
        [Record(text, Provenance("labelled"), labels)]
    )
    return names


def test_few_labels_are_all_shown_and_nothing_is_embedded() -> None:
    assert Shortlist(context(), 3).labels_for([Record("a", Provenance("labelled"))]) == [list(LABELS)]


def test_the_nearest_come_first() -> None:
    assert shown("about 0") == ["label_0", "label_1", "label_2"]


def test_the_intended_label_is_always_there() -> None:
    assert shown("about 0", "label_8") == ["label_0", "label_1", "label_8"]
    assert shown("about 0", "label_1") == ["label_0", "label_1", "label_2"]


def test_no_records_have_no_lists() -> None:
    assert Shortlist(context(labels=MANY, embed=embed), 3).labels_for([]) == []
