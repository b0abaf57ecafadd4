"""Planted copies of a test set: how many the filter `leak` and `find_contamination` find, and how often they are wrong.

    python eval/leaks.py DATA [--dev] [--draws 20]

DATA holds banking77/{train,test}.csv and trec/{train,test}.csv. A draw plants copies of 50 rows of banking77/test.csv:
20 unchanged, 15 with other case or punctuation, 15 with one or two words exchanged, dropped, swapped or added (at least
half of the words remain). `--dev` takes 3,000 rows of banking77/train.csv as the test set: on these the limits were
chosen.
"""

from __future__ import annotations

import argparse
import csv
import random
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textsynth.core.protocols import Context
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.contamination import find_contamination
from textsynth.filter.leak import Leak
from textsynth.prompts import find_prompt
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
KINDS = ("exact",) * 20 + ("punctuation",) * 15 + ("words",) * 15


class MemoryStore(dict[bytes, bytes]):
    """Vectors by key, in memory."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        """Return the stored vectors among `keys`."""
        return {key: self[key] for key in keys if key in self}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store vectors."""
        self.update(vectors)


def plant(texts: Sequence[str], vocabulary: Sequence[str], generator: random.Random) -> list[tuple[str, str]]:
    """Return the kind and the text of 50 copies, of 50 different texts."""
    copies = []
    for kind, text in zip(KINDS, generator.sample(texts, len(KINDS)), strict=True):
        copy = text
        if kind == "punctuation":
            copy = restyle(text, generator)
        elif kind == "words":
            copy = edit(text, vocabulary, generator)
        copies.append((kind, copy))
    return copies


def restyle(text: str, generator: random.Random) -> str:
    """Return the text with other case, punctuation or both."""
    bare = "".join(char for char in text if char not in string.punctuation)
    spaced = "".join(" " if char in string.punctuation else char for char in text)
    marked = " ".join(word + generator.choice(("", ",", ";", " -", "!")) for word in text.split())
    dotted = text.rstrip("?.! ") + generator.choice(("", "!", "?!", " ..."))
    mixed = "".join(generator.choice((char.lower(), char.upper())) for char in dotted)
    return generator.choice((text.upper(), text.title(), bare.lower(), spaced, marked.swapcase(), mixed))


def edit(text: str, vocabulary: Sequence[str], generator: random.Random) -> str:
    """Return the text with one or two words changed, one where it has fewer than four."""
    before = text.split()
    edits = generator.choice((1, 2)) if len(before) > 3 else 1
    words = before
    while words == before:
        words = list(before)
        for _ in range(edits):
            index, operation = generator.randrange(len(words)), generator.choice(("exchange", "drop", "swap", "add"))
            if operation == "exchange":
                words[index] = generator.choice(vocabulary)
            elif operation == "drop" and len(words) > 1:
                del words[index]
            elif operation == "swap" and index:
                words[index - 1], words[index] = words[index], words[index - 1]
            else:
                words.insert(index, generator.choice(vocabulary))
    return " ".join(words)


def make_records(texts: Sequence[str], step: str) -> list[Record]:
    """Return a record for each text."""
    return [Record(text, Provenance(step, index=index)) for index, text in enumerate(texts)]


def read_texts(path: Path) -> list[str]:
    """Return the texts of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def dropped_by_leak(test: Sequence[str], texts: Sequence[str], embed: Embed, semantic: float) -> list[bool]:
    """Return for each text whether the filter `leak` drops it."""
    context = Context(
        task="classification",
        language="en",
        seed=7,
        labels={},
        multi_label=False,
        sources={"test": make_records(test, "test")},
        embed=embed,
        find_prompt=lambda name, _: find_prompt(name, "chat", Path()),
    )
    verdicts = Leak(semantic=semantic).start(context).evaluate_batch(make_records(texts, "generated"))
    return [verdict is not None for verdict in verdicts]


def read_sets(data: Path, *, dev: bool) -> tuple[list[str], list[str], list[str]]:
    """Return the test texts, other texts of their domain, and texts of another domain."""
    train, other_domain = read_texts(data / "banking77/train.csv"), read_texts(data / "trec/train.csv")
    if not dev:
        return read_texts(data / "banking77/test.csv"), train, other_domain
    random.Random("dev").shuffle(train)
    return train[:3000], train[3000:], other_domain


def measure(data: Path, embed: Embed, *, dev: bool, draws: int) -> None:
    """Print what `leak` finds of the planted copies and what else it drops, then what `find_contamination` counts."""
    test, same_domain, other_domain = read_sets(data, dev=dev)
    vocabulary = [word for text in (*read_texts(data / "trec/test.csv"), *test[:500]) for word in text.split()]
    planted = [plant(test, vocabulary, random.Random(f"plant:{draw}")) for draw in range(draws)]
    same_domain = random.Random("own").sample(same_domain, 2000)
    for name, semantic in (("leak", 0.95), ("leak, words alone", 1.0)):
        detected = [dropped_by_leak(test, [copy for _, copy in copies], embed, semantic) for copies in planted]
        print(
            f"{name}: {sum(map(sum, detected))} of {draws * len(KINDS)} planted copies found,"
            f" all 50 in {sum(map(all, detected))} of {draws} draws;"
            f" drops {100 * np.mean(dropped_by_leak(test, other_domain, embed, semantic)):.2f} % of trec,"
            f" {100 * np.mean(dropped_by_leak(test, same_domain, embed, semantic)):.1f} % of the other rows of the"
            " domain",
            flush=True,
        )
    print_base_rates(test, same_domain, embed)
    print_planted(test, same_domain, planted, embed)


def print_base_rates(test: Sequence[str], train: Sequence[str], embed: Embed) -> None:
    """Print the contamination of real train rows without planted copies."""
    sets = {"train": make_records(train, "train"), "test": make_records(test, "test")}
    contamination = find_contamination(sets, embed)
    overlap, rates = contamination.overlaps["train-test"], contamination.base_rates["test"]
    print(
        f"find_contamination, nothing planted: {dict(overlap.kinds)}, close {overlap.close}, base rates"
        f" {dict(rates.rates)}, limits {rates.words:.4f} (words) and {rates.cosine:.4f} (cosine),"
        f" above the base rate: {', '.join(contamination.above_base_rate) or 'nothing'}",
        flush=True,
    )


def print_planted(
    test: Sequence[str], train: Sequence[str], planted: Sequence[Sequence[tuple[str, str]]], embed: Embed
) -> None:
    """Print how many planted copies of each kind count, and in how many draws they are above the base rate."""
    counts = Counter[str]()
    above_base_rate = 0
    for copies in planted:
        copy_records = make_records([copy for _, copy in copies], "planted")
        sets = {"raw": [*make_records(train[50:], "own"), *copy_records], "test": make_records(test, "test")}
        contamination = find_contamination(sets, embed)
        ids = {pair.ids[0] for pair in contamination.overlaps["raw-test"].pairs}
        counts.update(kind for (kind, _), record in zip(copies, copy_records, strict=True) if record.id in ids)
        above_base_rate += bool(contamination.above_base_rate)
    draws = len(planted)
    shares = ", ".join(f"{kind} {counts[kind] / (draws * KINDS.count(kind)):.2f}" for kind in dict.fromkeys(KINDS))
    print(
        f"find_contamination, 50 planted among 2,000 texts: share counted {shares}; above the base rate in"
        f" {above_base_rate} of {draws} draws"
    )


def main() -> None:
    """Plant copies, look for them, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    embed = Embedder(BUNDLED_EMBEDDER, MemoryStore()).embed
    measure(arguments.data, embed, dev=arguments.dev, draws=arguments.draws)


if __name__ == "__main__":
    main()
