from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from tests.contexts import context
from tests.filter.filtering import Embed, read_rows, real_data, record, verdict_on
from textsynth.core.records import Provenance, Record
from textsynth.core.seed_folds import assign_folds
from textsynth.filter.agreement import Agreement
from textsynth.similarity.vectors import Vectors

TEXTS = {
    "refund": ("please send my money back", "I want a refund", "when do I get my 20 euros back", "the refund is late"),
    "delivery": ("where is my parcel", "the courier never came", "my order has not arrived", "when is it delivered"),
    "praise": ("I love this shop", "great service, thank you", "you are the best", "what a lovely surprise"),
}
SEEDS = [
    Record(text, Provenance("seeds", index=row), (label,))
    for label, texts in TEXTS.items()
    for row, text in enumerate(texts)
]


def test_a_text_with_a_fitting_label_is_kept_with_its_probability(embed: Embed) -> None:
    run = context(sources={"seeds": SEEDS}, embed=embed)
    good = verdict_on(Agreement(), record("can I have my money returned?", "refund"), run)
    assert good is not None
    assert good.keeps
    assert good.score is not None
    assert 0.4 < good.score < 1


def test_a_text_with_a_wrong_label_is_dropped_and_the_reason_names_the_other_label(embed: Embed) -> None:
    run = context(sources={"seeds": SEEDS}, embed=embed)
    text = record("my parcel is still not here", "praise")
    bad = verdict_on(Agreement(), text, run)
    assert bad is not None
    assert bad.reason == "the seeds' classifier puts another label first: delivery"
    assert bad.score is not None
    assert bad.limit is not None
    assert bad.score < bad.limit
    among_all = verdict_on(Agreement(top_k=3), text, run)
    assert among_all is not None
    assert among_all.keeps
    unsure = verdict_on(Agreement(top_k=3, min_confidence=0.9), text, run)
    assert unsure is not None
    assert unsure.reason == "the seeds' classifier gives the label too little probability"


def directions(texts: Sequence[str]) -> Vectors:
    """Return for each text "a/b" a vector mostly in the direction of a and a little in that of b."""
    names = ["red", "blue", "odd"]
    rows = np.zeros((len(texts), 3), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for weight, name in zip((1.0, 0.2), text.split("/"), strict=False):
            row[names.index(name.split("#")[0])] += weight
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_text_is_not_checked_with_the_seeds_that_its_prompt_showed() -> None:
    """A seed is close to the seeds of another label. A text like it is kept only by a classifier trained on it."""
    red = [Record(f"red#{row}", Provenance("seeds"), ("red",)) for row in range(4)]
    blue = [Record(f"blue#{row}", Provenance("seeds"), ("blue",)) for row in range(3)]
    outlier = Record("odd", Provenance("seeds"), ("blue",))
    seeds = [*red, *blue, outlier]
    folds = assign_folds(seeds)
    same_fold = next(seed for seed in blue if folds[seed.id] == folds[outlier.id])
    run = context(sources={"seeds": seeds}, labels={"red": "", "blue": ""}, embed=directions)
    text = record("odd/red", "blue", example_ids=[outlier.id, same_fold.id])
    with_all_seeds = verdict_on(Agreement(), record("odd/red", "blue"), run)
    assert with_all_seeds is not None
    assert with_all_seeds.keeps
    cross_fitted = verdict_on(Agreement(), text, run)
    assert cross_fitted is not None
    assert cross_fitted.reason == "the seeds' classifier puts another label first: red"
    paraphrase = Record("odd/red", Provenance("paraphrase", parent_ids=(outlier.id,)), ("blue",))
    verdict = verdict_on(Agreement(), paraphrase, run)
    assert verdict is not None
    assert verdict.reason == cross_fitted.reason


@pytest.mark.parametrize("seeds", [[], SEEDS[:4], [Record("no label", Provenance("seeds"))]])
def test_without_seeds_of_two_labels_every_text_is_kept(seeds: list[Record]) -> None:
    run = context(sources={"seeds": seeds}, embed=lambda texts: np.ones((len(texts), 2), np.float32))
    assert verdict_on(Agreement(), record("where is it", "delivery"), run) is None


def test_texts_without_a_label_or_whose_label_has_no_seeds_are_kept(embed: Embed) -> None:
    run = context(sources={"seeds": SEEDS}, embed=embed)
    assert verdict_on(Agreement(), record("hello", "greeting"), run) is None
    assert verdict_on(Agreement(), record("hello"), run) is None


def test_a_label_that_overlaps_with_another_is_judged_by_its_own_seeds() -> None:
    """The seeds of "mixed" are all over those of "red", so the classifier puts most of them elsewhere."""
    angles = {"red": range(0, 40, 2), "mixed": range(1, 41, 4), "blue": range(80, 100, 2)}
    seeds = [
        Record(f"{angle}", Provenance("seeds", index=index), (label,))
        for label, numbers in angles.items()
        for index, angle in enumerate(numbers)
    ]
    run = context(sources={"seeds": seeds}, labels=dict.fromkeys(angles, ""), embed=by_angle)
    texts = [record(f"{angle}.5", "mixed") for angle in range(2, 38)]
    kept = {
        per_label: [
            verdict is None or verdict.keeps
            for verdict in Agreement(per_label=per_label).start(run).evaluate_batch(texts)
        ]
        for per_label in (False, True)
    }
    assert sum(kept[False]) <= sum(kept[True])
    assert sum(kept[True]) >= 0.15 * len(texts)
    assert not any(
        verdict is None or verdict.keeps
        for verdict in Agreement().start(run).evaluate_batch([record("88.5", "mixed"), record("85.5", "red")])
    )
    few = dataclasses.replace(run, sources={"seeds": [seed for seed in seeds if int(seed.text) % 10 < 2]})
    results = [Agreement(per_label=per_label).start(few).evaluate_batch(texts) for per_label in (False, True)]
    assert results[0] == results[1]


def by_angle(texts: Sequence[str]) -> Vectors:
    """Return for each text, a number of degrees, the unit vector in this direction."""
    radians = np.radians([float(text) for text in texts])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


COLORS = [
    Record(f"{text}#{row}", Provenance("seeds"), tuple(sorted(set(text.split("/")))))
    for text in ("red", "blue", "odd", "red/blue", "blue/red")
    for row in range(2)
]


def in_colors(texts: Sequence[str]) -> Vectors:
    """Return for each text "a/b#n" a vector half in the direction of a and half in that of b."""
    names = ["red", "blue", "odd"]
    rows = np.array([[name in text.partition("#")[0].split("/") for name in names] for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_of_several_labels_each_must_fit() -> None:
    run = context(sources={"seeds": COLORS}, labels=dict.fromkeys(("red", "blue", "odd"), ""), embed=in_colors)
    run = dataclasses.replace(run, multi_label=True)
    both = verdict_on(Agreement(min_confidence=0.5), record("red/blue", "red", "blue"), run)
    assert both is not None
    assert both.keeps
    assert both.score is not None
    assert both.score > 0.5
    for text, labels, other in (("red/odd", ("red", "blue"), "odd"), ("red/blue", ("odd", "blue"), "red")):
        one_fits = verdict_on(Agreement(), record(text, *labels), run)
        assert one_fits is not None
        assert one_fits.reason == f"the seeds' classifier puts another label first: {other}"
        assert one_fits.score is not None
        assert one_fits.limit is not None
        assert one_fits.score < one_fits.limit
    unsure = verdict_on(Agreement(top_k=3, min_confidence=0.5), record("red", "red", "odd"), run)
    assert unsure is not None
    assert unsure.reason == "the seeds' classifier gives the label too little probability"


def test_a_label_that_every_seed_has_always_fits() -> None:
    seeds = [Record(f"{name}#{row}", Provenance("seeds"), ("any", name)) for name in ("red", "blue") for row in (0, 1)]
    run = dataclasses.replace(context(sources={"seeds": seeds}, labels={}, embed=in_colors), multi_label=True)
    verdict = verdict_on(Agreement(), record("red", "any", "red"), run)
    assert verdict is not None
    assert verdict.keeps


@pytest.mark.slow
@real_data
def test_with_five_seeds_per_label_three_of_four_real_questions_agree(embed: Embed) -> None:
    """Embeds 785 questions."""
    seeds = [
        Record(row["text"], Provenance("seeds", index=index), (row["label"],))
        for index, row in enumerate(read_rows("banking77/train_5shot.csv"))
    ]
    questions = [record(row["text"], row["label"]) for row in read_rows("banking77/train.csv")[::25]]
    run = context(sources={"seeds": seeds}, labels={}, embed=embed)
    for top_k, minimum in ((1, 0.76), (2, 0.85)):
        verdicts = Agreement(top_k=top_k).start(run).evaluate_batch(questions)
        assert sum(verdict is not None and verdict.keeps for verdict in verdicts) > minimum * len(questions)
