"""Share of generated texts that are nearer to the seeds of their prompts than to as many unseen real rows.

    python eval/privacy.py DATA

DATA has the folders parrot_crowdflower and parrot_intimacy, each with the seeds (base.csv), other real rows (train.csv)
and texts of two models. Each line: the share with its 95 % interval, and that of real rows.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from textsynth.evaluate.cache import PredictionCache
from textsynth.evaluate.privacy import measure_seed_proximity
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder


def read(path: Path) -> list[str]:
    """Return the texts of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def main(folder: Path, cache: Path) -> None:
    """Print the share of every file of generated texts."""
    with closing(PredictionCache(cache)) as store:
        embed = Embedder(BUNDLED_EMBEDDER, store).embed
        for name in ("parrot_intimacy", "parrot_crowdflower"):
            seeds, unseen = (embed(read(folder / name / f"{part}.csv")) for part in ("base", "train"))
            for model in ("gpt4", "llama2_70b"):
                texts = embed(read(folder / name / f"generated_{model}.csv"))
                result = measure_seed_proximity(texts, seeds, unseen, seed=0)
                if result is not None:
                    low, high = result.interval
                    print(
                        f"{name} {model}: {result.share:.3f} ({low:.3f} to {high:.3f}) of {result.texts} texts, "
                        f"real rows {result.real_share:.3f}, overfits {result.overfits}",
                        flush=True,
                    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]), Path(temporary))
