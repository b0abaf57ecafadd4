"""Deduplication of 100,000 existing rows, exact and near: recall, precision and CPU time of a whole `run`.

    python eval/existing.py TEXTS.csv TRUTH.npz

TEXTS.csv has a column `text`; TRUTH.npz holds `group`, the planted group of each row in order (rows of one group are
duplicates of each other). Recall: dropped planted duplicates over all planted ones; precision: the share of the dropped
rows that were planted.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

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
    path, groups = Path(sys.argv[1]).resolve(), np.load(sys.argv[2])["group"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe, out = folder / "existing.yaml", folder / "run"
        recipe.write_text(RECIPE.format(path=json.dumps(str(path))))
        started = time.monotonic()
        command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"]
        subprocess.run(command, check=True)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = time.monotonic() - started
        selected = pq.read_table(out / "dataset" / "data").column("text").to_pylist()
    with path.open(newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    is_dropped = dropped_rows(texts, selected)
    sizes = np.bincount(groups)
    dropped = np.bincount(groups[is_dropped], minlength=len(sizes))
    duplicates = np.maximum(sizes - 1, 0)
    right = int(np.minimum(dropped, duplicates).sum())
    print(
        f"{len(texts)} rows: recall {right / duplicates.sum():.3f}, precision {right / is_dropped.sum():.3f},"
        f" CPU {usage.ru_utime + usage.ru_stime:.1f} s, wall {seconds:.1f} s,"
        f" peak memory {usage.ru_maxrss / 1024:.0f} MB"
    )


def dropped_rows(texts: list[str], selected: list[str]) -> np.ndarray:
    """Return whether each row was dropped; of equal texts the first rows count as selected."""
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        rows_of.setdefault(text, []).append(row)
    is_dropped = np.ones(len(texts), bool)
    for text in selected:
        is_dropped[rows_of[text].pop(0)] = False
    return is_dropped


if __name__ == "__main__":
    main()
