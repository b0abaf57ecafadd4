"""A plot as a file of its own: an SVG that loads nothing, in light and dark, with the report's look.

The same plot gives the same bytes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from textsynth.core.formatting import escape_control
from textsynth.report.charts.svg import Plot, SvgMark

WIDTH = 640
MARGIN = 12
TITLE = 26


def chart_file(plot: Plot) -> str:
    """Return the plot as an SVG file, 640 pixels wide, its title and its numbers in words inside."""
    width, height = WIDTH + 2 * MARGIN, plot.height + 2 * MARGIN + TITLE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{_text(plot.title)}</title>",
        f"<desc>{_text(plot.description)}</desc>",
        f"<style>{_style()}</style>",
        '<rect width="100%" height="100%" style="fill: var(--paper)"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 10}" style="font-weight: 600">{_text(plot.title)}</text>',
        f'<svg x="{MARGIN}" y="{MARGIN + TITLE}" width="{WIDTH}" height="{plot.height}">',
        *map(_mark, plot.marks),
        "</svg>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _mark(one: SvgMark) -> str:
    if one.tag == "clip":
        text = f'<text class={quoteattr(one.style)} x="0" y="13">{_text(one.text)}</text>'
        return f'<svg x="0" y="{one.attributes["y"]}" width="{one.attributes["width"]}" height="18">{text}</svg>'
    at = "".join(f" {name}={quoteattr(value)}" for name, value in one.attributes.items())
    return f"<{one.tag} class={quoteattr(one.style)}{at}>{_text(one.text)}</{one.tag}>"


def _text(text: str) -> str:
    return escape(escape_control(text))


@cache
def _style() -> str:
    """Return the colours of the report's page and its rules for plots."""
    sheet = (Path(__file__).parents[1] / "style.css").read_text(encoding="utf-8")
    colours = sheet[: sheet.index("* {")].replace(":root", "svg")
    rules = [line for line in sheet.splitlines() if line.startswith("svg ")]
    return "\n".join([colours.rstrip(), *rules])
