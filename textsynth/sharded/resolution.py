"""Which of similar texts are selected: the first, in the order of the sources, of those that are not dropped before.

This is the only stage in one process. It holds the similar pairs and no text.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from textsynth.sharded.matches import distinct_rows
from textsynth.sharded.plan import Plan
from textsynth.sharded.texts import NEVER_FIRST, ROW_BITS


class Resolution(NamedTuple):
    """The number of similar pairs, and of selected texts of which not all similar earlier texts were compared."""

    pairs: int
    undecided: int


def resolve_pairs(plan: Plan) -> Resolution:
    """Decide about all texts with similar ones, and write the selected similar texts of each by its part, `similar`.

    A text is selected unless a selected one before it is similar. Memory: 24 bytes for each pair and 24 for each text
    in a pair, and as much again while they are sorted.
    """
    note = plan.work.note("similar")
    if note is None:
        note = _resolve(plan)
    return Resolution(note["similar_pairs"], note["undecided"])


def _resolve(plan: Plan) -> dict[str, int]:
    pairs, texts, cut = _read_pairs(plan)
    # Ranks in the order of the texts, so that every text is decided before those that it makes duplicates.
    later = np.searchsorted(texts["order"], pairs["later"])
    earlier = np.searchsorted(texts["order"], pairs["earlier"])
    is_selected = bytearray((texts["order"] < np.uint64(NEVER_FIRST)).astype(np.uint8).tobytes())
    for start in range(0, len(later), 1 << 20):
        part = slice(start, start + (1 << 20))
        for one, other in zip(later[part].tolist(), earlier[part].tolist(), strict=True):
            if is_selected[other]:
                is_selected[one] = 0
    selected = np.frombuffer(is_selected, np.uint8).astype(bool)
    undecided = int(selected[np.searchsorted(texts["order"], cut)].sum())
    # Both ends of a pair name the other one where it is selected: equal texts may lie on both sides of it.
    similarity = pairs["similarity"]
    rows = [_rows(texts, selected, later, earlier, similarity), _rows(texts, selected, earlier, later, similarity)]
    columns = {name: np.concatenate([side[name] for side in rows]) for name in rows[0]}
    note = {"similar_pairs": len(later), "undecided": undecided}
    home = (columns["node"] >> np.uint64(ROW_BITS)).astype(np.int64)
    plan.work.write_parts("similar", columns, home, note)
    return note


def _rows(texts: dict[str, Any], selected: Any, ends: Any, others: Any, similarity: Any) -> dict[str, Any]:  # noqa: ANN401
    counts = selected[others]
    others = others[counts]
    return {
        "node": texts["node"][ends[counts]],
        "order": texts["order"][others],
        "id": texts["id"][others],
        "similarity": similarity[counts],
    }


def _read_pairs(plan: Plan) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return the pairs, each once and in the order of the later text; the texts in order; the orders of cut texts."""
    pair_parts: list[list[Any]] = []
    text_parts: list[list[Any]] = []
    cut_parts: list[Any] = []
    for part in range(plan.parts):
        table = plan.work.read_part([f"pairs-{part}"], 0)
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        similarity = columns["similarity"].view(np.uint64)  # numbers of one sign have the order of their bits
        pair_parts.append(distinct_rows(columns["order"], columns["earlier_order"], similarity))
        for side in ("", "earlier_"):
            text_parts.append(distinct_rows(*(columns[f"{side}{name}"] for name in ("order", "node", "id"))))
        cut_parts.append(np.unique(columns["order"][columns["cut"]]))
    later, earlier, bits = distinct_rows(*map(np.concatenate, zip(*pair_parts, strict=True)))
    del pair_parts
    orders, nodes, ids = distinct_rows(*map(np.concatenate, zip(*text_parts, strict=True)))
    return (
        {"later": later, "earlier": earlier, "similarity": bits.view(np.float64)},
        {"order": orders, "node": nodes, "id": ids},
        np.unique(np.concatenate(cut_parts)),
    )
