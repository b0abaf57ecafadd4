"""Fidelity: how similar the columns of synthetic and of real rows are distributed, with the definitions of SDMetrics.

Columns are the label, the attributes that both sides have, and surface features of the texts. All scores are 0 to 1,
and 1 means the same distribution (https://docs.sdv.dev/sdmetrics):

- KSComplement, for numbers: 1 minus the Kolmogorov-Smirnov statistic.
- TVComplement, for categories: 1 minus the total variation distance, half the sum of |real share − synthetic share|.
- CategoryCoverage, for categories: the share of the real side's values that occur on the synthetic side.
- ContingencySimilarity, for two columns: TVComplement of their pairs of values. Numbers are first put into four bins at
  the quartiles of the real rows.

A score below 1 is also what chance does with few rows: so the same figures are given for two random halves of the real
rows. First person and negation are English words; on texts of other languages these columns say nothing.

Does not detect: wrong content in the right form; texts that copy real rows have a perfect fidelity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textsynth.core.records import Record
from textsynth.evaluate.data import seeded_order
from textsynth.evaluate.metrics import FloatArray, IntArray

Measure = Literal["KSComplement", "TVComplement"]
LABEL = "label"
MAX_VALUES = 50  # a field with more values is a copied column, not an attribute that was varied
DECIMALS = 4
_FIRST_PERSON = re.compile(r"\b(?:i|my|me|i['’]m)\b", re.IGNORECASE)
_NEGATION = re.compile(r"n['’]t\b|\b(?:not|no)\b", re.IGNORECASE)
# name of a surface feature → its value for a text: a number, or whether the text has it
LENGTHS: Mapping[str, Callable[[str], int]] = {
    "length in words": lambda text: len(re.findall(r"\w+", text)),
    "length in characters": len,
}
FEATURES: Mapping[str, Callable[[str], bool]] = {
    "question mark": lambda text: "?" in text,
    "exclamation mark": lambda text: "!" in text,
    "digit": lambda text: any(char.isdigit() for char in text),
    "@": lambda text: "@" in text,
    "#": lambda text: "#" in text,
    "capital at the start": lambda text: text[:1].isupper(),
    "end mark": lambda text: text.rstrip()[-1:] in {".", "!", "?", "…"},
    "first person": lambda text: bool(_FIRST_PERSON.search(text)),
    "negation": lambda text: bool(_NEGATION.search(text)),
    "lower case only": lambda text: text == text.lower(),
}


@dataclass(frozen=True, slots=True)
class ColumnFidelity:
    """The similarity of one column; figures to four decimals.

    `measure` is the definition behind `score`. `synthetic` and `real` are the means of a number, or the shares of texts
    with a surface feature; None for the label and for attributes. `category_coverage` is None for a number.
    """

    column: str
    measure: Measure
    score: float
    category_coverage: float | None
    synthetic: float | None
    real: float | None


@dataclass(frozen=True, slots=True)
class PairFidelity:
    """The ContingencySimilarity of two columns, to four decimals."""

    columns: tuple[str, str]
    score: float


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The fidelity of synthetic rows; figures to four decimals.

    `columns`: the label where both sides have labels, attributes by name, then the surface features. `surface_score`:
    the mean score of the surface features. `pair_score`: the mean over all pairs of columns. `worst_column`,
    `worst_pair`: those with the lowest score; ties: the first. `real_surface_score`, `real_pair_score`: the same means
    for two random halves of the real rows, None for under two real rows.
    """

    columns: tuple[ColumnFidelity, ...]
    surface_score: float
    pair_score: float
    worst_column: ColumnFidelity
    worst_pair: PairFidelity
    real_surface_score: float | None
    real_pair_score: float | None


def measure_fidelity(
    synthetic: Sequence[Record], real: Sequence[Record], *, seed: int, other_fields: Collection[str] = ()
) -> Fidelity | None:
    """Return the fidelity of the synthetic rows, None where a side has no rows.

    Attributes are the fields that are strings in rows of both sides, with at most 50 different values, except
    `other_fields`; rows without the field count as a value of their own. Several labels of a row are one value of the
    column `label`. The order of the rows does not matter.
    """
    if not synthetic or not real:
        return None
    columns = _columns(synthetic, real, frozenset(other_fields))
    scored = tuple(column.compared() for column in columns)
    pairs = _pair_scores(columns)
    halves = _halves(columns, seeded_order([record.id for record in real], seed)) if len(real) > 1 else None
    return Fidelity(
        columns=scored,
        surface_score=_surface_score(columns),
        pair_score=_mean([pair.score for pair in pairs]),
        worst_column=min(scored, key=lambda column: column.score),
        worst_pair=min(pairs, key=lambda pair: pair.score),
        real_surface_score=None if halves is None else _surface_score(halves),
        real_pair_score=None if halves is None else _mean([pair.score for pair in _pair_scores(halves)]),
    )


def ks_complement(synthetic: FloatArray, real: FloatArray) -> float:
    """Return 1 minus the largest difference of the two empirical distribution functions, 0 to 1."""
    values = np.concatenate([synthetic, real])
    ours, theirs = (np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (synthetic, real))
    return float(1 - np.abs(ours - theirs).max())


def tv_complement(synthetic: IntArray, real: IntArray) -> float:
    """Return 1 minus the total variation distance of two samples of category codes from 0 upwards, 0 to 1."""
    size = int(max(synthetic.max(), real.max())) + 1
    ours, theirs = (np.bincount(side, minlength=size) / len(side) for side in (synthetic, real))
    return float(1 - np.abs(ours - theirs).sum() / 2)


def category_coverage(synthetic: IntArray, real: IntArray) -> float:
    """Return the share of the different codes of `real` that occur in `synthetic`, 0 to 1."""
    values = np.unique(real)
    return float(np.isin(values, synthetic).mean())


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of a column on both sides: numbers, or codes of categories."""

    name: str
    synthetic: NDArray[np.float64]
    real: NDArray[np.float64]
    kind: Literal["number", "feature", "category"]

    def compared(self) -> ColumnFidelity:
        """Return the scores of the column."""
        codes = (self.synthetic.astype(np.int64), self.real.astype(np.int64))
        is_number = self.kind == "number"
        score = ks_complement(self.synthetic, self.real) if is_number else tv_complement(*codes)
        has_mean = self.kind != "category"
        return ColumnFidelity(
            self.name,
            "KSComplement" if is_number else "TVComplement",
            round(score, DECIMALS),
            None if is_number else round(category_coverage(*codes), DECIMALS),
            round(float(self.synthetic.mean()), DECIMALS) if has_mean else None,
            round(float(self.real.mean()), DECIMALS) if has_mean else None,
        )

    def codes(self) -> tuple[IntArray, IntArray]:
        """Return the categories of both sides; those of numbers are bins at the quartiles of the real rows."""
        if self.kind != "number":
            return self.synthetic.astype(np.int64), self.real.astype(np.int64)
        edges = np.quantile(self.real, [0.25, 0.5, 0.75])
        return np.searchsorted(edges, self.synthetic), np.searchsorted(edges, self.real)


def _columns(synthetic: Sequence[Record], real: Sequence[Record], other_fields: frozenset[str]) -> list[_Column]:
    sides = (synthetic, real)
    columns = []
    if all(any(record.labels for record in side) for side in sides):
        columns.append(_category(LABEL, *(["\x1f".join(record.labels) for record in side] for side in sides)))
    fields = [
        {name for record in side for name, value in record.fields.items() if isinstance(value, str)} for side in sides
    ]
    for name in sorted(fields[0] & fields[1] - other_fields):
        values = [[str(record.fields.get(name, "")) for record in side] for side in sides]
        if len({*values[0], *values[1]}) <= MAX_VALUES:
            columns.append(_category(f"attribute {name}", *values))
    for name, feature in (*LENGTHS.items(), *FEATURES.items()):
        ours, theirs = (np.array([feature(record.text) for record in side], np.float64) for side in sides)
        columns.append(_Column(name, ours, theirs, "number" if name in LENGTHS else "feature"))
    return columns


def _category(name: str, synthetic: Sequence[str], real: Sequence[str]) -> _Column:
    codes = {value: code for code, value in enumerate(sorted({*synthetic, *real}))}
    ours, theirs = (np.array([codes[value] for value in side], np.float64) for side in (synthetic, real))
    return _Column(name, ours, theirs, "category")


def _halves(columns: Sequence[_Column], order: Sequence[int]) -> list[_Column]:
    """Return columns that compare one random half of the real rows with the other; `order` is a random order."""
    middle = len(order) // 2
    return [
        _Column(column.name, column.real[order[:middle]], column.real[order[middle:]], column.kind)
        for column in columns
    ]


def _surface_score(columns: Sequence[_Column]) -> float:
    return _mean([column.compared().score for column in columns if column.kind != "category"])


def _pair_scores(columns: Sequence[_Column]) -> list[PairFidelity]:
    coded = [(column.name, *column.codes()) for column in columns]
    pairs = []
    for (name, synthetic, real), (other_name, other_synthetic, other_real) in combinations(coded, 2):
        size = int(max(other_synthetic.max(), other_real.max())) + 1
        score = tv_complement(synthetic * size + other_synthetic, real * size + other_real)
        pairs.append(PairFidelity((name, other_name), round(score, DECIMALS)))
    return pairs


def _mean(scores: Sequence[float]) -> float:
    return round(float(np.mean(scores)), DECIMALS)
