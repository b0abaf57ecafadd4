"""Synthetic beside real texts: how easily they are told apart, length, labels, attributes, words, diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from textsynth.report.charts.bars import Bar, BarGroup, bar_chart, histogram_pair
from textsynth.report.charts.svg import DotRow, PairRow, dot_plot, pair_plot
from textsynth.report.number_format import score, share, short_number, whole
from textsynth.report.sections import Section, SectionFigure, SectionTable, number, numbers, part, rows, word

SHOWN = 40
WORDS_SHOWN = 15
VALUES_SHOWN = 20
BRIEF = 10
LENGTHS = {"mean": "mean", "median": "median", "p10": "one in ten is at most", "p90": "nine in ten are at most"}
# measure: (its name, what more of it means)
DIVERSITY = {
    "distinct_1": ("distinct words (distinct-1)", "more varied"),
    "distinct_2": ("distinct word pairs (distinct-2)", "more varied"),
    "vendi": ("Vendi score", "more varied"),
    "compression_ratio": ("compression ratio", "more alike"),
    "mean_similarity": ("mean similarity", "more alike"),
    "duplicates": ("duplicates", "more alike"),
}


def gap_section(told: Mapping[str, Any]) -> Section | None:
    """Return how easily the two are told apart, length, labels and attributes side by side; None without a gap."""
    gap = part(told, "gap")
    found = (_told_apart(gap), _length(gap), _lengths(gap), _labels(gap), *_attributes(gap), _vocabulary(gap))
    figures = [figure for figure in found if figure is not None]
    if not figures:
        return None
    each = number(gap.get("n"))
    said = [] if each is None else [f"{whole(each)} synthetic and as many real texts."]
    return Section("gap", "Synthetic beside real texts", said, figures)


def words_section(told: Mapping[str, Any]) -> Section | None:
    """Return the words by which a classifier tells synthetic from real texts; None without any."""
    kinds = (("synthetic_words", "Words that give synthetic texts away"), ("real_words", "Words of real texts"))
    figures = [figure for key, title in kinds if (figure := _words(told, key, title)) is not None]
    said = ["How many texts hold the word. What stands out here is worth a line in the prompt."]
    return Section("words", "Words that tell them apart", said, figures) if figures else None


def diversity_section(told: Mapping[str, Any]) -> Section | None:
    """Return the measures of diversity beside those of as many real texts; None without any."""
    found = part(told, "diversity")
    synthetic, real = part(found, "synthetic"), part(found, "real")
    known = [key for key in DIVERSITY if number(synthetic.get(key)) is not None or number(real.get(key)) is not None]
    cells = [
        (DIVERSITY[key][0], short_number(synthetic.get(key)), short_number(real.get(key)), DIVERSITY[key][1])
        for key in known
    ]
    said = _coverage(found)
    if not cells and not said:
        return None
    each = number(found.get("n"))
    if each is not None:
        said.append(f"Each figure is of {whole(each)} texts, synthetic and real.")
    table = SectionTable("Diversity", ("measure", "synthetic", "real", "a higher figure is"), cells, (0, 3))
    return Section("diversity", "Diversity", said, [SectionFigure(table)] if cells else ())


def _coverage(found: Mapping[str, Any]) -> list[str]:
    covered = part(found, "coverage")
    if number(covered.get("share")) is None:
        return []
    reference = number(covered.get("reference"))
    beside = "" if reference is None else f" (real texts among themselves: {share(reference)})"
    return [
        f"{share(covered.get('share'))} of {whole(covered.get('of'))} real texts have a synthetic one that is at least "
        f"{short_number(covered.get('limit'))} similar{beside}."
    ]


def _told_apart(gap: Mapping[str, Any]) -> SectionFigure | None:
    kinds = (("auc_words", "by their words"), ("auc_embeddings", "by their embeddings"))
    known = [(name, value) for key, name in kinds if (value := number(gap.get(key))) is not None]
    if not known:
        return None
    title = "How well a classifier tells them apart"
    plot = dot_plot(
        title,
        [DotRow(name, value, score(value)) for name, value in known],
        "AUC: 0.5 cannot tell (good), 1 always tells",
        reference=(0.5, "cannot tell"),
    )
    return SectionFigure(
        SectionTable(title, ("told apart", "AUC"), [(name, score(value)) for name, value in known]), plot
    )


def _length(gap: Mapping[str, Any]) -> SectionFigure | None:
    length = part(gap, "length")
    edges = numbers(length.get("edges"))
    counts = [numbers(part(length, side).get("histogram")) for side in ("synthetic", "real")]
    rising = all(low < high for low, high in pairwise(edges))
    if len(edges) < 2 or not rising or any(len(some) != len(edges) - 1 for some in counts):
        return None
    synthetic, real = ([one / (sum(some) or 1) for one in some] for some in counts)
    cells = [(name, share(one), share(other)) for name, one, other in zip(_bins(edges), synthetic, real, strict=True)]
    table = SectionTable("Length in words", ("words", "synthetic", "real"), cells)
    return SectionFigure(table, histogram_pair(table.title, edges, synthetic, real, "words in a text"))


def _bins(edges: Sequence[float]) -> list[str]:
    """Return what each bin holds: whole numbers from its edge to below the next; the last one all that is longer."""
    ends = [f"{low:g}" if high - low <= 1 else f"{low:g} to {high - 1:g}" for low, high in pairwise(edges)]
    return [*ends[:-1], f"{edges[-2]:g} or more"]


def _lengths(gap: Mapping[str, Any]) -> SectionFigure | None:
    sides = [part(gap, "length", side) for side in ("synthetic", "real")]
    cells = [
        (name, *(short_number(side.get(key)) for side in sides))
        for key, name in LENGTHS.items()
        if any(number(side.get(key)) is not None for side in sides)
    ]
    return SectionFigure(SectionTable("Words in a text", ("length", "synthetic", "real"), cells)) if cells else None


def _labels(gap: Mapping[str, Any]) -> SectionFigure | None:
    found = [
        PairRow(name, synthetic, real, f"{share(synthetic)} / {share(real)}")
        for name in part(gap, "labels")
        for synthetic in [number(part(gap, "labels", name).get("synthetic")) or 0.0]
        for real in [number(part(gap, "labels", name).get("real")) or 0.0]
    ]
    if not found:
        return None
    title = "Labels" if len(found) <= SHOWN else f"Labels: the {SHOWN} that differ most"
    furthest = sorted(found, key=lambda one: -abs(one.synthetic - one.real))[:SHOWN]
    shown = sorted(furthest, key=lambda one: (-one.real, one.name))
    table = SectionTable(
        title,
        ("label", "synthetic", "real"),
        [(one.name, share(one.synthetic), share(one.real)) for one in found],
        brief=SHOWN,
    )
    return SectionFigure(table, pair_plot(title, shown, "share of the texts"))


def _attributes(gap: Mapping[str, Any]) -> list[SectionFigure]:
    figures = []
    for name in part(gap, "attributes"):
        values = [
            (value, found) for value, one in part(gap, "attributes", name).items() if (found := number(one)) is not None
        ]
        if not values:
            continue
        commonest = sorted(values, key=lambda one: -one[1])[:VALUES_SHOWN]
        more = "" if len(values) <= VALUES_SHOWN else f", the {VALUES_SHOWN} commonest of {len(values)} values"
        table = SectionTable(
            f"Attribute {name}{more}",
            ("value", "synthetic"),
            [(value, share(one)) for value, one in values],
            brief=SHOWN,
        )
        groups = [BarGroup(value, share(one), [Bar(one)]) for value, one in commonest]
        figures.append(
            SectionFigure(table, bar_chart(table.title, groups, "share of the synthetic texts", percent=True))
        )
    return figures


def _vocabulary(gap: Mapping[str, Any]) -> SectionFigure | None:
    found = part(gap, "vocabulary")
    names = (("synthetic", "synthetic texts", whole), ("real", "real texts", whole), ("shared", "used by both", share))
    cells = [(name, written(found[key])) for key, name, written in names if number(found.get(key)) is not None]
    return (
        SectionFigure(SectionTable("Vocabulary", ("different words in as many words", "words"), cells))
        if cells
        else None
    )


def _words(told: Mapping[str, Any], key: str, title: str) -> SectionFigure | None:
    found = [row for row in rows(told, "gap", key) if word(row.get("word"))]
    if not found:
        return None
    cells = [
        (word(row["word"]), short_number(row.get("weight")), share(row.get("synthetic")), share(row.get("real")))
        for row in found
    ]
    table = SectionTable(title, ("word", "weight", "synthetic texts", "real texts"), cells, brief=BRIEF)
    shown = [
        PairRow(word(row["word"]), synthetic, real, f"{share(synthetic)} / {share(real)}")
        for row in found[:WORDS_SHOWN]
        for synthetic in [number(row.get("synthetic"))]
        for real in [number(row.get("real"))]
        if synthetic is not None and real is not None
    ]
    return SectionFigure(table, pair_plot(title, shown, "share of the texts that hold the word") if shown else None)
