"""The limits of a label's margins come from its held-out seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from textsynth.core.records import Provenance, Record
from textsynth.similarity.seed_classifiers import SeedClassifiers
from textsynth.similarity.vectors import Vectors


def by_angle(texts: Sequence[str]) -> Vectors:
    angles = np.radians([float(text) for text in texts])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def limits_of(angles: Mapping[str, Sequence[int]], share: float) -> dict[str, float]:
    seeds = [Record(f"{angle}", Provenance("seeds"), (label,)) for label, row in angles.items() for angle in row]
    return SeedClassifiers(seeds, by_angle, multi_label=False, why="a test").margin_limits(share)


APART = {"red": range(0, 20), "blue": range(70, 90)}
OVERLAPPING = {"red": range(0, 40, 2), "mixed": range(1, 41, 4), "blue": range(70, 90)}


def test_only_a_label_whose_held_out_seeds_are_mostly_put_elsewhere_has_a_limit() -> None:
    assert limits_of(APART, 0.35) == {}
    limits = limits_of(OVERLAPPING, 0.35)
    assert "blue" not in limits
    assert limits["mixed"] < 0


@pytest.mark.parametrize("label", ["red", "mixed"])
def test_a_larger_share_never_raises_the_limit(label: str) -> None:
    limits = [limits_of(OVERLAPPING, share).get(label, 0.0) for share in (0.1, 0.35, 0.6, 0.9)]
    assert limits == sorted(limits, reverse=True)


def test_fewer_than_eight_seeds_set_no_limit() -> None:
    assert "mixed" not in limits_of({**OVERLAPPING, "mixed": range(1, 29, 4)}, 0.35)
