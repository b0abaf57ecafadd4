"""Measures how well label errors are ranked: python eval/label_errors.py TRAIN.csv … [--flipped .2] [--rows 3000].

Of each file (columns text and label) a share of the labels is replaced by another label at random. Prints the AUC with
which `label_error` ranks the replaced labels before the others, by its default score (self-confidence, both
classifiers) and by each classifier alone, and precision and recall of the labels that it calls probably wrong.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from textsynth.evaluate.classifiers import CLASSIFIERS, Classifiers
from textsynth.evaluate.label_errors import cross_fitted_probabilities
from textsynth.recipe.context import no_embeddings
from textsynth.similarity.confident_learning import find_errors
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder

SEED = 0


def measure(path: Path, share: float, limit: int | None) -> None:
    """Measure one file and print a line for each classifier and for both."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    generator = np.random.default_rng(SEED)
    if limit is not None and limit < len(rows):
        rows = [rows[index] for index in np.sort(generator.permutation(len(rows))[:limit])]
    names = sorted({row["label"] for row in rows})
    texts, labels = [row["text"] for row in rows], np.array([names.index(row["label"]) for row in rows])
    flipped = generator.random(len(rows)) < share
    targets = np.where(flipped, (labels + generator.integers(1, len(names), len(rows))) % len(names), labels)
    embedder = Embedder(BUNDLED_EMBEDDER, no_embeddings())
    classifiers = Classifiers(
        [(text,) for text in texts],
        len(names),
        multi_label=False,
        embed=embedder.embed,
        embedder=BUNDLED_EMBEDDER,
        cache=no_embeddings(),
    )
    probabilities = {
        name: cross_fitted_probabilities(classifiers, targets, texts, seed=SEED, names=[name]) for name in CLASSIFIERS
    }
    probabilities = {"both": np.mean(list(probabilities.values()), axis=0), **probabilities}  # type: ignore[dict-item]
    for name, of_name in probabilities.items():
        result = find_errors(of_name, targets)
        auc = roc_auc_score(flipped, -result.quality)
        precision, recall = flipped[result.errors].mean(), result.errors[flipped].mean()
        print(
            f"{path.parent.name:12} {len(rows):6,} rows  {name:10}  AUC {auc:.4f}  precision {precision:.3f}"
            f"  recall {recall:.3f}",
            flush=True,
        )


def main() -> int:
    """Measure every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--flipped", type=float, default=0.2)
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    for path in options.files:
        measure(path, options.flipped, options.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
