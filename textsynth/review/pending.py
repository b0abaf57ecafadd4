"""The texts of a run that are pending review: their order in the plan, and their intended and predicted labels.

`pending.json` exists only if there are such texts. Everything else about them is in the data set. Labels are written as
in the provenance: `a, b` for several, "" for none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Record
from textsynth.store.owned_files import OwnedFiles, write_owned_json

FILE = "pending.json"


class PendingText(NamedTuple):
    """The position of a text in the plan, its intended labels, and those that a model predicted."""

    position: int
    intended_label: str
    predicted_label: str


def write_pending(run: Path, dropped: Sequence[DroppedRecord]) -> None:
    """Write the pending texts among the dropped ones, which are in plan order; if there are none, delete the file."""
    texts = [_entry(drop.record) for drop in dropped if drop.section == "review"]
    if texts:
        write_owned_json(
            run, FILE, {"version": 1, "texts": texts}, indent=1, error="the texts for review cannot be written"
        )
    elif (run / FILE).exists():
        OwnedFiles(run).remove(FILE)


def read_pending(run: Path) -> dict[str, PendingText]:
    """Return the pending texts of a run by id, {} if there are none. Raises UsageError if the file is damaged."""
    path = run / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(text["id"]): PendingText(position, str(text["intended_label"]), str(text["predicted_label"]))
            for position, text in enumerate(content["texts"])
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"{path}: the file is damaged ({error}); run the recipe again") from error


def _entry(record: Record) -> dict[str, str]:
    intended, predicted = (record.field_text(name) for name in ("intended_label", "chosen_label"))
    return {"id": record.id, "intended_label": intended, "predicted_label": predicted}
