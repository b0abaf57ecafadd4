"""Curating 100,000 given rows with exact and near duplicates only: recall, precision and CPU of the whole `run`.

    python eval/existing.py TEXTS.csv TRUTH.npz

TEXTS.csv has a column `text`; TRUTH.npz holds `group`, the planted group of each row in order (rows of one group are
copies of each other). Recall: planted copies dropped over planted; precision: of the dropped rows, those planted.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RECIPE = """\
version: 1
name: existing
sources: {{raw: {path}}}
generate: [existing]
filter: [exact_duplicate, near_duplicate]
select: []
export: {{splits: {{train: 1.0}}}}
"""


def main() -> None:
    """Run once and print the figures."""
    texts, truth = Path(sys.argv[1]).resolve(), np.load(sys.argv[2])["group"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "existing.yaml").write_text(RECIPE.format(path=json.dumps(str(texts))))
        started = time.monotonic()
        out = folder / "run"
        command = [
            sys.executable,
            "-m",
            "textsynth",
            "run",
            str(folder / "existing.yaml"),
            "--out",
            str(out),
            "--quiet",
        ]
        subprocess.run(command, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = time.monotonic() - started
        import pyarrow.parquet as pq

        kept = pq.read_table(out / "dataset" / "data").column("text").to_pylist()
    by_text: dict[str, list[int]] = {}
    import csv

    with texts.open(newline="", encoding="utf-8") as file:
        rows = [row["text"] for row in csv.DictReader(file)]
    for place_, text in enumerate(rows):
        by_text.setdefault(text, []).append(place_)
    keep = np.zeros(len(rows), bool)
    for text in kept:
        keep[by_text[text].pop(0)] = True
    size = np.bincount(truth)
    removed = np.bincount(truth[~keep], minlength=len(size))
    want = np.maximum(size - 1, 0)
    right = int(np.minimum(removed, want).sum())
    print(
        f"{len(rows)} rows: recall {right / want.sum():.3f}, precision {right / (~keep).sum():.3f},"
        f" CPU {used.ru_utime + used.ru_stime:.1f} s, wall {seconds:.1f} s, most memory {used.ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
