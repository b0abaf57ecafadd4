"""Planted copies of a test set: how many the check `leak` and `find_leaks` find, and how often they are wrong.

    python eval/leaks.py DATA [--dev] [--draws 20]

DATA holds banking77/{train,test}.csv and trec/{train,test}.csv. A draw plants 50 rows of banking77/test.csv: 20 as they
are, 15 with other case or punctuation, 15 with one or two words exchanged, dropped, swapped or added (at least half of
the words stay). `--dev` takes 3,000 rows of banking77/train.csv for the test set: there the limits were chosen.
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


class Kept(dict[bytes, bytes]):
    """Vectors by key, in memory."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        """Return the kept ones."""
        return {key: self[key] for key in keys if key in self}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keep more."""
        self.update(vectors)


def plant(texts: Sequence[str], vocabulary: Sequence[str], draw: random.Random) -> list[tuple[str, str]]:
    """Return 50 pairs of kind and copy, of 50 different texts."""
    picked = draw.sample(texts, len(KINDS))
    return [
        (
            kind,
            text
            if kind == "exact"
            else restyled(text, draw)
            if kind == "punctuation"
            else edited(text, vocabulary, draw),
        )
        for kind, text in zip(KINDS, picked, strict=True)
    ]


def restyled(text: str, draw: random.Random) -> str:
    """Return the text with other case, punctuation or both."""
    bare = "".join(char for char in text if char not in string.punctuation)
    spaced = "".join(" " if char in string.punctuation else char for char in text)
    marked = " ".join(word + draw.choice(("", ",", ";", " -", "!")) for word in text.split())
    dotted = text.rstrip("?.! ") + draw.choice(("", "!", "?!", " ..."))
    mixed = "".join(draw.choice((char.lower(), char.upper())) for char in dotted)
    return draw.choice((text.upper(), text.title(), bare.lower(), spaced, marked.swapcase(), mixed))


def edited(text: str, vocabulary: Sequence[str], draw: random.Random) -> str:
    """Return the text with one or two words changed, one where it has fewer than four."""
    before = text.split()
    edits = draw.choice((1, 2)) if len(before) > 3 else 1
    words = before
    while words == before:
        words = list(before)
        for _ in range(edits):
            at, how = draw.randrange(len(words)), draw.choice(("exchange", "drop", "swap", "add"))
            if how == "exchange":
                words[at] = draw.choice(vocabulary)
            elif how == "drop" and len(words) > 1:
                del words[at]
            elif how == "swap" and at:
                words[at - 1], words[at] = words[at], words[at - 1]
            else:
                words.insert(at, draw.choice(vocabulary))
    return " ".join(words)


def records(texts: Sequence[str], item: str) -> list[Record]:
    """Return the texts as records."""
    return [Record(text, Provenance(item, index=place)) for place, text in enumerate(texts)]


def rows(data: Path, name: str) -> list[str]:
    """Return the texts of a set."""
    with (data / name).open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def flagged(test: Sequence[str], texts: Sequence[str], embed: Embed, semantic: float) -> list[bool]:
    """Return which texts the check drops."""
    context = Context(
        task="classification",
        language="en",
        seed=7,
        labels={},
        multi_label=False,
        sources={"test": records(test, "test")},
        embed=embed,
        find_prompt=lambda name, _: find_prompt(name, "chat", Path()),
    )
    verdicts = Leak(semantic=semantic).start(context).evaluate_batch(records(texts, "generated"))
    return [verdict is not None for verdict in verdicts]


def sets(data: Path, *, dev: bool) -> tuple[list[str], list[str], list[str]]:
    """Return the test texts, others of their domain, and texts of another domain."""
    own, other = rows(data, "banking77/train.csv"), rows(data, "trec/train.csv")
    if not dev:
        return rows(data, "banking77/test.csv"), own, other
    random.Random("dev").shuffle(own)
    return own[:3000], own[3000:], other


def main() -> None:
    """Plant, look, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--draws", type=int, default=20)
    asked = parser.parse_args()
    measure(asked.data, Embedder(BUNDLED_EMBEDDER, Kept()).embed, dev=asked.dev, draws=asked.draws)


def measure(data: Path, embed: Embed, *, dev: bool, draws: int) -> None:
    """Print what the check finds of the planted copies and what else it flags, then what `find_leaks` counts."""
    test, own, other = sets(data, dev=dev)
    vocabulary = [word for text in (*rows(data, "trec/test.csv"), *test[:500]) for word in text.split()]
    planted = [plant(test, vocabulary, random.Random(f"plant:{draw}")) for draw in range(draws)]
    own = random.Random("own").sample(own, 2000)
    for name, semantic in (("leak", 0.95), ("leak, words alone", 1.0)):
        hits = [flagged(test, [copy for _, copy in some], embed, semantic) for some in planted]
        print(
            f"{name}: {sum(map(sum, hits))} of {draws * len(KINDS)} planted copies found,"
            f" all 50 in {sum(map(all, hits))} of {draws} draws;"
            f" flagged of trec {100 * np.mean(flagged(test, other, embed, semantic)):.2f} %,"
            f" of the other rows of the domain {100 * np.mean(flagged(test, own, embed, semantic)):.1f} %"
        )
    told = find_contamination({"train": records(own, "train"), "test": records(test, "test")}, embed).as_json()
    print(f"find_leaks, nothing planted: {told['kinds']}, close {told['close']}, usual {told['usual']},", end=" ")
    print(f"beyond chance: {told['beyond_chance'] or 'nothing'}")
    counted = Counter[str]()
    beyond = 0
    for some in planted:
        copies = records([copy for _, copy in some], "planted")
        found = find_contamination({"raw": [*records(own[50:], "own"), *copies], "test": records(test, "test")}, embed)
        ids = {pair.ids[0] for pair in found.sets["raw-test"].pairs}
        kinds = [kind for (kind, _), copy in zip(some, copies, strict=True) if copy.id in ids]
        counted.update(kinds)
        beyond += bool(found.beyond)
    shares = ", ".join(f"{kind} {counted[kind] / (draws * KINDS.count(kind)):.2f}" for kind in dict.fromkeys(KINDS))
    print(f"find_leaks, 50 planted among 2,000 texts: counted {shares}; beyond chance in {beyond} of {draws} draws")


if __name__ == "__main__":
    main()
