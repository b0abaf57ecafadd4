"""A manifest with every required part, for tests of what reads one."""

from __future__ import annotations

from textsynth.store.manifest import FORMAT, Manifest


def example_manifest() -> Manifest:
    """Return the manifest of a small run whose quota was not met."""
    return {
        "version": FORMAT,
        "name": "parcels",
        "task": "classification",
        "task_options": {},
        "seed": 7,
        "recipe": {"name": "recipe.yaml", "hash": "00", "path": "../recipe.yaml", "sets": [], "text": "version: 1\n"},
        "labels": {"refund": "wants money back", "delivery": "asks where a parcel is"},
        "sources": {"seeds": {"path": "seeds.csv"}},
        "checked_for_leaks": [],
        "versions": {"textsynth": "0.1.0"},
        "models": ["SmolLM2@abc"],
        "engines": {},
        "counts": {
            "candidates": 40,
            "accepted": 32,
            "selected": 30,
            "surplus": 2,
            "dropped": 7,
            "review": 1,
            "windows": 1,
        },
        "drops": [{"section": "filter", "step": "length", "reason": "too few words", "count": 7}],
        "quota": [
            {
                "cell": {"label": "delivery"},
                "wanted": 20,
                "selected": 15,
                "missing": 5,
                "reasons": [{"step": "length", "reason": "too few words", "count": 3}],
            }
        ],
        "requests": {"planned": 1200, "sent": 1000, "from_journal": 200, "failed": 1},
        "tokens": {"prompt": 34_000, "completion": 5_600},
        "licenses": {"license": None, "sources": {"seeds": None}, "models": {}, "conflicts": []},
        "splits": {"train": 24, "validation": 6},
        "notes": [],
        "seconds": 12.5,
        "stopped": {"why": "dry", "sentence": "no further texts were accepted"},
    }
