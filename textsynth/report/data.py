"""What a report tells, read from a run's folder: the manifest, counts by label, and a few texts kept and dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from textsynth.core.formatting import waiting_for_review
from textsynth.core.records import reason_category
from textsynth.core.task import Task
from textsynth.store.dataset import DatasetReader, check_complete, label_text, row_context, row_text, run_task
from textsynth.store.evaluation import read_evaluation
from textsynth.store.manifest import DropCount, Manifest, read_manifest

KEPT_SHOWN = 40
# with very many labels, or sets of labels, one text each of so many of them
KEPT_AT_MOST = 300
DROPPED_A_REASON = 5


@dataclass(frozen=True, slots=True)
class RunData:
    """A run as its folder tells it.

    `labels` maps each label to its selected texts by split, in the recipe's order. `kept` are up to 40 selected texts
    spread over the labels, one each where there are more labels, at most 300; `dropped` maps "section item: reason" to
    up to five texts, the commonest reason first. A shown text has `id`, `label`, `text`, `source` (what it rewrites),
    `item`; a kept one `confidence`, a dropped one `measured`, `limit` and `twin`. `evaluation` is what
    `evaluation.json` tells, None where there is none. `folder` is the run's, as it was given.
    """

    manifest: Manifest
    labels: Mapping[str, Mapping[str, int]]
    kept: Sequence[Mapping[str, Any]]
    dropped: Mapping[str, Sequence[Mapping[str, Any]]]
    evaluation: Mapping[str, Any] | None = None
    folder: str = "RUN"

    @property
    def waiting(self) -> str:
        """How many texts wait for a person, up to the command that opens them; "" where none do."""
        number = self.manifest["counts"]["review"]
        return f"{waiting_for_review(number)} to decide:" if number else ""

    @property
    def funnel(self) -> list[tuple[str, int]]:
        """What became of the candidates, from all of them to the selected, each step with what it took away."""
        counts = self.manifest["counts"]
        taken: Counter[str] = Counter()
        for drop in self.manifest["drops"]:
            taken[reason_of(drop)] -= drop["count"]
        steps = [("candidates", counts["candidates"]), *sorted(taken.items(), key=lambda step: step[1])]
        steps.append(("accepted", counts["accepted"]))
        if counts["surplus"]:
            steps.append(("spare (accepted, not picked)", -counts["surplus"]))
        return [*steps, ("selected", counts["selected"])]


def reason_of(drop: DropCount) -> str:
    """Return `section item: reason`, without what the reason quotes, as reports name what happened to a text."""
    return f"{drop['section']} {drop['step']}: {reason_category(drop['reason'])}"


def read_run_data(run: Path) -> RunData:
    """Read a run's folder. Raises UsageError where it holds no finished run, or an evaluation that cannot be read."""
    manifest, evaluation = read_manifest(run), read_evaluation(run)
    check_complete(run, manifest)
    task = run_task(run, manifest)
    data = DatasetReader(run / "dataset" / "data")
    labels, kept = _kept(task, data, DatasetReader(run / "dataset" / "provenance"))
    dropped = _dropped(task, manifest["drops"], DatasetReader(run / "dataset" / "dropped"))
    return RunData(manifest, labels, kept, dropped, evaluation, str(run))


def _kept(
    task: Task, data: DatasetReader, passports: DatasetReader
) -> tuple[dict[str, Counter[str]], list[Mapping[str, Any]]]:
    labels: dict[str, Counter[str]] = {name: Counter() for name in data.names}
    places: dict[str, list[int]] = {name: [] for name in data.names}
    cells = data.values("label") if "label" in data.columns else repeat(None, len(data))
    for place, (label, split) in enumerate(zip(cells, data.splits, strict=True)):
        for name in label if isinstance(label, list) else [label] if label is not None else []:
            labels[name][split] += 1
        some = places.setdefault(label_text(label), [])
        if len(some) < KEPT_SHOWN:
            some.append(place)
    full = [some for some in places.values() if some]
    each = max(1, KEPT_SHOWN // max(1, len(full)))
    rows = data.rows_at([place for some in full for place in some[:each]][:KEPT_AT_MOST])
    shown = {row["id"] for row in rows}
    place_of = {one: place for place, one in enumerate(passports.values("id")) if one in shown}
    behind = passports.rows_at([place_of[row["id"]] for row in rows])
    return labels, [_shown(task, row, passport) for row, passport in zip(rows, behind, strict=True)]


def _dropped(task: Task, drops: Sequence[DropCount], rows: DatasetReader) -> dict[str, list[Mapping[str, Any]]]:
    places: dict[str, list[int]] = {reason_of(drop): [] for drop in drops}
    told = zip(rows.values("section"), rows.values("step"), rows.values("reason"), strict=True)
    for place, (section, item, reason) in enumerate(told):
        some = places.setdefault(f"{section} {item}: {reason_category(reason)}", [])
        if len(some) < DROPPED_A_REASON:
            some.append(place)
    shown = iter(
        [_shown_drop(task, row) for row in rows.rows_at([place for some in places.values() for place in some])]
    )
    return {reason: [next(shown) for _ in some] for reason, some in places.items() if some}


def _shown(task: Task, row: Mapping[str, Any], passport: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "id": row["id"],
        "label": label_text(row.get("label") or passport["label"]),
        "text": row_text(task, row),
        "source_text": row_context(task, row),
        "step": passport["step"],
        "confidence": passport["confidence"],
    }


def _shown_drop(task: Task, row: Mapping[str, Any]) -> Mapping[str, Any]:
    told = {name: row[name] for name in ("id", "section", "reason", "score", "limit", "duplicate_of")}
    more = {
        "label": label_text(row["label"]),
        "text": row_text(task, row),
        "source_text": row["source_text"],
        "step": row["generator"],
    }
    return {**told, **more}
