"""The fidelity of the synthetic texts: how similar label, attributes and surface features are to those of real rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.number_format import format_score, format_short
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionTable,
    as_list,
    as_number,
    as_string,
    as_strings,
    get_mapping,
    get_rows,
)

MAX_TERMINAL_ROWS = 40


def fidelity_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the scores of every column, the lowest first; None where the evaluation has none."""
    fidelity = get_mapping(evaluation, "fidelity")
    rows = [row for row in get_rows(fidelity, "columns") if as_number(row.get("score")) is not None]
    if not rows:
        return None
    cells = [
        (
            as_string(row.get("column")),
            as_string(row.get("measure")),
            format_score(row.get("score")),
            format_score(row.get("category_coverage")),
            format_short(row.get("synthetic")),
            format_short(row.get("real")),
        )
        for row in sorted(rows, key=lambda row: as_number(row.get("score")) or 0.0)
    ]
    head = ("column", "measure", "score", "category coverage", "synthetic mean", "real mean")
    table = SectionTable("Fidelity by column", head, cells, text_columns=(0, 1), max_terminal_rows=MAX_TERMINAL_ROWS)
    return Section("fidelity", "Fidelity", _sentences(fidelity), [SectionFigure(table)])


def _sentences(fidelity: Mapping[str, Any]) -> list[str]:
    sentences = ["1 means the same distribution in synthetic and real rows, 0 that they have no value in common."]
    for key, columns in (("surface", "surface features"), ("pair", "pairs of columns")):
        score, of_real = (as_number(fidelity.get(f"{start}{key}_score")) for start in ("", "real_"))
        if score is not None:
            comparison = "" if of_real is None else f" (two halves of the real rows: {format_score(of_real)})"
            sentences.append(f"Mean of the {columns}: {format_score(score)}{comparison}.")
    worst, worst_pair = get_mapping(fidelity, "worst_column"), get_mapping(fidelity, "worst_pair")
    if as_string(worst.get("column")):
        sentences.append(f"The least similar column is “{worst['column']}” ({format_score(worst.get('score'))}).")
    if len(as_list(worst_pair.get("columns"))) == 2:
        first, second = [*as_strings(worst_pair.get("columns")), "", ""][:2]
        sentences.append(
            f"The least similar pair is “{first}” with “{second}” ({format_score(worst_pair.get('score'))})."
        )
    return sentences
