"""Measures the combination of votes on snow_rte: python eval/judges.py FOLDER (with items.csv and annotations.csv).

Prints the share of correct labels by majority (ties count half), by Dawid-Skene and by GLAD, with all 10 votes a pair
and as the mean of draws of fewer votes. Where crowd-kit is installed, its results are compared (pip install crowd-kit);
its GLAD takes minutes for each draw.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from textsynth.label.glad import fit_glad
from textsynth.label.vote_combination import FloatArray, IntArray, Votes, fit_dawid_skene, majority

DRAWS = 10


def read(folder: Path) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """Return the votes (item, worker, label) and the gold label of each item."""
    with (folder / "annotations.csv").open(encoding="utf-8") as file:
        votes = [(row["item_id"], row["worker_id"], row["label"]) for row in csv.DictReader(file)]
    with (folder / "items.csv").open(encoding="utf-8") as file:
        gold = {row["item_id"]: row["gold"] for row in csv.DictReader(file)}
    return votes, gold


def draw(votes: list[tuple[str, str, str]], count: int, seed: int) -> list[tuple[str, str, str]]:
    """Return `count` votes for each item, drawn without replacement."""
    by_item: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for vote in votes:
        by_item[vote[0]].append(vote)
    generator = np.random.default_rng(seed)
    return [of_item[index] for of_item in by_item.values() for index in generator.permutation(len(of_item))[:count]]


def to_arrays(votes: list[tuple[str, str, str]], items: list[str], labels: list[str]) -> Votes:
    """Return the votes as arrays of indices; workers are in the order of their names."""
    workers = sorted({worker for _, worker, _ in votes})
    index_of = [{name: index for index, name in enumerate(names)} for names in (items, workers, labels)]
    columns = [np.array([index_of[n][vote[n]] for vote in votes], dtype=np.int64) for n in range(3)]
    return Votes(*columns, np.ones(len(votes)), (len(items), len(workers), len(labels)))


def accuracy(probabilities: FloatArray, truth: IntArray) -> float:
    """Return the share of items whose most probable label is correct; a tie counts its share."""
    best = np.isclose(probabilities, probabilities.max(axis=1, keepdims=True))
    return float((best[np.arange(len(truth)), truth] / best.sum(axis=1)).mean())


def crowd_kit_accuracy(name: str, votes: list[tuple[str, str, str]], gold: dict[str, str]) -> float | None:
    """Return the accuracy of a method of crowd-kit (DawidSkene, GLAD), None where it is not installed."""
    try:
        import pandas as pd
        from crowdkit import aggregation
    except ImportError:
        return None
    method = getattr(aggregation, name)(n_iter=100)
    labels = method.fit_predict(pd.DataFrame(votes, columns=["task", "worker", "label"]))
    return float(np.mean([labels[item] == label for item, label in gold.items()]))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    all_votes, gold = read(parser.parse_args().folder)
    items, labels = list(gold), sorted(set(gold.values()))
    truth = np.array([labels.index(gold[item]) for item in items], dtype=np.int64)
    print("votes  majority  Dawid-Skene    GLAD  crowd-kit: Dawid-Skene    GLAD")
    for count in (10, 5, 3):
        results = []
        for seed in range(1 if count == 10 else DRAWS):
            drawn = draw(all_votes, count, seed)
            votes = to_arrays(drawn, items, labels)
            ours = [majority(votes), *(fit(votes).probabilities(votes) for fit in (fit_dawid_skene, fit_glad))]
            theirs = [crowd_kit_accuracy(name, drawn, gold) or np.nan for name in ("DawidSkene", "GLAD")]
            results.append([*(accuracy(probabilities, truth) for probabilities in ours), *theirs])
        mean = np.mean(results, axis=0)
        print(f"{count:5}  {mean[0]:8.4f}  {mean[1]:11.4f}  {mean[2]:6.4f}  {mean[3]:22.4f}  {mean[4]:6.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
