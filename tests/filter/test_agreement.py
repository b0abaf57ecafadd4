from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.contexts import context
from tests.filter.benches import Embed, judged, real_data, record, rows
from textsynth.core.records import Provenance, Record
from textsynth.core.seed_folds import assign_folds
from textsynth.filter.agreement import Agreement
from textsynth.similarity.vectors import Vectors

SAID = {
    "refund": ("please send my money back", "I want a refund", "when do I get my 20 euros back", "the refund is late"),
    "delivery": ("where is my parcel", "the courier never came", "my order has not arrived", "when is it delivered"),
    "praise": ("I love this shop", "great service, thank you", "you are the best", "what a lovely surprise"),
}
SEEDS = [
    Record(text, Provenance("seeds", index=row), (label,))
    for label, texts in SAID.items()
    for row, text in enumerate(texts)
]


def test_a_label_that_fits_is_kept_with_its_probability(embed: Embed) -> None:
    at = context(sources={"seeds": SEEDS}, embed=embed)
    good = judged(Agreement(), record("can I have my money returned?", "refund"), at)
    assert good is not None
    assert good.keeps
    assert good.score is not None
    assert 0.4 < good.score < 1


def test_a_label_that_does_not_fit_is_dropped_and_the_right_one_is_told(embed: Embed) -> None:
    at = context(sources={"seeds": SEEDS}, embed=embed)
    one = record("my parcel is still not here", "praise")
    bad = judged(Agreement(), one, at)
    assert bad is not None
    assert bad.reason == "the seeds' classifier puts another label first: delivery"
    assert bad.score is not None
    assert bad.limit is not None
    assert bad.score < bad.limit
    among_all = judged(Agreement(top_k=3), one, at)
    assert among_all is not None
    assert among_all.keeps
    unsure = judged(Agreement(top_k=3, min_confidence=0.9), one, at)
    assert unsure is not None
    assert unsure.reason == "the seeds' classifier is not sure of the label"


def directions(texts: Sequence[str]) -> Vectors:
    """Embed "a/b" as mostly the direction of a and a little of b."""
    names = ["red", "blue", "odd"]
    rows = np.zeros((len(texts), 3), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for weight, name in zip((1.0, 0.2), text.split("/"), strict=False):
            row[names.index(name.split("#")[0])] += weight
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_seed_that_was_shown_does_not_vouch_for_a_text_made_from_it() -> None:
    """A seed that lies among another label's, and a text just like it: only who never saw that seed says so."""
    red = [Record(f"red#{row}", Provenance("seeds"), ("red",)) for row in range(4)]
    blue = [Record(f"blue#{row}", Provenance("seeds"), ("blue",)) for row in range(3)]
    stray = Record("odd", Provenance("seeds"), ("blue",))
    seeds = [*red, *blue, stray]
    folds = assign_folds(seeds)
    held = next(one for one in blue if folds[one.id] == folds[stray.id])
    at = context(sources={"seeds": seeds}, labels={"red": "", "blue": ""}, embed=directions)
    one = record("odd/red", "blue", example_ids=[stray.id, held.id])
    vouched = judged(Agreement(), record("odd/red", "blue"), at)
    assert vouched is not None
    assert vouched.keeps
    alone = judged(Agreement(), one, at)
    assert alone is not None
    assert alone.reason == "the seeds' classifier puts another label first: red"
    parent = Record("odd/red", Provenance("paraphrase", parent_ids=(stray.id,)), ("blue",))
    child = judged(Agreement(), parent, at)
    assert child is not None
    assert child.reason == alone.reason


@pytest.mark.parametrize("seeds", [[], SEEDS[:4], [Record("no label", Provenance("seeds"))]])
def test_without_seeds_of_two_labels_everything_is_kept(seeds: list[Record]) -> None:
    at = context(sources={"seeds": seeds}, embed=lambda texts: np.ones((len(texts), 2), np.float32))
    assert judged(Agreement(), record("where is it", "delivery"), at) is None


def test_a_label_without_seeds_and_a_text_without_label_are_kept(embed: Embed) -> None:
    at = context(sources={"seeds": SEEDS}, embed=embed)
    assert judged(Agreement(), record("hello", "greeting"), at) is None
    assert judged(Agreement(), record("hello"), at) is None


def test_of_several_labels_one_that_fits_is_enough(embed: Embed) -> None:
    at = context(sources={"seeds": SEEDS}, embed=embed, multi_label=True)
    both = judged(Agreement(), record("my parcel is still not here", "praise", "delivery"), at)
    assert both is not None
    assert both.keeps


@pytest.mark.slow
@real_data
def test_five_seeds_a_label_tell_four_of_five_real_questions_right(embed: Embed) -> None:
    """Embeds 785 questions."""
    seeds = [
        Record(row["text"], Provenance("seeds", index=place), (row["label"],))
        for place, row in enumerate(rows("banking77/train_5shot.csv"))
    ]
    asked = [record(row["text"], row["label"]) for row in rows("banking77/train.csv")[::25]]
    at = context(sources={"seeds": seeds}, labels={}, embed=embed)
    for accept, least in ((1, 0.76), (2, 0.85)):
        verdicts = Agreement(top_k=accept).start(at).evaluate_batch(asked)
        assert sum(verdict is not None and verdict.keeps for verdict in verdicts) > least * len(asked)
