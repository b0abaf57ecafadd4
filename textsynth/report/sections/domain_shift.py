"""The domain shift between synthetic and real texts: discriminator, length, labels, attributes, words, diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from textsynth.report.charts.bars import Bar, BarGroup, bar_chart, histogram_pair
from textsynth.report.charts.svg import DotRow, PairRow, dot_plot, pair_plot
from textsynth.report.number_format import format_count, format_score, format_share, format_short
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionTable,
    as_number,
    as_numbers,
    as_string,
    get_mapping,
    get_rows,
)

MAX_LABELS_PLOTTED = 40
MAX_WORDS_PLOTTED = 15
MAX_VALUES_PLOTTED = 20
MAX_TERMINAL_ROWS = 40
MAX_TERMINAL_WORDS = 10
LENGTH_TITLE = "Length in words"
# key of a length statistic → its name
LENGTH_STATISTICS = {
    "mean": "mean",
    "median": "median",
    "p10": "10th percentile",
    "p90": "90th percentile",
}
# key of a diversity measure → its name, and what a higher value means
DIVERSITY_MEASURES = {
    "distinct_1": ("distinct words (distinct-1)", "more varied"),
    "distinct_2": ("distinct word pairs (distinct-2)", "more varied"),
    "vendi_score": ("Vendi score", "more varied"),
    "compression_ratio": ("compression ratio", "more alike"),
    "mean_similarity": ("mean similarity", "more alike"),
    "duplicate_share": ("duplicates", "more alike"),
}


def domain_shift_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the comparison of synthetic and real texts; None where the evaluation has none."""
    shift = get_mapping(evaluation, "domain_shift")
    candidates = (
        _discriminator(shift),
        _length_histogram(shift),
        _length_statistics(shift),
        _labels(shift),
        *_attributes(shift),
        _vocabulary(shift),
    )
    figures = [figure for figure in candidates if figure is not None]
    if not figures:
        return None
    count = as_number(shift.get("texts_per_side"))
    paragraphs = [] if count is None else [f"{format_count(count)} synthetic and as many real texts are compared."]
    return Section("domain_shift", "Synthetic and real texts compared", paragraphs, figures)


def distinctive_words_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the words by which a classifier separates synthetic from real texts; None without any."""
    titles = {"synthetic_words": "Words typical of synthetic texts", "real_words": "Words typical of real texts"}
    figures = [figure for key, title in titles.items() if (figure := _words(evaluation, key, title)) is not None]
    paragraphs = [
        "The share of texts that contain the word. Name words that are far too frequent or too rare in the prompt."
    ]
    return Section("words", "Most distinctive words", paragraphs, figures) if figures else None


def diversity_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the diversity of the synthetic texts and of as many real texts; None without any measure."""
    diversity = get_mapping(evaluation, "diversity")
    synthetic, real = get_mapping(diversity, "synthetic"), get_mapping(diversity, "real")
    cells = [
        (name, format_short(synthetic.get(key)), format_short(real.get(key)), meaning)
        for key, (name, meaning) in DIVERSITY_MEASURES.items()
        if as_number(synthetic.get(key)) is not None or as_number(real.get(key)) is not None
    ]
    paragraphs = _coverage_sentences(diversity)
    if not cells and not paragraphs:
        return None
    count = as_number(diversity.get("texts_per_side"))
    if count is not None:
        paragraphs.append(f"Each value is computed on {format_count(count)} texts, synthetic and real.")
    head = ("measure", "synthetic", "real", "a higher value means")
    table = SectionTable("Diversity", head, cells, text_columns=(0, 3))
    return Section("diversity", "Diversity", paragraphs, [SectionFigure(table)] if cells else ())


def _coverage_sentences(diversity: Mapping[str, Any]) -> list[str]:
    coverage = get_mapping(diversity, "coverage")
    if as_number(coverage.get("share")) is None:
        return []
    reference = as_number(coverage.get("reference"))
    comparison = "" if reference is None else f" (among the real texts: {format_share(reference)})"
    return [
        f"{format_share(coverage.get('share'))} of {format_count(coverage.get('real_texts'))} real texts have a "
        f"synthetic text with a similarity of at least {format_short(coverage.get('limit'))}{comparison}."
    ]


def _discriminator(shift: Mapping[str, Any]) -> SectionFigure | None:
    kinds = (("auc_words", "by their words"), ("auc_embeddings", "by their embeddings"))
    scores = [(name, auc) for key, name in kinds if (auc := as_number(shift.get(key))) is not None]
    if not scores:
        return None
    cells = [(name, format_score(auc)) for name, auc in scores]
    table = SectionTable("How well a classifier separates them", ("separated", "AUC"), cells)
    dots = [DotRow(name, auc, format_score(auc)) for name, auc in scores]
    axis_title = "AUC: 0.5 is guessing (good), 1 is always right"
    return SectionFigure(table, dot_plot(table.title, dots, axis_title, reference=(0.5, "guessing")))


def _length_histogram(shift: Mapping[str, Any]) -> SectionFigure | None:
    length = get_mapping(shift, "length")
    edges = as_numbers(length.get("bin_edges"))
    counts = [as_numbers(get_mapping(length, side).get("histogram")) for side in ("synthetic", "real")]
    edges_rise = all(low < high for low, high in pairwise(edges))
    if len(edges) < 2 or not edges_rise or any(len(bins) != len(edges) - 1 for bins in counts):
        return None
    synthetic, real = ([count / (sum(bins) or 1) for count in bins] for bins in counts)
    cells = [
        (name, format_share(synthetic_share), format_share(real_share))
        for name, synthetic_share, real_share in zip(_bin_names(edges), synthetic, real, strict=True)
    ]
    table = SectionTable(LENGTH_TITLE, ("words", "synthetic", "real"), cells)
    return SectionFigure(table, histogram_pair(table.title, edges, synthetic, real, "words per text"))


def _bin_names(edges: Sequence[float]) -> list[str]:
    """Return the integers in each bin, from its edge to below the next; the last bin is open."""
    names = [f"{low:g}" if high - low <= 1 else f"{low:g} to {high - 1:g}" for low, high in pairwise(edges)]
    return [*names[:-1], f"{edges[-2]:g} or more"]


def _length_statistics(shift: Mapping[str, Any]) -> SectionFigure | None:
    sides = [get_mapping(shift, "length", side) for side in ("synthetic", "real")]
    cells = [
        (name, *(format_short(side.get(key)) for side in sides))
        for key, name in LENGTH_STATISTICS.items()
        if any(as_number(side.get(key)) is not None for side in sides)
    ]
    return SectionFigure(SectionTable("Words per text", ("length", "synthetic", "real"), cells)) if cells else None


def _labels(shift: Mapping[str, Any]) -> SectionFigure | None:
    rows = []
    for label in get_mapping(shift, "labels"):
        shares = get_mapping(shift, "labels", label)
        synthetic, real = (as_number(shares.get(side)) or 0.0 for side in ("synthetic", "real"))
        rows.append(PairRow(label, synthetic, real, f"{format_share(synthetic)} / {format_share(real)}"))
    if not rows:
        return None
    title = "Labels"
    if len(rows) > MAX_LABELS_PLOTTED:
        title = f"Labels: the {MAX_LABELS_PLOTTED} with the largest difference"
    by_difference = sorted(rows, key=lambda row: -abs(row.synthetic - row.real))
    plotted = sorted(by_difference[:MAX_LABELS_PLOTTED], key=lambda row: (-row.real, row.name))
    cells = [(row.name, format_share(row.synthetic), format_share(row.real)) for row in rows]
    table = SectionTable(title, ("label", "synthetic", "real"), cells, max_terminal_rows=MAX_TERMINAL_ROWS)
    return SectionFigure(table, pair_plot(title, plotted, "share of the texts"))


def _attributes(shift: Mapping[str, Any]) -> list[SectionFigure]:
    """Return a figure for each attribute; only synthetic texts have attributes."""
    figures = []
    for attribute, values in get_mapping(shift, "attributes").items():
        shares = [
            (value, number) for value, share in get_mapping(values).items() if (number := as_number(share)) is not None
        ]
        if not shares:
            continue
        title = f"Attribute {attribute}"
        if len(shares) > MAX_VALUES_PLOTTED:
            title += f", the {MAX_VALUES_PLOTTED} most frequent of {len(shares)} values"
        cells = [(value, format_share(share)) for value, share in shares]
        table = SectionTable(title, ("value", "synthetic"), cells, max_terminal_rows=MAX_TERMINAL_ROWS)
        by_share = sorted(shares, key=lambda pair: -pair[1])
        groups = [BarGroup(value, format_share(share), [Bar(share)]) for value, share in by_share[:MAX_VALUES_PLOTTED]]
        figures.append(SectionFigure(table, bar_chart(title, groups, "share of the synthetic texts", percent=True)))
    return figures


def _vocabulary(shift: Mapping[str, Any]) -> SectionFigure | None:
    vocabulary = get_mapping(shift, "vocabulary")
    rows = (
        ("synthetic", "synthetic texts", format_count),
        ("real", "real texts", format_count),
        ("shared", "used by both", format_share),
    )
    cells = [
        (name, format_value(vocabulary[key]))
        for key, name, format_value in rows
        if as_number(vocabulary.get(key)) is not None
    ]
    head = ("different words in equally long samples", "words")
    return SectionFigure(SectionTable("Vocabulary", head, cells)) if cells else None


def _words(evaluation: Mapping[str, Any], key: str, title: str) -> SectionFigure | None:
    rows = [row for row in get_rows(evaluation, "domain_shift", key) if as_string(row.get("word"))]
    if not rows:
        return None
    cells = [
        (
            row["word"],
            format_short(row.get("weight")),
            format_share(row.get("synthetic")),
            format_share(row.get("real")),
        )
        for row in rows
    ]
    head = ("word", "weight", "synthetic texts", "real texts")
    table = SectionTable(title, head, cells, max_terminal_rows=MAX_TERMINAL_WORDS)
    plotted = []
    for row in rows[:MAX_WORDS_PLOTTED]:
        synthetic, real = as_number(row.get("synthetic")), as_number(row.get("real"))
        if synthetic is not None and real is not None:
            value_text = f"{format_share(synthetic)} / {format_share(real)}"
            plotted.append(PairRow(row["word"], synthetic, real, value_text))
    plot = pair_plot(title, plotted, "share of the texts that contain the word") if plotted else None
    return SectionFigure(table, plot)
