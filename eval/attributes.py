"""Whether a plan by `fit` has the distribution of real rows, and whether its floors are met.

    python eval/attributes.py train.csv [test.csv]

The files have the columns text and label. The plan has as many requests as the real file has rows. The figures are
those of SDMetrics: the shape of a column is TVComplement (1 - half the sum of the differences of the shares), the
trend of a pair of columns is ContingencySimilarity (the same for the shares of the pairs). As a base rate the rows of
the test file are compared with the real ones in the same way. No model is asked.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.surface_features import describe_features
from textsynth.recipe import read_recipe
from textsynth.recipe.context import fit_to_sources, make_context, no_embeddings, read_sources
from textsynth.runner.setup import start_generators
from textsynth.text.normalize import words_of

FEATURES = ("length", "question", "exclamation", "hashtag", "mention")
Columns = Mapping[str, Sequence[str]]


def read_rows(path: Path) -> tuple[list[str], list[str]]:
    """Return the texts and the labels of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def plan_columns(path: Path, labels: Sequence[str], number: int, floor: float) -> Columns:
    """Return the attributes and labels of a plan of `number` requests that is fitted to a file."""
    fit = {"source": "real", "features": list(FEATURES), "floor": floor}
    recipe = {
        "name": "plan",
        "labels": {label: label for label in labels},
        "models": {"generator": {"scripted": {}}},
        "sources": {"real": str(path.resolve())},
        "generate": [{"labelled": {"per_request": 1, "shots": 0, "fit": fit}}],
        "filter": ["exact_duplicate"],
        "want": number,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recipe.yaml"
        file.write_text(json.dumps(recipe), encoding="utf-8")
        read = read_recipe(file)
        sources = read_sources(read)
        fitted = fit_to_sources(read, sources)
        context = make_context(fitted, sources, no_embeddings())
        print(fitted.generate[0].step.plan_notes(context)[0])
        (generator,) = start_generators(fitted, context)
        started = time.process_time()
        requests = generator.session.plan_requests([QuotaDeficit({}, number)], number)
        print(f"{len(requests):,} requests planned in {time.process_time() - started:.1f} s of CPU time")
    columns = {name: [str(request.fields[name]) for request in requests] for name in FEATURES}
    return {"label": [request.labels[0] for request in requests], **columns}


def test_columns(texts: Sequence[str], labels: Sequence[str], real_texts: Sequence[str]) -> Columns:
    """Return the columns of test rows, with the length bins of the real rows."""
    bins = dict(
        zip(map(_length, real_texts), describe_features(real_texts, ["length"])["length"], strict=True)
    )  # fmt: skip
    nearest = [bins[min(bins, key=lambda known: abs(known - length))] for length in map(_length, texts)]
    others = describe_features(texts, [name for name in FEATURES if name != "length"])
    return {"label": labels, "length": nearest, **others}


def _length(text: str) -> int:
    return len(words_of(text))


def similarity(first: Sequence[object], second: Sequence[object]) -> float:
    """Return 1 less half the sum of the differences of the shares of each value."""
    left, right = Counter(first), Counter(second)
    return 1 - sum(abs(left[value] / len(first) - right[value] / len(second)) for value in {*left, *right}) / 2


def compare(name: str, columns: Columns, real: Columns) -> None:
    """Print the shapes and the trends of `columns` against the real ones."""
    shapes = {column: similarity(columns[column], real[column]) for column in real}
    trends = {
        (a, b): similarity(list(zip(columns[a], columns[b], strict=True)), list(zip(real[a], real[b], strict=True)))
        for a, b in itertools.combinations(real, 2)
    }
    for kind, figures in (("column shapes", shapes), ("pair trends", trends)):
        worst = min(figures, key=lambda key: figures[key])
        mean = sum(figures.values()) / len(figures)
        print(f"{name}: {kind} mean {mean:.3f}, min {figures[worst]:.3f} ({worst})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("test", type=Path, nargs="?")
    parser.add_argument("--floor", type=float, default=0.01)
    arguments = parser.parse_args()
    texts, labels = read_rows(arguments.real)
    real = {"label": labels, **describe_features(texts, FEATURES)}
    plan = plan_columns(arguments.real, list(dict.fromkeys(labels)), len(texts), arguments.floor)
    compare("plan", plan, real)
    if arguments.test is not None:
        compare("test rows", test_columns(*read_rows(arguments.test), texts), real)
    least = {
        f"{name} {value}": (Counter(plan[name])[value], count)
        for name, column in real.items()
        for value, count in Counter(column).items()
        if count < arguments.floor * len(texts)
    }
    needed = arguments.floor * len(texts)
    for value, (planned, count) in least.items():
        print(f"floor: {value}: {planned} planned of {needed:.0f} or more, {count} in the real rows")
    missed = [value for value, (planned, _) in least.items() if planned < needed - 1]
    print(f"floors: {len(least)} values are rarer than {arguments.floor:g}, {len(missed)} below it in the plan")


if __name__ == "__main__":
    main()
