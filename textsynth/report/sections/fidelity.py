"""Fidelity and privacy: how similar the columns of synthetic and real rows are, and how near texts are to the seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.number_format import (
    ABSENT,
    INTERVAL,
    format_count,
    format_score,
    format_share,
    format_short,
)
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionTable,
    as_interval,
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


def privacy_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return how often texts are nearer to their seeds than to unseen real rows; None where it was not measured."""
    proximity = get_mapping(evaluation, "privacy")
    if as_number(proximity.get("share")) is None:
        return None
    sentences = [
        f"{format_share(proximity.get('share'))} of {format_count(proximity.get('texts'))} selected texts "
        f"({INTERVAL} {_share_interval(proximity)}) are nearer to a seed than to as many "
        f"real rows that no prompt showed ({format_count(proximity.get('rows'))}). "
        "About 50 % is what texts reach that learned the domain and not its seeds."
    ]
    if as_number(proximity.get("real_share")) is not None:
        sentences.append(f"Of other real rows, {format_share(proximity.get('real_share'))} are nearer to a seed.")
    if proximity.get("overfits") is True:
        sentences.append("The data set overfits its seeds: its texts vary the seeds more than they vary the domain.")
    return Section("privacy", "Nearness to the seeds", sentences)


def _share_interval(proximity: Mapping[str, Any]) -> str:
    ends = as_interval(proximity.get("interval"))
    return ABSENT if ends is None else " to ".join(map(format_share, ends))
