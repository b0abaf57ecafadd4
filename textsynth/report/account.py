"""What a report tells, read from a run's folder: the manifest, and a few texts kept and dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.errors import UsageError

KEPT_SHOWN = 40
DROPPED_A_REASON = 5


@dataclass(frozen=True, slots=True)
class Account:
    """A run as its folder tells it.

    `kept` are up to 40 selected rows spread over the labels; `dropped` maps "section item: reason" to up to five rows,
    the commonest reason first.
    """

    manifest: Mapping[str, Any]
    kept: Sequence[Mapping[str, Any]]
    dropped: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def funnel(self) -> list[tuple[str, int]]:
        """What became of the candidates, from all of them to the selected, each step with what it took away."""
        counts = self.manifest["counts"]
        steps = [("candidates", counts["candidates"])]
        steps += [(reason_of(drop), -drop["count"]) for drop in self.manifest["drops"]]
        steps.append(("accepted", counts["accepted"]))
        if counts.get("spare"):
            steps.append(("spare (accepted, not picked)", -counts["spare"]))
        return [*steps, ("selected", counts["selected"])]


def reason_of(drop: Mapping[str, Any]) -> str:
    """Return `section item: reason`, as displays and reports name what happened to a text."""
    return f"{drop['section']} {drop['item']}: {drop['reason']}"


def read_account(run: Path) -> Account:
    """Read a run's folder. Raises UsageError where it holds no finished run."""
    manifest = read_manifest(run)
    dataset = run / "dataset"
    kept = _spread(read_rows(dataset / "passports"), read_rows(dataset / "data"))
    dropped: dict[str, list[Mapping[str, Any]]] = {reason_of(drop): [] for drop in manifest["drops"]}
    for row in read_rows(dataset / "dropped"):
        some = dropped.setdefault(reason_of(row), [])
        if len(some) < DROPPED_A_REASON:
            some.append(row)
    return Account(manifest, kept, dropped)


def read_manifest(run: Path) -> dict[str, Any]:
    """Return a run's manifest. Raises UsageError where there is none."""
    path = run / "manifest.json"
    if not path.is_file():
        raise UsageError(
            f"{run}: no finished run is in this folder (no {path.name}); give the folder of a run, runs/NAME"
        )
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise UsageError(f"{path}: the manifest is damaged ({fault}); run the recipe again") from fault
    if not isinstance(told, dict):
        raise UsageError(f"{path}: the manifest is damaged; run the recipe again")
    return told


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return all rows of the parquet files in a folder of the data set, [] where it has none; names for codes."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        names = _label_names(table.schema.metadata or {})
        for row in table.to_pylist():
            code = row.get("label")
            if names and isinstance(code, int):
                row["label"] = names[code]
            elif names and isinstance(code, list):
                row["label"] = [names[one] for one in code]
            rows.append(row)
    return rows


def _label_names(metadata: Mapping[bytes, bytes]) -> list[str]:
    told = json.loads(metadata.get(b"huggingface", b"{}"))
    label = told.get("info", {}).get("features", {}).get("label", {})
    names = label.get("names") or label.get("feature", {}).get("names") or []
    return [str(name) for name in names]


def _spread(passports: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return some rows of every label, with their passports, as many of each as there is room for."""
    by_id = {passport["id"]: passport for passport in passports}
    by_label: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_label.setdefault(str(row.get("label") or ""), []).append({**by_id.get(row["id"], {}), **row})
    each = max(1, KEPT_SHOWN // max(1, len(by_label)))
    return [row for some in by_label.values() for row in some[:each]]
