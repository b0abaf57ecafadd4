from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.contexts import LABELS, context
from textsynth.core.records import Provenance, Record
from textsynth.label.shortlist import Shortlist

MANY = {f"label_{n}": f"meaning {n}" for n in range(9)}


def embed(texts: Sequence[str]) -> np.ndarray:
    """Return the direction given by the number in each text: near numbers have a high cosine."""
    angles = [int("".join(filter(str.isdigit, text))[:1]) / 10 for text in texts]
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)


def labels_for(text: str, *intended: str, size: int = 3) -> list[str]:
    (names,) = Shortlist(context(labels=MANY, embed=embed), size).labels_for(
        [Record(text, Provenance("labelled"), intended)]
    )
    return names


def test_few_labels_are_all_listed_and_nothing_is_embedded() -> None:
    assert Shortlist(context(), 3).labels_for([Record("a", Provenance("labelled"))]) == [list(LABELS)]


def test_the_nearest_labels_come_first() -> None:
    assert labels_for("about 0") == ["label_0", "label_1", "label_2"]


def test_the_intended_label_is_always_listed() -> None:
    assert labels_for("about 0", "label_8") == ["label_0", "label_1", "label_8"]
    assert labels_for("about 0", "label_1") == ["label_0", "label_1", "label_2"]


def test_no_records_give_no_lists() -> None:
    assert Shortlist(context(labels=MANY, embed=embed), 3).labels_for([]) == []
