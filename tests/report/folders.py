"""Folders of finished runs, as a run writes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import RunResult
from textsynth.store.manifest import FORMAT, Manifest, write_manifest


def manifest(result: RunResult) -> Manifest:
    """Return the manifest of a run with this result."""
    review = sum(drop.section == "review" for drop in result.dropped)
    drops = Counter((drop.section, drop.step, drop.reason) for drop in result.dropped)
    return {
        "version": FORMAT,
        "name": result.name,
        "task": result.task,
        "seed": result.seed,
        "recipe": {
            "name": "recipe.yaml",
            "hash": "00",
            "path": "../recipe.yaml",
            "sets": [],
            "text": result.recipe_text,
        },
        "labels": dict(result.labels),
        "sources": {},
        "checked_for_leaks": [],
        "versions": {"textsynth": "0.1.0", "pyarrow": "26"},
        "models": list(result.models),
        "engines": {},
        "counts": {
            "candidates": len(result.selected) + len(result.surplus) + len(result.dropped),
            "accepted": len(result.selected) + len(result.surplus),
            "selected": len(result.selected),
            "surplus": len(result.surplus),
            "dropped": len(result.dropped) - review,
            "review": review,
            "windows": 1,
        },
        "drops": [
            {"section": section, "step": step, "reason": reason, "count": count}
            for (section, step, reason), count in drops.items()
        ],
        "quota": [
            {
                "cell": dict(cell.values),
                "wanted": cell.wanted,
                "selected": cell.selected,
                "missing": cell.missing,
                "reasons": [{"step": "length", "reason": "too few words", "count": 3}] if cell.missing else [],
            }
            for cell in result.quota
        ],
        "requests": {"planned": 1200, "sent": 1000, "from_journal": 200, "failed": 1},
        "tokens": {"prompt": 34_000, "completion": 5_600},
        "licenses": {"license": result.license, "sources": {}, "models": {}, "conflicts": []},
        "splits": {},
        "notes": [],
        "seconds": 12.5,
        "stopped": {"why": result.stopped, "sentence": result.sentence},
    }


def finished(folder: Path, result: RunResult) -> Path:
    """Write the data set and the manifest of a finished run, and return its folder."""
    run = folder / result.name.split()[0].strip("<>/|*()")
    written = write_dataset(run / "dataset", result)
    write_manifest(run, {**manifest(result), "splits": dict(written.splits), "notes": list(written.notes)})
    return run
