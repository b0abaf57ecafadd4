"""The data of a run's report, read from its folder: manifest, counts by label, and a few texts as examples."""

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

# Selected texts shown, spread over the labels; with more labels than that one text of each, up to the second limit.
SELECTED_SHOWN = 40
MAX_SELECTED_SHOWN = 300
DROPPED_SHOWN_PER_REASON = 5


@dataclass(frozen=True, slots=True)
class RunData:
    """The data of a run's report.

    `label_counts` maps each label, in the recipe's order, to its number of selected texts by split.
    `selected_examples` are up to 40 selected texts spread over the labels; with more labels one text each, at most
    300. `dropped_examples` maps `section step: reason`, the most frequent first, to up to five texts. Every example has
    `id`, `label`, `text`, `source_text` (the text it rewrites) and `step`; a selected one has `confidence`, a dropped
    one `score`, `limit` and `duplicate_of`. `evaluation` is the content of `evaluation.json`, None where there is none.
    `folder` is the path of the run as the user gave it.
    """

    manifest: Manifest
    label_counts: Mapping[str, Mapping[str, int]]
    selected_examples: Sequence[Mapping[str, Any]]
    dropped_examples: Mapping[str, Sequence[Mapping[str, Any]]]
    evaluation: Mapping[str, Any] | None = None
    folder: str = "RUN"

    @property
    def review_prompt(self) -> str:
        """How many texts wait for review, to be followed by the command that opens them; "" where none do."""
        number = self.manifest["counts"]["review"]
        return f"{waiting_for_review(number)} to decide:" if number else ""

    @property
    def funnel(self) -> list[tuple[str, int]]:
        """The number of texts at each stage, from candidates to selected, and between them (negative) each loss."""
        counts = self.manifest["counts"]
        losses: Counter[str] = Counter()
        for drop in self.manifest["drops"]:
            losses[drop_reason(drop)] -= drop["count"]
        stages = [("candidates", counts["candidates"]), *sorted(losses.items(), key=lambda stage: stage[1])]
        stages.append(("accepted", counts["accepted"]))
        if counts["surplus"]:
            stages.append(("surplus (accepted, not selected)", -counts["surplus"]))
        return [*stages, ("selected", counts["selected"])]


def drop_reason(drop: DropCount) -> str:
    """Return `section step: reason` for a count of drops; the reason has no quoted part, so that equal ones add up."""
    return f"{drop['section']} {drop['step']}: {reason_category(drop['reason'])}"


def read_run_data(run: Path) -> RunData:
    """Read the data of a run's report from its folder.

    Raises UsageError where the folder holds no finished run, or an evaluation that cannot be read.
    """
    manifest, evaluation = read_manifest(run), read_evaluation(run)
    check_complete(run, manifest)
    task = run_task(run, manifest)
    data, provenance, dropped = (DatasetReader(run / "dataset" / name) for name in ("data", "provenance", "dropped"))
    label_counts, indices = _count_labels(data)
    return RunData(
        manifest=manifest,
        label_counts=label_counts,
        selected_examples=_selected_examples(task, data, provenance, indices),
        dropped_examples=_dropped_examples(task, manifest["drops"], dropped),
        evaluation=evaluation,
        folder=str(run),
    )


def _count_labels(data: DatasetReader) -> tuple[dict[str, Counter[str]], list[int]]:
    """Return the number of texts by label and split, and the indices of the rows to show."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in data.names}
    # by label; where texts have several labels, by combination of labels
    indices: dict[str, list[int]] = {name: [] for name in data.names}
    cells = data.values("label") if "label" in data.columns else repeat(None, len(data))
    for index, (label, split) in enumerate(zip(cells, data.splits, strict=True)):
        for name in label if isinstance(label, list) else [label] if label is not None else []:
            counts[name][split] += 1
        group = indices.setdefault(label_text(label), [])
        if len(group) < SELECTED_SHOWN:
            group.append(index)
    groups = [group for group in indices.values() if group]
    per_group = max(1, SELECTED_SHOWN // max(1, len(groups)))
    return counts, [index for group in groups for index in group[:per_group]][:MAX_SELECTED_SHOWN]


def _selected_examples(
    task: Task, data: DatasetReader, provenance: DatasetReader, indices: Sequence[int]
) -> list[Mapping[str, Any]]:
    rows = data.rows_at(indices)
    ids = {row["id"] for row in rows}
    provenance_index = {id_: index for index, id_ in enumerate(provenance.values("id")) if id_ in ids}
    origins = provenance.rows_at([provenance_index[row["id"]] for row in rows])
    return [_selected_example(task, row, origin) for row, origin in zip(rows, origins, strict=True)]


def _dropped_examples(
    task: Task, drops: Sequence[DropCount], dropped: DatasetReader
) -> dict[str, list[Mapping[str, Any]]]:
    indices: dict[str, list[int]] = {drop_reason(drop): [] for drop in drops}
    columns = zip(*(dropped.values(name) for name in ("section", "step", "reason")), strict=True)
    for index, (section, step, reason) in enumerate(columns):
        group = indices.setdefault(f"{section} {step}: {reason_category(reason)}", [])
        if len(group) < DROPPED_SHOWN_PER_REASON:
            group.append(index)
    rows = iter(dropped.rows_at([index for group in indices.values() for index in group]))
    return {reason: [_dropped_example(task, next(rows)) for _ in group] for reason, group in indices.items() if group}


def _selected_example(task: Task, row: Mapping[str, Any], provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "id": row["id"],
        "label": label_text(row.get("label") or provenance["label"]),
        "text": row_text(task, row),
        "source_text": row_context(task, row),
        "step": provenance["step"],
        "confidence": provenance["confidence"],
    }


def _dropped_example(task: Task, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        **{name: row[name] for name in ("id", "section", "reason", "score", "limit", "duplicate_of")},
        "label": label_text(row["label"]),
        "text": row_text(task, row),
        "source_text": row["source_text"],
        "step": row["generator"],
    }
