"""The folder of a finished run, as a run leaves it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import RunResult
from textsynth.store.manifest import Manifest, write_manifest


def manifest(told: RunResult) -> Manifest:
    """Return what the manifest of this outcome says."""
    review = sum(drop.section == "review" for drop in told.dropped)
    drops = Counter((drop.section, drop.step, drop.reason) for drop in told.dropped)
    return {
        "version": 1,
        "name": told.name,
        "task": told.task,
        "seed": told.seed,
        "recipe": {"name": "recipe.yaml", "hash": "00", "path": "../recipe.yaml", "sets": [], "text": told.recipe_text},
        "labels": dict(told.labels),
        "sources": {},
        "checked_for_leaks": [],
        "versions": {"textsynth": "0.1.0", "pyarrow": "26"},
        "models": list(told.models),
        "engines": {},
        "counts": {
            "candidates": len(told.selected) + len(told.surplus) + len(told.dropped),
            "accepted": len(told.selected) + len(told.surplus),
            "selected": len(told.selected),
            "surplus": len(told.surplus),
            "dropped": len(told.dropped) - review,
            "review": review,
            "windows": 1,
        },
        "drops": [
            {"section": section, "step": item, "reason": reason, "count": count}
            for (section, item, reason), count in drops.items()
        ],
        "quota": [
            {
                "cell": dict(line.values),
                "wanted": line.wanted,
                "selected": line.selected,
                "missing": line.missing,
                "reasons": [{"step": "length", "reason": "too few words", "count": 3}] if line.missing else [],
            }
            for line in told.quota
        ],
        "requests": {"planned": 1200, "sent": 1000, "from_journal": 200, "failed": 1},
        "tokens": {"prompt": 34_000, "completion": 5_600},
        "licenses": {"license": told.license, "sources": {}, "models": {}, "conflicts": []},
        "splits": {},
        "notes": [],
        "seconds": 12.5,
        "stopped": {"why": told.stopped, "sentence": told.sentence},
    }


def finished(folder: Path, told: RunResult) -> Path:
    """Write the data set and the manifest of a run, and return its folder."""
    run = folder / told.name.split()[0].strip("<>/|*()")
    written = write_dataset(run / "dataset", told)
    write_manifest(run, {**manifest(told), "splits": dict(written.splits), "notes": list(written.notes)})
    return run
