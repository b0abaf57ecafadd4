"""A small run result with texts, drops of every kind and a quota that is not met, to write data sets and cards from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.registry import load_component
from textsynth.core.task import Task
from textsynth.export.run_result import QuotaStatus, RequestInfo, RunResult, SourceInfo
from textsynth.export.splits import SplitAssignment
from textsynth.task import Classification

LABELS = {"refund": "wants money back", "delivery": "asks where a parcel is"}
HOSTILE = "<script>alert(1)</script> | **bold** [link](javascript:x) ```\n---\n# head"


def record(number: int, label: str = "refund", **provenance: Any) -> Record:
    """Return a labelled text; three texts with consecutive numbers come from one answer, unless overridden."""
    defaults = {"example_ids": ("aaaa000011112222",), "request_key": f"key{number // 3}", "index": number % 3}
    return Record(
        f"text {number}",
        Provenance("labelled", **{**defaults, **provenance}),
        (label,),
        {"tone": "plain"},
        {"agreement": 0.75},
    )


def run_result(**changes: Any) -> RunResult:
    """Return the result of a classification run with some fields replaced.

    It has 30 selected texts of two labels, two surplus texts, and five drops: of two filters, a labeller, a text in
    review and an answer that could not be parsed. `task` may be the name of a bundled task. The confidence is the score
    of `agreement`, or that of the last of `labellers`.
    """
    selected = [record(number, ("refund", "delivery")[number // 3 % 2]) for number in range(30)]
    not_parsed = Record("raw \ud800 junk", Provenance("labelled", request_key="key9", index=7))
    dropped = [
        DroppedRecord(record(100), "filter", "length", "too few words", 2, 3),
        DroppedRecord(record(101), "filter", "near_duplicate", "like a text that was kept", 0.8, 0.7, selected[0].id),
        DroppedRecord(record(102), "label", "choice", "the model named none of the labels: 'x'"),
        DroppedRecord(record(103), "review", "choice", "too few votes for the chosen label", 0.4, 0.6),
        DroppedRecord(not_parsed, "parse", "labelled", "no list"),
    ]
    result = RunResult(
        name="parcels",
        task=Classification(),
        language="en",
        seed=7,
        labels=LABELS,
        selected=selected,
        surplus=[record(110), record(111)],
        dropped=dropped,
        splits={"train": 0.8, "validation": 0.2},
        requests={f"key{n}": RequestInfo("labelled", "f00d", "SmolLM2@abc", {"temperature": 0.8}) for n in range(40)},
        quota=[QuotaStatus({"label": "refund"}, 15, 15), QuotaStatus({"label": "delivery"}, 20, 15)],
        confidence_steps=("agreement", *changes.get("labellers", ())),
        selector="diverse",
        stopped="dry",
        sentence="no further texts were accepted",
        prompts={"labelled": "f00d"},
        models=("SmolLM2@abc",),
        sources={"seeds": SourceInfo("seeds.csv")},
        recipe_text="version: 1\nname: parcels\n",
    )
    task = changes.get("task")
    return replace(result, **{**changes, "task": bundled_task(task)} if isinstance(task, str) else changes)


def bundled_task(name: str) -> Task:
    """Return a bundled task with its default options."""
    task = load_component("task", name)()
    assert isinstance(task, Task)
    return task


# The name under which tests of other packages import it.
outcome = run_result


def by_id(records: Sequence[Record], assigned: SplitAssignment) -> tuple[dict[str, str], dict[str, str]]:
    """Return the split and the family of each record by its id."""
    ids, everything = sorted({record.id for record in records}), slice(None)
    splits, names = assigned.splits_of(everything), assigned.families_of(everything)
    return dict(zip(ids, splits, strict=True)), dict(zip(ids, names, strict=True))
