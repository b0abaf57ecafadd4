"""A small outcome, as a run would hand it to the exporter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.run_result import QuotaStatus, RequestInfo, RunResult, SourceInfo

LABELS = {"refund": "wants money back", "delivery": "asks where a parcel is"}
HOSTILE = "<script>alert(1)</script> | **bold** [link](javascript:x) ```\n---\n# head"


def record(number: int, label: str = "refund", **origin: Any) -> Record:
    """Return a labelled text; every three share an answer unless `origin` says otherwise."""
    known = {"example_ids": ("aaaa000011112222",), "request_key": f"key{number // 3}", "index": number % 3}
    fields = {"tone": "plain"}
    return Record(
        f"text {number}", Provenance("labelled", **{**known, **origin}), (label,), fields, {"agreement": 0.75}
    )


def outcome(**changes: Any) -> RunResult:
    """Return an outcome with 30 selected texts of two labels, two spare ones and drops of every kind."""
    selected = [record(number, ("refund", "delivery")[number // 3 % 2]) for number in range(30)]
    dropped = [
        DroppedRecord(record(100), "filter", "length", "too few words", 2, 3),
        DroppedRecord(record(101), "filter", "near_duplicate", "like a text that was kept", 0.8, 0.7, selected[0].id),
        DroppedRecord(record(102), "label", "choice", "the model named none of the labels: 'x'"),
        DroppedRecord(record(103), "review", "choice", "too few votes for the chosen label", 0.4, 0.6),
        DroppedRecord(
            Record("raw \ud800 junk", Provenance("labelled", request_key="key9", index=7)),
            "parse",
            "labelled",
            "no list",
        ),
    ]
    made = RunResult(
        name="parcels",
        task="classification",
        language="en",
        seed=7,
        labels=LABELS,
        selected=selected,
        surplus=[record(110), record(111)],
        dropped=dropped,
        splits={"train": 0.8, "validation": 0.2},
        requests={f"key{n}": RequestInfo("labelled", "f00d", "SmolLM2@abc", {"temperature": 0.8}) for n in range(40)},
        quota=[QuotaStatus({"label": "refund"}, 15, 15), QuotaStatus({"label": "delivery"}, 20, 15)],
        labellers=("agreement",),
        selector="diverse",
        stopped="dry",
        sentence="the yield has run dry",
        prompts={"labelled": "f00d"},
        models=("SmolLM2@abc",),
        sources={"seeds": SourceInfo("seeds.csv")},
        recipe_text="version: 1\nname: parcels\n",
    )
    return replace(made, **changes)
