"""The last stages: the splits of the selected texts, and the shards of the data set with the columns that a run writes.

Splits are drawn in one process, as the split of a text depends on all others; it needs no text, but the ids, families
and labels of all selected ones.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textsynth.core.records import Record
from textsynth.export.dataset import FOLDERS, ONLY_SPLIT
from textsynth.export.outcome_counts import count_drops
from textsynth.export.parquet import FILE_NAME, write_parquet
from textsynth.export.run_result import RunResult
from textsynth.export.splits import SplitAssignment, SplitRows, assign_rows, split_rows
from textsynth.export.tables import AnyTable, default_table, dropped_table, provenance_table
from textsynth.runner.summary import empty_result
from textsynth.sharded.outcomes import outcomes, selected_rows
from textsynth.sharded.plan import Plan, unless_written
from textsynth.text.normalize import form_digest, normal_form


@unless_written("selected-{}")
def describe_selected(plan: Plan, part: int) -> dict[str, Any]:
    """Write what the splits of the selected texts depend on, `selected-PART`; the note has the label sets.

    Where a text shares a source text with others, also the hash of each of these texts, `shared-texts-PART`.
    """
    table = plan.work.read_part([f"texts-{part}"], 0)
    table = table.filter(selected_rows(plan, part, table))
    ids, classes = table.column("id").to_numpy(), table.column("class").to_numpy()
    families = ids
    if plan.texts_are_shared:
        owners, forms = _family_forms(plan, part)
        plan.work.write_parts(f"shared-texts-{part}", {"owner": owners, "form": forms}, None)
    elif len(ids):  # texts of one normal form are a family
        _, starts, numbers = np.unique(classes, return_index=True, return_inverse=True)
        families = np.minimum.reduceat(ids, starts)[numbers]
    number_of: dict[tuple[str, ...], int] = {}
    sets = [number_of.setdefault(tuple(labels), len(number_of)) for labels in table.column("labels").to_pylist()]
    note = {"label_sets": [list(labels) for labels in number_of]}
    columns = {"id": ids, "family": families, "set": np.array(sets, np.uint32)}
    plan.work.write_parts(f"selected-{part}", columns, None, note)
    return note


def _family_forms(plan: Plan, part: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the ids of the selected texts of a part and the hash of each text that they share, a row for each."""
    pairs = [
        (int(record.id, 16), int.from_bytes(form_digest(normal_form(text))[:8], "little"))
        for record in outcomes(plan, part)[0]
        for text in plan.recipe.task.family_texts(record)
    ]
    columns = np.array(pairs, np.uint64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


@unless_written("splits")
def draw_splits(plan: Plan, number: int) -> dict[str, Any]:
    """Assign the selected texts to splits as a run does, and write the split and family of each by its part, `splits`.

    The note has the sentences on shares that were not met. Memory: 130 bytes a selected text.
    """
    tables = [plan.work.read_part([f"selected-{part}"], 0) for part in range(plan.parts)]
    number_of: dict[tuple[str, ...], int] = {}
    sets: list[NDArray[np.uint32]] = []
    for part, table in enumerate(tables):
        note = plan.work.note(f"selected-{part}") or {}
        numbers = [number_of.setdefault(tuple(labels), len(number_of)) for labels in note["label_sets"]]
        sets.append(np.array(numbers, np.uint32)[table.column("set").to_numpy()])
    ids, families = (np.concatenate([table.column(name).to_numpy() for table in tables]) for name in ("id", "family"))
    part_of = np.repeat(np.arange(plan.parts), [len(table) for table in tables])[np.argsort(ids)]
    if plan.texts_are_shared:
        shared = [plan.work.read_part([f"shared-texts-{part}"], 0) for part in range(plan.parts)]
        owners, forms = (
            np.concatenate([table.column(name).to_numpy() for table in shared]) for name in ("owner", "form")
        )
        families = connected_families(families, owners, forms)
    rows = SplitRows(ids, families, np.concatenate(sets), list(number_of))
    assigned = assign_rows(rows, plan.recipe.export.splits, seed=plan.recipe.seed)
    columns = {"id": assigned.ids, "family": assigned.families, "code": assigned.codes}
    note = {"notes": list(assigned.notes)}
    plan.work.write_parts("splits", columns, part_of, note)
    return note


def connected_families(
    families: NDArray[np.uint64], owners: NDArray[np.uint64], forms: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Return the families joined where `owners`, which are among them, have a form in common: the smallest of each."""
    names, numbers = np.unique(families, return_inverse=True)
    order = np.argsort(forms, kind="stable")
    owner = np.searchsorted(names, owners[order])
    ordered = forms[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.zeros(0, np.intp)
    sizes = np.diff(np.append(starts, len(ordered)))
    smallest = np.arange(len(names))
    while len(starts):
        joined = smallest.copy()
        np.minimum.at(joined, owner, np.repeat(np.minimum.reduceat(smallest[owner], starts), sizes))
        joined = joined[joined]  # a number stands for a family of its own, or for a smaller one
        if np.array_equal(joined, smallest):
            break
        smallest = joined
    joined_families: NDArray[np.uint64] = names[smallest[numbers]]
    return joined_families


def write_shard(plan: Plan, part: int) -> dict[str, Any]:
    """Write a shard of each config; the note has the counts and the hash of each file. Rows are sorted by id."""
    name = f"shard-{part}.json"
    if plan.work.exists(name):
        note: dict[str, Any] = json.loads(plan.work.read_text(name))
        return note
    selected, dropped = outcomes(plan, part)
    result = replace(empty_result(plan.recipe), selected=selected, dropped=dropped)
    assigned = _splits_of_part(plan, part, selected)
    names = assigned.names
    tables: dict[tuple[str, str], AnyTable] = {
        ("default", split): default_table(selected, result, assigned.is_in(split) if len(names) > 1 else None)
        for split in names
    }
    tables["provenance", ONLY_SPLIT] = provenance_table(selected, result, assigned)
    tables["dropped", ONLY_SPLIT] = dropped_table(result)
    note = {
        "files": [_write(plan, config, split, part, table, result) for (config, split), table in tables.items()],
        "texts": len(selected) + len(dropped),
        "selected": len(selected),
        "reasons": [[*key, count] for key, count in count_drops(dropped).items()],
    }
    plan.work.write_text(name, json.dumps(note))
    return note


def _write(plan: Plan, config: str, split: str, part: int, table: AnyTable, result: RunResult) -> dict[str, Any]:
    content = io.BytesIO()
    write_parquet(content, table, result)
    name = f"{FOLDERS[config]}/{FILE_NAME.format(split=split, number=part, count=plan.parts)}"
    with plan.out.writing(name) as file:
        file.write(content.getbuffer())
    sha256 = hashlib.sha256(content.getbuffer()).hexdigest()
    return {"config": config, "split": split, "name": name, "rows": len(table), "sha256": sha256}


def _splits_of_part(plan: Plan, part: int, selected: Sequence[Record]) -> SplitAssignment:
    """Return the splits and families of the selected texts of a part."""
    splits = plan.recipe.export.splits
    if not plan.draws_splits:
        return assign_rows(split_rows(selected, plan.recipe.task.family_texts), splits, seed=plan.recipe.seed)
    table = plan.work.read_part(["splits"], part)
    ids, families, codes = (table.column(name).to_numpy() for name in ("id", "family", "code"))
    return SplitAssignment(ids, families, codes, tuple(splits), {})
