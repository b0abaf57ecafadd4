"""A repeatable order in which texts are drawn, whatever the order in which they come."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence


def seeded_order(keys: Sequence[str], seed: int) -> list[int]:
    """Return the places of `keys` in a random order that depends on `seed` and on the keys only.

    The first k places are a draw of k without replacement; a larger draw holds the smaller ones. Keys that come in
    another order are drawn in the same order. Equal keys are drawn apart from each other; which of them comes first
    follows their places.
    """
    seen: Counter[str] = Counter()
    ranks = []
    for key in keys:
        told = f"{seed}\x1f{seen[key]}\x1f{key}".encode("utf-8", "surrogatepass")
        ranks.append(hashlib.sha256(told).digest())
        seen[key] += 1
    return sorted(range(len(keys)), key=ranks.__getitem__)
