from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import textsynth as ts
from tests.contexts import context
from textsynth.core.protocols import Context
from textsynth.core.records import Provenance, Record
from textsynth.recipe import read_recipe
from textsynth.runner.estimate import estimate
from textsynth.select.diverse import Diverse
from textsynth.select.margin import Margin
from textsynth.similarity.vectors import Vectors


def embed(texts: Sequence[str]) -> Vectors:
    """Return for a text like "red:40" the unit vector at 40 degrees from red (0) to blue (90)."""
    angles = np.radians([float(text.split(":")[1]) for text in texts])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def row(label: str, angle: float, step: str = "labelled", **fields: str) -> Record:
    return Record(f"{label}:{angle}", Provenance(step), (label,), dict(fields))


SEEDS = [row(label, angle, "seeds") for label, start in (("red", 0), ("blue", 86)) for angle in range(start, start + 5)]


def run_context(**changes: object) -> Context:
    run = context(sources={"seeds": SEEDS}, labels={"red": "", "blue": ""}, embed=embed)
    return dataclasses.replace(run, **{"labellers": ("choice",), **changes})  # type: ignore[arg-type]


def select(records: Sequence[Record], quota: dict[str, int], run: Context | None = None) -> list[str]:
    ids = Margin().select(records, quota, run or run_context())
    return [record.text for record in records if record.id in ids]


RED = [row("red", angle) for angle in (1, 2, 36, 40, 38, 4)]
BLUE = [row("blue", angle) for angle in (89, 52, 88, 54, 50)]


def test_texts_near_the_border_are_selected_within_the_quota_of_each_label() -> None:
    selected = select([*RED, *BLUE], {"red": 1, "blue": 1})
    assert {text.split(":")[0] for text in selected} == {"red", "blue"}
    assert set(selected) <= {"red:36", "red:38", "red:40", "blue:50", "blue:52", "blue:54"}
    assert select([*RED, *BLUE], {"red": 0, "blue": 9}) == [record.text for record in BLUE]
    assert select([*RED, *BLUE], {}) == []


def test_texts_whose_label_is_probably_wrong_are_selected_last() -> None:
    many = [row(label, angle) for label, start in (("red", 3), ("blue", 70)) for angle in range(start, start + 14, 2)]
    wrong = row("red", 85)
    for limit in range(1, 8):
        selected = select([wrong, *many], {"red": limit, "blue": 2})
        assert wrong.text not in selected
        assert len(selected) == limit + 2
    assert wrong.text in select([wrong, *many], {"red": 8, "blue": 2})


def test_without_a_labeller_it_selects_as_diverse_does_and_says_so() -> None:
    unverified = run_context(labellers=())
    records = [*RED, *BLUE]
    assert Margin().select(records, {"red": 2}, unverified) == Diverse().select(records, {"red": 2}, unverified)
    (note,) = Margin().selection_notes(unverified)
    assert note.startswith("selects as diverse does: no labeller has verified the labels")
    (note,) = Margin().selection_notes(run_context(multi_label=True))
    assert note == "selects as diverse does: texts may have several labels"
    (note,) = Margin().selection_notes(run_context(sources={"seeds": SEEDS[:3]}))
    assert note == "selects as diverse does: the source seeds has labelled rows of fewer than two labels"
    assert Margin().selection_notes(run_context()) == []


def test_a_label_without_seeds_gets_its_quota_too() -> None:
    green = [row("green", angle) for angle in (178, 180, 182, 184)]
    selected = select([*RED, *green], {"red": 1, "green": 2})
    assert [text.split(":")[0] for text in selected] == ["red", "green", "green"]


JUDGE = '''
"""A labeller that keeps everything.

Does not catch: anything."""
import textsynth as ts


class Judge(ts.Labeller):
    """Keeps every text."""

    def start(self, context, name):
        return Session()


class Session:
    def build_requests(self, records):
        return [[] for _ in records]

    def parse_responses(self, record, completions):
        return record, None
'''


def test_a_run_says_whether_margins_were_used(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE, encoding="utf-8")
    (tmp_path / "seeds.csv").write_text(
        "text,label\nplease refund me,refund\nI want my money,refund\nwhere is it,delivery\nit never came,delivery\n",
        encoding="utf-8",
    )
    recipe = (
        "name: near\nlabels: {refund: asks for money back, delivery: asks where a parcel is}\n"
        "sources: {seeds: seeds.csv}\ngenerate:\n  - grammar:\n      rules:\n"
        "        refund: ['refund the {item}', 'money for the {item}']\n        delivery: ['where is the {item}']\n"
        "      slots: {item: [lamp, tent, chair, desk, rug]}\n"
        "filter: [length: {min_words: 2}]\nselect: [margin]\nwant: {label: 2}\nLABEL\n"
    )
    for name, label, has_note in (("with", "label: [./judge.py]", False), ("without", "label: []", True)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(recipe.replace("LABEL", label), encoding="utf-8")
        run = ts.run(path, out=tmp_path / name, quiet=True)
        assert run.met
        assert run.manifest["counts"]["surplus"] > 0
        notes = [note for note in run.manifest["notes"] if note.startswith("margin selects as diverse does")]
        assert bool(notes) == has_note
        assert any(note in estimate(read_recipe(path)).notes for note in notes) == has_note
