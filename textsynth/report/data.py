"""The data of a run's report, read from its folder: manifest, checks, counts by label, and the texts to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.core.task import Task
from textsynth.recipe.finished_run import MAX_REPORT_BYTES, source_rows_of_run
from textsynth.report.pipeline import CheckRow, check_rows, drop_key
from textsynth.report.status import RunStatus, run_status
from textsynth.store.dataset import DatasetReader, check_complete, label_text, row_context, row_text, run_task
from textsynth.store.evaluation import read_evaluation
from textsynth.store.manifest import Manifest, read_manifest

# All selected texts are shown up to this number; of more, as many of each label as fit.
MAX_SELECTED_SHOWN = 1000
DROPPED_SHOWN_PER_REASON = 10
# A label is collapsed where its kept share is at most this part of the kept share of all other labels together.
COLLAPSED_PART = 1 / 3
MIN_LABEL_TEXTS = 5
PROVENANCE_COLUMNS = ("prompt", "model", "sampling", "parent_ids", "example_ids", "attributes", "scores", "family")


@dataclass(frozen=True, slots=True)
class LabelOutcome:
    """What became of the texts of one label: how many went into the checks, and how many passed all of them.

    `collapsed` marks a label of which far fewer texts are kept than of the others.
    """

    label: str
    entered: int
    kept: int
    collapsed: bool = False

    @property
    def share(self) -> float:
        """The share of kept texts, 0 to 1."""
        return self.kept / self.entered if self.entered else 0.0


@dataclass(frozen=True, slots=True)
class RunData:
    """The data of a run's report.

    `label_counts` maps each label, in the recipe's order, to its number of selected texts by split; `label_outcomes`
    are in the same order. `checks` are the rows of the pipeline in its order. `selected_examples` are all selected
    texts, by label; of more than 1,000 as many of each label as fit. `dropped_examples` maps `section step: reason`,
    the most frequent first, to up to ten texts. Every example has `id`, `label`, `text`, `source_text` (the text it
    rewrites) and `step`; a selected one has `confidence` and its provenance, a dropped one `score`, `limit`,
    `duplicate_of`, and `duplicate_text` where the run or one of its sources has the text it repeats, of a source with
    `duplicate_place` (`row 3 of seeds`). `evaluation` is the content of
    `evaluation.json`, None where there is none. `folder` is the path of the run as the user gave it.
    """

    manifest: Manifest
    label_counts: Mapping[str, Mapping[str, int]]
    selected_examples: Sequence[Mapping[str, Any]]
    dropped_examples: Mapping[str, Sequence[Mapping[str, Any]]]
    evaluation: Mapping[str, Any] | None = None
    folder: str = "RUN"
    checks: Sequence[CheckRow] = ()
    label_outcomes: Sequence[LabelOutcome] = ()

    @property
    def status(self) -> RunStatus:
        """Whether the quota is met, why not, and the next step."""
        return run_status(self.manifest, self.checks, self.folder, evaluated=self.evaluation is not None)


def read_run_data(run: Path) -> RunData:
    """Read the data of a run's report from its folder.

    Raises UsageError where the folder holds no finished run, or an evaluation that cannot be read.
    """
    manifest = read_manifest(run)
    check_complete(run, manifest)  # first: an evaluation of another data set follows from another data set
    evaluation = read_evaluation(run)
    task = run_task(run, manifest)
    data, provenance, dropped = (DatasetReader(run / "dataset" / name) for name in ("data", "provenance", "dropped"))
    label_counts, indices = _count_labels(data)
    return RunData(
        manifest=manifest,
        label_counts=label_counts,
        selected_examples=_selected_examples(task, data, provenance, indices),
        dropped_examples=_dropped_examples(run, manifest, task, dropped, data),
        evaluation=evaluation,
        folder=str(run),
        checks=check_rows(manifest, task),
        label_outcomes=_label_outcomes(label_counts, dropped),
    )


def _count_labels(data: DatasetReader) -> tuple[dict[str, Counter[str]], list[int]]:
    """Return the number of texts by label and split, and the indices of the rows to show."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in data.names}
    # by label; where texts have several labels, by combination of labels
    indices: dict[str, list[int]] = {name: [] for name in data.names}
    if "label" not in data.columns:
        indices[""] = list(range(min(len(data), MAX_SELECTED_SHOWN)))
    group_of: dict[object, list[int]] = {}
    for index, (label, split) in enumerate(zip(data.values("label"), data.splits, strict=False)):
        key = tuple(label) if isinstance(label, list) else label
        group = group_of.get(key)
        if group is None:
            group = group_of[key] = indices.setdefault(label_text(label), [])
        if len(group) < MAX_SELECTED_SHOWN:
            group.append(index)
        for name in label if isinstance(label, list) else (label,) if label is not None else ():
            counts[name][split] += 1
    groups = [group for group in indices.values() if group]
    per_group = max(1, MAX_SELECTED_SHOWN // max(1, len(groups)))
    if sum(map(len, groups)) <= MAX_SELECTED_SHOWN:
        per_group = MAX_SELECTED_SHOWN
    return counts, [index for group in groups for index in group[:per_group]][:MAX_SELECTED_SHOWN]


def _label_outcomes(label_counts: Mapping[str, Mapping[str, int]], dropped: DatasetReader) -> list[LabelOutcome]:
    """Return how many texts of each label went in and were kept; surplus texts are kept ones."""
    if not label_counts:
        return []
    kept = Counter({label: sum(counts.values()) for label, counts in label_counts.items()})
    lost: Counter[str] = Counter()
    for label, section in zip(dropped.values("label"), dropped.values("section"), strict=True):
        for name in label if isinstance(label, list) else [label]:
            if name in label_counts:
                (kept if section == "select" else lost)[name] += 1
    total_kept, total = kept.total(), kept.total() + lost.total()
    outcomes = []
    for label in label_counts:
        entered = kept[label] + lost[label]
        other_kept, others = total_kept - kept[label], total - entered
        collapsed = (
            entered >= MIN_LABEL_TEXTS
            and others >= MIN_LABEL_TEXTS
            and kept[label] / entered <= COLLAPSED_PART * other_kept / others
            and other_kept > 0
        )
        outcomes.append(LabelOutcome(label, entered, kept[label], collapsed))
    return outcomes


def _selected_examples(
    task: Task, data: DatasetReader, provenance: DatasetReader, indices: Sequence[int]
) -> list[Mapping[str, Any]]:
    rows = data.rows_at(indices)
    position_of = provenance.positions_of(row["id"] for row in rows)
    origins = provenance.rows_at([position_of[row["id"]] for row in rows])
    splits = [data.splits[index] for index in indices]
    return [
        _selected_example(task, row, split, origin) for row, split, origin in zip(rows, splits, origins, strict=True)
    ]


def _dropped_examples(
    run: Path, manifest: Manifest, task: Task, dropped: DatasetReader, data: DatasetReader
) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[int]] = {
        drop_key(drop["section"], drop["step"], drop["reason"]): [] for drop in manifest["drops"]
    }
    group_of: dict[tuple[str, str, str], list[int]] = {}
    for index, drop in enumerate(zip(*(dropped.values(name) for name in ("section", "step", "reason")), strict=True)):
        group = group_of.get(drop)
        if group is None:
            group = group_of[drop] = groups.setdefault(drop_key(*drop), [])
        if len(group) < DROPPED_SHOWN_PER_REASON:
            group.append(index)
    rows = dropped.rows_at([index for group in groups.values() for index in group])
    ids = {row["duplicate_of"] for row in rows} - {None}
    originals = _texts_of(task, ids, (data, dropped))
    source_rows = source_rows_of_run(run, manifest, ids - originals.keys(), max_bytes=MAX_REPORT_BYTES)
    places = {id_: row.place for id_, row in source_rows.items()}
    originals |= {id_: row.text for id_, row in source_rows.items()}
    examples = iter([_dropped_example(task, row, originals, places) for row in rows])
    return {reason: [next(examples) for _ in group] for reason, group in groups.items() if group}


def _texts_of(task: Task, ids: AbstractSet[str], readers: Sequence[DatasetReader]) -> dict[str, str]:
    """Return the texts of the given ids, as far as the readers have rows with them."""
    texts: dict[str, str] = {}
    for reader in readers if ids else ():
        rows = reader.rows_at([*reader.positions_of(ids).values()])
        texts |= {row["id"]: row_text(task, row) for row in rows}
    return texts


def _selected_example(
    task: Task, row: Mapping[str, Any], split: str, provenance: Mapping[str, Any]
) -> Mapping[str, Any]:
    return {
        "id": row["id"],
        "label": label_text(row.get("label") or provenance["label"]),
        "text": row_text(task, row),
        "source_text": row_context(task, row),
        "step": provenance["step"],
        "confidence": provenance["confidence"],
        "split": split,
        **{name: provenance[name] for name in PROVENANCE_COLUMNS},
    }


def _dropped_example(
    task: Task, row: Mapping[str, Any], originals: Mapping[str, str], places: Mapping[str, str]
) -> Mapping[str, Any]:
    return {
        **{name: row[name] for name in ("id", "section", "reason", "score", "limit", "duplicate_of")},
        "duplicate_text": originals.get(row["duplicate_of"] or ""),
        "duplicate_place": places.get(row["duplicate_of"] or ""),
        "label": label_text(row["label"]),
        "text": row_text(task, row),
        "source_text": row["source_text"],
        "step": row["generator"],
    }
