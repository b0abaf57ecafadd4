"""Measures whether gaps are found: python eval/gaps.py TRAIN.csv [--draws 10] [--shots 10] [--rows 5000] [--cache DIR].

Of a labelled file (columns text and label) the seeds of ten labels, drawn at random, are taken out; of the others there
are a few seeds a label. The rest of the rows is searched without its labels. A label that was taken out counts as found
where more than half of the rows of a region have it. Prints for each draw how many of the ten are found, how many
regions there are, and how many of these are mostly rows of the ten. Then, for regions of which more than half of the
rows have one label:

- `all labels`: the recipe lists all labels, ten of them without seeds. How many regions get texts, and how often the
  label that these texts get is the one that most rows of the region have.
- `without the labels`: the recipe lacks the ten labels. How many of their regions are taken for another label.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from textsynth.core.gap_summary import Gaps
from textsynth.core.protocols import Context
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.cache import PredictionCache
from textsynth.generate.gaps import GapOptions, find_gaps
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder
from textsynth.task import Classification

TAKEN_OUT = 10


def search(
    seeds: Sequence[Record], rows: Sequence[Record], labels: Sequence[str], embedder: Embedder, count: int
) -> Gaps:
    """Return the regions of the rows in a recipe with these labels, whose names are their descriptions."""
    context = Context(
        task=Classification(),
        language="en",
        seed=0,
        labels=dict.fromkeys(labels, ""),
        multi_label=False,
        sources={"seeds": seeds, "rows": rows},
        embed=embedder.embed,
        find_prompt=_no_prompt,
    )
    options = GapOptions(in_="rows", rows=count)
    return find_gaps(options, context, seeds, lambda shown: [True] * len(shown), "0:labelled")[0]


def _no_prompt(name: str, model: str) -> NoReturn:
    raise TypeError(f"no prompt {name!r} for {model!r} is needed")


def majorities(gaps: Gaps, label_of: dict[str, str]) -> list[str | None]:
    """Return the label that more than half of the rows of each region have, None for none."""
    labels: list[str | None] = []
    for texts in gaps.texts:
        label, number = Counter(label_of[text] for text in texts).most_common(1)[0]
        labels.append(label if number > len(texts) / 2 else None)
    return labels


def main() -> int:
    """Measure and print every draw, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--cache", type=Path, help="a folder for the embeddings")
    options = parser.parse_args()
    with options.file.open(encoding="utf-8") as file:
        pairs = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    label_of = dict(pairs)
    names = sorted(set(label_of.values()))
    embedder = Embedder(BUNDLED_EMBEDDER, PredictionCache(options.cache))
    embedder.embed([text for text, _ in pairs])
    totals: Counter[str] = Counter()
    print("draw  found  regions  of them  similarity")
    for draw in range(options.draws):
        generator = np.random.default_rng(draw)
        taken_out = set(generator.choice(names, TAKEN_OUT, replace=False).tolist())
        seeds: list[Record] = []
        for name in names:
            texts = [text for text, label in label_of.items() if label == name]
            if name not in taken_out:
                chosen = [texts[index] for index in generator.permutation(len(texts))[: options.shots]]
                seeds += [Record(text, Provenance("seeds"), (name,)) for text in chosen]
        seed_texts = {seed.text for seed in seeds}
        rows = [Record(text, Provenance("rows")) for text in label_of if text not in seed_texts]
        gaps = search(seeds, rows, names, embedder, options.rows)
        labels = majorities(gaps, label_of)
        found = {label for label in labels if label in taken_out}
        regions = gaps.summary["regions"]
        of_them = sum(label in taken_out for label in labels)
        print(
            f"{draw:4}  {len(found):5}  {len(regions):7}  {of_them:7}  {gaps.summary['similarity']:10.2f}", flush=True
        )
        written = [(region["label"], label) for region, label in zip(regions, labels, strict=True) if label is not None]
        totals["regions"] += len(written)
        totals["written"] += sum(label is not None for label, _ in written)
        totals["right"] += sum(label == majority for label, majority in written)
        few = search(seeds, rows, [name for name in names if name not in taken_out], embedder, options.rows)
        absent = [region for region, label in zip(few.summary["regions"], labels, strict=True) if label in taken_out]
        totals["absent"] += len(absent)
        totals["absent written"] += sum(region["label"] is not None for region in absent)
    print(
        f"all labels: {totals['written']} of {totals['regions']} regions get texts, "
        f"{totals['right']} with the label of most of their rows"
    )
    print(
        f"without the labels: {totals['absent written']} of {totals['absent']} regions of labels that the recipe lacks "
        "are taken for another label"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
