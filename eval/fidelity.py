"""Fidelity of generated texts, and of real ones, against real rows of the same set.

    python eval/fidelity.py DATA

DATA has the folders parrot_crowdflower, parrot_intimacy and banking77 (docs/evaluating.md says what the figures mean).
Each line: the mean of the surface features, the mean of the pairs with the label, the worst column.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from textsynth.core.records import Provenance, Record
from textsynth.evaluate.fidelity import measure_fidelity

SETS = {
    "parrot_crowdflower": ("test", "generated_gpt4", "generated_llama2_70b"),
    "parrot_intimacy": ("test", "generated_gpt4", "generated_llama2_70b"),
    "banking77": ("test",),
}


def read(path: Path) -> list[Record]:
    """Return the labelled rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Record(row["text"], Provenance(path.stem, index=i), (row["label"],)) for i, row in enumerate(rows)]


def main(folder: Path) -> None:
    """Print the figures of every file against the training rows of its set."""
    for name, files in SETS.items():
        real = read(folder / name / "train.csv")
        for file in files:
            fidelity = measure_fidelity(read(folder / name / f"{file}.csv"), real, seed=0)
            if fidelity is None:
                continue
            worst = fidelity.worst_column
            print(
                f"{name} {file}: surface {fidelity.surface_score:.3f} (halves of the real rows "
                f"{fidelity.real_surface_score:.3f}), pairs {fidelity.pair_score:.3f} "
                f"({fidelity.real_pair_score:.3f}), worst {worst.column} {worst.score:.3f}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
