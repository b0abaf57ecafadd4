from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textsynth as ts
from tests.contexts import context
from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.records import Provenance, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.perturb import ROWS_PER_REQUEST, Perturb
from textsynth.generate.perturbations import OPERATORS

ROWS = [
    Record("where is the parcel that I'm waiting for", Provenance("raw"), ("delivery",), {"ticket": "17"}),
    Record("do not refund the 20 euros please", Provenance("raw"), ("refund",), {"spans": [{"start": 0}]}),
]
ALL = {"typos": 2, "casing": 1, "contractions": 1, "deletion": 2, "swaps": 2}


def copies(rows: Sequence[Record] = ROWS, **options: Any) -> list[Record]:
    session = Perturb(**options).start(context(sources={"raw": rows}), "perturb")
    records: list[Record] = []
    while requests := session.plan_requests([QuotaDeficit({}, 1)], 8):
        for request in requests:
            assert request.prompt is None
            records += [record for record in session.parse_response(request, "", None) if isinstance(record, Record)]
    return records


def test_each_row_has_the_copies_of_each_operator_with_its_labels_fields_and_parent() -> None:
    records = copies(operators=ALL)
    assert [record.fields["operator"] for record in records] == 2 * [
        operator for operator, number in ALL.items() for _ in range(number)
    ]
    assert len({record.id for record in records}) == len({record.text for record in records}) == 2 * sum(ALL.values())
    for record in records:
        (parent,) = [row for row in ROWS if (row.id,) == record.provenance.parent_ids]
        assert record.text != parent.text
        assert record.labels == parent.labels
        assert record.fields.get("ticket") == parent.fields.get("ticket")
        assert "spans" not in record.fields


def test_the_seed_gives_the_same_copies_in_any_order_of_the_rows() -> None:
    assert copies(operators=ALL) == copies(operators=ALL)
    reversed_rows = copies(list(reversed(ROWS)), operators=ALL)
    assert sorted(record.text for record in reversed_rows) == sorted(record.text for record in copies(operators=ALL))


def test_a_row_that_an_operator_cannot_change_has_fewer_copies() -> None:
    rows = [Record("ok", Provenance("raw", index=index)) for index in range(ROWS_PER_REQUEST)]
    assert copies(rows, operators={"typos": 1, "contractions": 3, "swaps": 1}) == []
    last = Record("a parcel", Provenance("raw"))
    assert [record.text for record in copies([*rows, last], operators={"swaps": 3})] == ["parcel a"]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("I'm late and it isn't here", "I am late and it is not here"),
        ("Don't do it", "Do not do it"),
        ("we do not know, they will", "we don't know, they will"),
        ("It’s here", "It is here"),
        ("i am late", "I'm late"),
    ],
)
def test_contractions_replace_each_other(text: str, changed: str) -> None:
    assert OPERATORS["contractions"](text, random.Random(1), 1.0) == changed


@given(st.text(), st.sampled_from(sorted(OPERATORS)), st.floats(0.01, 1), st.integers(0, 99))
def test_an_operator_changes_no_word_with_a_digit_and_is_deterministic(
    text: str, operator: str, share: float, seed: int
) -> None:
    changed = OPERATORS[operator](text, random.Random(seed), share)
    assert changed == OPERATORS[operator](text, random.Random(seed), share)
    numbers = [[character for character in value if character.isdigit()] for value in (text, changed)]
    assert numbers[0] == numbers[1]
    if operator == "deletion":
        assert bool(changed.split()) == bool(text.split())
    if operator == "swaps":
        assert sorted(changed.split()) == sorted(text.split())


@given(st.text("abcd ", min_size=8), st.integers(0, 99))
def test_typos_keep_first_letters_and_the_number_of_words(text: str, seed: int) -> None:
    changed = OPERATORS["typos"](text, random.Random(seed), 0.5)
    assert [word[0] for word in changed.split()] == [word[0] for word in text.split()]


def test_unknown_operators_and_operators_of_another_language_are_errors() -> None:
    with pytest.raises(RecipeError, match="there is no operator 'typo'; did you mean 'typos'"):
        Perturb(operators={"typo": 1})
    with pytest.raises(RecipeError, match="a whole number from 0, found -1"):
        Perturb(operators={"typos": -1})
    with pytest.raises(UsageError, match="'contractions' is for English, found the language 'de'"):
        Perturb(operators={"contractions": 1}).start(replace(context(sources={"raw": ROWS}), language="de"), "perturb")


def test_copies_and_their_row_are_in_one_split(tmp_path: Path) -> None:
    lines = [f"where is parcel {number} that I ordered last week,delivery" for number in range(30)]
    (tmp_path / "raw.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(
        "name: copies\nlabels: {delivery: asks where a parcel is}\nsources: {raw: raw.csv}\n"
        "generate: [existing: {}, perturb: {operators: {typos: 1, deletion: 1}}]\nfilter: [length]\nselect: []\n"
        "export: {splits: {train: 0.5, test: 0.5}}\n",
        encoding="utf-8",
    )
    run = ts.run(tmp_path / "recipe.yaml", out=tmp_path / "run", quiet=True)
    assert run.manifest["counts"]["selected"] == 90
    split = {tuple(row["parent_ids"]): row["split"] for row in run.provenance if row["parent_ids"]}
    for row in run.provenance:
        assert not row["parent_ids"] or split[tuple(row["parent_ids"])] == row["split"]
    card = (tmp_path / "run" / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "The texts are given or copies of given texts with small changes, and checked with TextSynth." in card
