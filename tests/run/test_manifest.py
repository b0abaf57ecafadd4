"""What a run tells in its manifest: what a cell lacks and why, and the versions it depends on."""

from __future__ import annotations

import json

from textsynth.core.records import Drop, Origin, Record
from textsynth.run.manifest import quota_table, versions
from textsynth.run.quota import Line


def drop(label: str, item: str, reason: str) -> Drop:
    return Drop(Record(f"{label} {item} {reason}", Origin("g"), (label,)), "filter", item, reason)


def test_a_short_cell_names_its_three_commonest_reasons_and_a_full_one_none() -> None:
    dropped = [drop("a", "length", "too short")] * 4 + [drop("a", "leak", "in the test set")] * 2
    dropped += [drop("a", "x", "one"), drop("a", "y", "one"), drop("b", "length", "too short")]
    short, full = quota_table([Line({"label": "a"}, 5, 5), Line({"label": "b"}, 2, 2)], {0: 3, 1: 2}, dropped)
    assert (short["missing"], full["missing"], full["why"]) == (2, 0, [])
    assert [(one["item"], one["count"]) for one in short["why"]] == [("length", 4), ("leak", 2), ("x", 1)]


def test_more_than_wanted_is_not_missing() -> None:
    (row,) = quota_table([Line({}, 5, 5)], {0: 9}, [])
    assert (row["missing"], row["selected"]) == (0, 9)


def test_versions_are_plain_words() -> None:
    found = versions()
    assert {"textsynth", "python", "pyarrow"} <= set(found)
    assert json.loads(json.dumps(found)) == found
