"""Privacy: whether synthetic texts are nearer to the seeds that a model was shown than to real rows that it never saw.

The share of the texts whose nearest seed is nearer (by the cosine of their embeddings) than their nearest row among as
many unseen real rows. Texts that learned a domain, and not its seeds, are as often nearer to the seeds as to other
rows: the share is about .5. It compares distances to the closest record (DCR), as for tabular synthetic data.

Does not detect: a single text that repeats a secret of one seed, as it moves the share by one text: see the copies of
training rows under contamination, and the filter `copies_source`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.core.records import Record
from textsynth.evaluate.data import RealSets, seed_ancestors
from textsynth.evaluate.metrics import FloatArray
from textsynth.similarity.vectors import Vectors, nearest
from textsynth.text.normalize import normal_form

DRAWS = 10
RESAMPLED = 200  # bootstrap samples of the texts for each draw
MAX_TEXTS = 2000
MAX_REAL_TEXTS = 1000
MIN_TEXTS = 20
MIN_ROWS = 10
MAX_SHARE = 0.6
"""The share above which the texts are reported to overfit their seeds."""
LEVELS = (2.5, 97.5)
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class SeedProximity:
    """How often texts are nearer to the seeds than to as many unseen real rows; figures to four decimals.

    `share`: of `texts` texts, 0 to 1, the mean of ten draws of `rows` unseen rows; a text that is as near to both
    counts half. `interval`: 95 %, from a bootstrap over the texts and the draws. `real_share`: the same for real
    rows that are in neither group, None where under 20 are left. `overfits`: whether `share` is above .60 and the
    interval above .50.
    """

    share: float
    interval: tuple[float, float]
    texts: int
    rows: int
    real_share: float | None
    overfits: bool


def measure_seed_proximity(texts: Vectors, seeds: Vectors, unseen: Vectors, *, seed: int) -> SeedProximity | None:
    """Return how often texts are nearer to the seeds than to as many unseen real rows.

    All are unit vectors, float32 (n, dim). Where there are fewer unseen rows than seeds, as many seeds are drawn. At
    most 2,000 texts are used, drawn at random. None for under 20 texts, 10 seeds or 10 unseen rows.
    """
    if len(texts) < MIN_TEXTS or min(len(seeds), len(unseen)) < MIN_ROWS:
        return None
    generator = np.random.default_rng([seed, 5])
    texts = texts[generator.permutation(len(texts))[:MAX_TEXTS]]
    size = min(len(seeds), len(unseen))
    shares, real_shares = [], []
    for _ in range(DRAWS):
        shown = seeds[generator.permutation(len(seeds))[:size]]
        order = generator.permutation(len(unseen))
        hidden, others = unseen[order[:size]], unseen[order[size:][:MAX_REAL_TEXTS]]
        shares.append(nearer_to_first(texts, shown, hidden))
        if len(others) >= MIN_TEXTS:
            real_shares.append(nearer_to_first(others, shown, hidden).mean())
    share = float(np.mean(shares))
    weights = generator.multinomial(len(texts), np.full(len(texts), 1 / len(texts)), RESAMPLED) / len(texts)
    low, high = (float(end) for end in np.percentile([weights @ nearer for nearer in shares], LEVELS))
    return SeedProximity(
        share=round(share, DECIMALS),
        interval=(round(low, DECIMALS), round(high, DECIMALS)),
        texts=len(texts),
        rows=size,
        real_share=round(float(np.mean(real_shares)), DECIMALS) if real_shares else None,
        overfits=share > MAX_SHARE and low > 0.5,
    )


def nearer_to_first(texts: Vectors, first: Vectors, second: Vectors) -> FloatArray:
    """Return for each text 1 where its nearest row of `first` is nearer than that of `second`, .5 for equal, else 0."""
    to_first, to_second = (nearest(texts, rows)[0] for rows in (first, second))
    return np.where(to_first > to_second, 1.0, np.where(to_first == to_second, 0.5, 0.0))


def shown_and_unseen(
    selected: Sequence[Record], real: RealSets, sources: Sequence[str], unlabelled: Sequence[Record] = ()
) -> tuple[list[Record], list[Record]]:
    """Return the seeds that the model was shown, and the real rows that it never saw.

    The seeds are those that a selected text rewrites or whose prompt showed them, by its provenance; where there are
    none, as for the texts of a file, all seeds. `sources` are the names of the sources that may have held the seeds in
    the run. Rows of `unlabelled` that a prompt showed count as seeds, too. Unseen are the rows of the sets all, dev and
    test whose text is not that of a seed or of such a row, each text once.
    """
    shown_ids = {id_ for record in selected for id_ in record.provenance.example_ids}
    shown_rows = [row for row in unlabelled if row.id in shown_ids]
    ancestors = frozenset[int]().union(*seed_ancestors(selected, real.train, sources))
    shown = [real.train[index] for index in sorted(ancestors)] or list(real.train)
    shown += shown_rows
    excluded = {normal_form(record.text) for record in (*real.train, *shown_rows)}
    unseen = {normal_form(record.text): record for rows in (real.test, real.dev, real.all_rows) for record in rows}
    return shown, [record for text, record in unseen.items() if text not in excluded]
