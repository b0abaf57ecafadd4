"""What a run leaves for the review beside its data set: the waiting texts in plan order, with the labels chosen.

Chosen and intended labels stand as in provenance, `a, b` where several, "" where none.

`waiting.json` is there only while texts wait. What else is known of a text stands in the data set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Record
from textsynth.store.atomic import write_json

FILE = "waiting.json"


class PendingText(NamedTuple):
    """The place of a text in the plan, the labels that were asked for, and those that a model chose."""

    place: int
    intended: str
    chosen: str


def write_pending(run: Path, dropped: Sequence[DroppedRecord]) -> None:
    """Write what waits among the drops, which come in plan order; without any there is no file."""
    texts = [_told(drop.record) for drop in dropped if drop.section == "review"]
    if texts:
        write_json(run / FILE, {"version": 1, "texts": texts}, indent=1, error="the file cannot be written")
    else:
        (run / FILE).unlink(missing_ok=True)


def read_pending(run: Path) -> dict[str, PendingText]:
    """Return what a run has left by id, {} where it left nothing. Raises UsageError for a damaged file."""
    path = run / FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(one["id"]): PendingText(place, str(one["intended"]), str(one["chosen"]))
            for place, one in enumerate(told["texts"])
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as fault:
        raise UsageError(f"{path}: the file is damaged ({fault}); run the recipe again") from fault


def _told(record: Record) -> dict[str, str]:
    intended, chosen = (record.field_text(name) for name in ("intended_label", "chosen_label"))
    return {"id": record.id, "intended": intended, "chosen": chosen}
