"""The gaps of each generator: topics of real rows that the seeds lack, and how far the accepted texts cover them."""

from __future__ import annotations

from textsynth.core.gap_summary import GapRegion, GapsSummary
from textsynth.report.number_format import format_count, format_score, format_share
from textsynth.report.sections import Section, SectionFigure, SectionQuote, SectionTable
from textsynth.store.manifest import Manifest

HEAD = ("topic", "label", "rows", "cosine to nearest seed", "wanted", "accepted texts near it", "rows covered")
NOTE = (
    "A text is near a topic where it is as similar to its central row as its own rows are; a row is covered where it "
    "has such a text. A topic without a label is not written for: the most probable one is in brackets. It may belong "
    "to a label that the recipe lacks; `gaps: {labels: {TOPIC: LABEL}}` gives it one."
)


def gap_sections(manifest: Manifest) -> list[Section]:
    """Return a section for each generator that looked for gaps: a table of the regions, and example rows of each."""
    summaries = manifest.get("gaps", {})
    return [_section(index, step, summary) for index, (step, summary) in enumerate(summaries.items())]


def _section(index: int, step: str, summary: GapsSummary) -> Section:
    rows = [
        (
            region["name"],
            region_label(region),
            format_count(region["rows"]),
            format_score(region["nearest_seed"]),
            format_count(region["wanted"]),
            format_count(region["texts"]),
            format_share(region["covered"]),
        )
        for region in summary["regions"]
    ]
    quotes = [
        SectionQuote(text, region["name"], in_terminal=False)
        for region in summary["regions"]
        for text in region["examples"]
    ]
    figures = [SectionFigure(SectionTable("Topics", HEAD, rows, text_columns=(0, 1), optional_columns=(3,)))]
    return Section(
        f"gaps-{index}",
        f"Gaps of {step} in {summary['source']}",
        [f"{summary['sentence']}."],
        figures if rows else [],
        quotes,
        [NOTE] if rows else [],
    )


def region_label(region: GapRegion) -> str:
    """Return the label that the texts of a region get, or the most probable one in brackets where none is written."""
    if region["label"] is not None:
        return region["label"]
    return f"({region['likely_label']}, {format_share(region['confidence'])})" if region["likely_label"] else ""
