"""Whether `want: {balance: …}` is met exactly on real sets, with a scripted model in place of a model.

    python eval/balance.py trec/train.csv label_fine 50
    python eval/balance.py sms_spam/train.csv label largest

Prints how many real and new texts each label has, and how many requests were sent for them. The scripted texts are
random: nothing is measured about their quality.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from textsynth.recipe import read_recipe
from textsynth.runner import run

ANSWERS = """\
def answer(request):
    key = request.key
    words = [key[start : start + 5] for start in range(0, 40, 5)]
    return "\\n".join(f"{n}. " + " ".join(f"{word}{n}" for word in words) for n in range(1, 6))
"""


def main() -> None:
    """Run once and print the figures."""
    path, column, to = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    with path.open(encoding="utf-8", newline="") as file:
        labels = list(dict.fromkeys(row[column] for row in csv.DictReader(file)))
    recipe = {
        "name": "balanced",
        "labels": {label: label for label in labels},
        "models": {"generator": {"scripted": {"function": "./answers.py:answer"}}},
        "sources": {"train": {"rows": {"path": str(path), "label": column}}},
        "generate": [{"existing": {"source": "train"}}, {"labelled": {"source": "train"}}],
        "filter": ["length", "exact_duplicate", "near_duplicate"],
        "want": {"balance": {"like": "train", "to": to if to == "largest" else int(to)}},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
        (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
        summary = run(read_recipe(folder / "recipe.yaml"), out=folder / "run")
        rows = pq.ParquetDataset(folder / "run" / "dataset" / "data").read().to_pylist()
    counts = Counter((labels[row["label"]], row["origin"]) for row in rows)
    for label in labels:
        real, new = counts[label, "real"], counts[label, "synthetic"]
        if new or len(labels) == 2:  # both labels of a binary set are shown
            print(f"{label}: {real:,} real + {new:,} new = {real + new:,}")
    requests = summary.manifest["requests"]["planned"]
    new = sum(number for (_, origin), number in counts.items() if origin == "synthetic")
    print(f"{summary.sentence}: {len(rows):,} rows, {new:,} of them new, {requests:,} requests of 5 texts")


if __name__ == "__main__":
    main()
