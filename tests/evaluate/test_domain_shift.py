from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest

from tests.evaluate.sides import FANCY, PLAIN, children, records, sentences, unit
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.domain_shift import VALUES_AT_MOST, DomainShift, measure_domain_shift

DATA = Path(__file__).parents[3] / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets of shared/data are not on this machine")
LABELS = ["fare", "route"]


def gap(ours: list[Record], theirs: list[Record], seed: int = 7) -> DomainShift:
    return measure_domain_shift(ours, theirs, unit(len(ours), 1), unit(len(theirs), 2), labels=LABELS, seed=seed)


def test_disjoint_vocabularies_are_told_apart_and_the_words_named() -> None:
    found = gap(records(sentences(FANCY, 60, 1), LABELS), records(sentences(PLAIN, 90, 2), LABELS))
    assert found.auc_words == pytest.approx(1.0)
    assert found.n == 60
    assert {one.word for one in found.synthetic_words if " " not in one.word} <= set(FANCY)
    assert {one.word for one in found.real_words if " " not in one.word} <= set(PLAIN)
    assert found.vocabulary.shared == 0.0
    assert found.notes == ()


def test_random_halves_of_the_same_texts_are_not() -> None:
    texts, rows = sentences(PLAIN, 400, 1), unit(400, 3)
    aucs = []
    for seed in range(6):
        order = random.Random(seed).sample(range(400), 400)
        halves = [records([texts[at] for at in half], item=f"half {seed}") for half in (order[:200], order[200:])]
        found = measure_domain_shift(*halves, rows[order[:200]], rows[order[200:]], labels=[], seed=seed)
        aucs.append((found.auc_words or 0, found.auc_embeddings or 0))
    assert np.mean(aucs, axis=0) == pytest.approx([0.5, 0.5], abs=0.05)


def test_other_shares_of_labels_are_no_gap_but_shown() -> None:
    words = {"fare": PLAIN[:8], "route": PLAIN[8:]}
    ours = [*records(sentences(words["fare"], 200, 1), ["fare"]), *records(sentences(words["route"], 50, 2), ["route"])]
    theirs = [
        *records(sentences(words["fare"], 50, 3), ["fare"]),
        *records(sentences(words["route"], 200, 4), ["route"]),
    ]
    found = gap(ours, theirs)
    assert found.n == 100
    assert found.auc_words == pytest.approx(0.5, abs=0.12)
    assert (found.labels["fare"].synthetic, found.labels["fare"].real) == (0.8, 0.2)
    unlabelled = [[Record(one.text, one.provenance) for one in side] for side in (ours, theirs)]
    assert (gap(*unlabelled).auc_words or 0) > 0.75


def test_a_family_that_says_the_same_again_is_no_gap() -> None:
    # ten rewordings of each of 20 texts, told only by the names that their source has
    sources = [f"{text} {name}" for text, name in zip(sentences(PLAIN, 20, 1), names(20), strict=True)]
    texts = [f"{source} {word}" for word in PLAIN[:10] for source in sources]
    theirs = records([f"{text} {name}" for text, name in zip(sentences(PLAIN, 200, 2), names(220)[20:], strict=True)])
    assert (gap(children(texts, sources), theirs).auc_words or 1) < 0.75
    assert (gap(records(texts), theirs).auc_words or 0) > 0.95


def names(count: int) -> list[str]:
    return [f"name{number}" for number in range(count)]


def test_nothing_depends_on_the_order_of_the_texts_and_all_repeats() -> None:
    ours, theirs = records(sentences([*FANCY, *PLAIN], 80, 1), LABELS), records(sentences(PLAIN, 90, 2), LABELS)
    rows, others = unit(80, 1), unit(90, 2)
    found = measure_domain_shift(ours, theirs, rows, others, labels=LABELS, seed=3)
    assert measure_domain_shift(ours, theirs, rows, others, labels=LABELS, seed=3) == found
    order, turn = random.Random(1).sample(range(80), 80), random.Random(2).sample(range(90), 90)
    mixed, moved = [ours[at] for at in order], [theirs[at] for at in turn]
    assert measure_domain_shift(mixed, moved, rows[order], others[turn], labels=LABELS, seed=3) == found


def test_lengths_share_their_edges_and_hold_every_text() -> None:
    ours = records([" ".join(["go"] * size) for size in range(1, 101)])
    length = gap(ours, records(["stop it now", *[" ".join(["go"] * 900)] * 2])).length
    assert length.synthetic is not None
    assert length.real is not None
    assert (length.synthetic.mean, length.synthetic.median) == (50.5, 50.5)
    assert (length.synthetic.p10, length.synthetic.p90) == (10.9, 90.1)
    for side in (length.synthetic, length.real):
        assert len(side.histogram) == len(length.edges) - 1
        assert sum(side.histogram) == pytest.approx(1, abs=0.005)
    assert length.real.histogram[-1] == pytest.approx(2 / 3, abs=1e-4)
    assert len(length.edges) < 25


def test_one_length_for_all_is_one_bin() -> None:
    length = gap(records(["two words"] * 3), records(["more words"] * 2)).length
    assert length.edges == (2, 3)
    assert length.real is not None
    assert length.real.histogram == (1.0,)


def test_vocabularies_are_counted_over_as_many_words() -> None:
    theirs = records(["left right on"])
    found = gap(records([f"word{number} right on" for number in range(50)]), theirs).vocabulary
    assert (found.synthetic, found.real, found.shared) == (3, 3, 0.5)


def test_labels_are_shares_of_the_labelled_texts_in_the_declared_order() -> None:
    ours = records(["a", "b", "c", "d"], ["route", "route", "other", ""])
    labels = gap(ours, records(["e"])).labels
    assert list(labels) == ["fare", "route", "other"]
    assert [one.synthetic for one in labels.values()] == [0.0, 0.6667, 0.3333]
    assert {one.real for one in labels.values()} == {None}


def test_several_labels_a_text_count_each() -> None:
    ours = [Record(text, Provenance("many"), ("fare", "route")) for text in sentences(FANCY, 30, 1)]
    theirs = [Record(text, Provenance("many"), ("route", "fare")) for text in sentences(PLAIN, 30, 2)]
    found = gap(ours, theirs)
    assert [one.synthetic for one in found.labels.values()] == [1.0, 1.0]
    assert (found.n, found.notes) == (30, ())


def test_attributes_are_what_was_varied_and_not_what_was_rewritten() -> None:
    ours = [
        Record(
            "a text", Provenance("labelled", index=place), fields={"tone": tone, "source_text": "x", "id": str(place)}
        )
        for place, tone in enumerate([*["calm"] * 45, *["cross"] * 15])
    ]
    found = gap([*ours, Record("no tone", Provenance("labelled"))], records(["a text"]))
    assert found.attributes == {"tone": {"calm": 0.75, "cross": 0.25}}
    assert f"'id' has 60 values and is not shown; at most {VALUES_AT_MOST} are" in found.notes[-1]


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (0, 30), (30, 0), (1, 1), (19, 500)])
def test_too_few_texts_are_said_and_no_crash(ours: int, theirs: int) -> None:
    found = gap(records(sentences(FANCY, ours, 1)), records(sentences(PLAIN, theirs, 2)))
    assert (found.auc_words, found.auc_embeddings, found.synthetic_words, found.real_words) == (None, None, (), ())
    (note,) = found.notes
    assert "it takes 20 texts a side" in note
    assert f"{ours} synthetic text" in note
    json.dumps(found.as_json())


def test_without_embeddings_the_words_are_measured_alone() -> None:
    ours, theirs = records(sentences(FANCY, 30, 1)), records(sentences(PLAIN, 30, 2))
    found = measure_domain_shift(ours, theirs, None, None, labels=[], seed=1)
    assert (found.auc_words, found.auc_embeddings) == (1.0, None)


def test_copies_of_one_text_are_not_measured() -> None:
    found = gap(records(["same"] * 30), records(["same"] * 30))
    assert (found.auc_words, found.synthetic_words) == (None, ())
    assert "copies of each other" in found.notes[0]


def test_the_json_has_the_documented_keys() -> None:
    ours = [Record(text, Provenance("made"), ("fare",), {"tone": "calm"}) for text in sentences(FANCY, 30, 1)]
    told = json.loads(json.dumps(gap(ours, records(sentences(PLAIN, 30, 2), ["fare"])).as_json()))
    assert list(told) == [
        *("auc_words", "auc_embeddings", "n", "synthetic_words", "real_words"),
        *("length", "vocabulary", "labels", "attributes"),
    ]
    assert list(told["synthetic_words"][0]) == ["word", "weight", "synthetic", "real"]
    assert list(told["length"]) == ["synthetic", "real", "edges"]
    assert list(told["length"]["real"]) == ["mean", "median", "p10", "p90", "histogram"]
    assert list(told["vocabulary"]) == ["synthetic", "real", "shared"]
    assert told["labels"] == {"fare": {"synthetic": 1.0, "real": 1.0}, "route": {"synthetic": 0.0, "real": 0.0}}
    assert told["attributes"] == {"tone": {"calm": 1.0}}


@real_data
def test_texts_of_a_model_are_told_from_real_ones_and_halves_of_real_ones_are_not() -> None:
    sides = []
    for name in ("generated_llama2_70b", "train"):
        with (DATA / "parrot_intimacy" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        sides.append(records([row["text"] for row in rows][:1000]))
    ours, theirs = sides
    made = measure_domain_shift(ours, theirs, None, None, labels=[], seed=1)
    halves = measure_domain_shift(theirs[::2], theirs[1::2], None, None, labels=[], seed=1)
    assert (made.auc_words or 0) > 0.75
    assert halves.auc_words == pytest.approx(0.5, abs=0.06)
    assert len(made.real_words) > len(halves.real_words)
