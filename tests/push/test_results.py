from __future__ import annotations

import json

import pytest

from textsynth.push import Change, Pushed
from textsynth.push.results import pushed_json, pushed_text, size_told

DONE = Pushed(
    "anna/x",
    "main",
    "http://hub/datasets/anna/x",
    [Change("README.md", 900, "same"), Change("data/a\x1b.parquet", 12_345, "deleted")],
    "pushed 8 texts",
    tag="v1",
    waived=["leak"],
    notes=["private already"],
)


def test_the_files_stand_in_columns_and_nothing_draws_on_the_terminal() -> None:
    assert pushed_text(DONE).splitlines() == [
        "same     900 bytes  README.md",
        "deleted    12.3 kB  data/a\\x1b.parquet",
        "",
        "note: private already",
        "note: not checked: leak (waived)",
        "pushed 8 texts",
        "tagged v1",
        "http://hub/datasets/anna/x",
    ]


def test_a_script_gets_everything() -> None:
    told = json.loads(json.dumps(pushed_json(DONE)))
    assert told["files"][0] == {"path": "README.md", "size": 900, "what": "same"}
    assert told["commit"] is None


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (5_240_000, "5.2 MB"), (7 * 10**12, "7,000.0 GB")],
)
def test_sizes(size: int, told: str) -> None:
    assert size_told(size) == told
