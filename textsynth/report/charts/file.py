"""A plot as an SVG file that loads nothing, in the light and dark colours of the report page.

The same plot gives the same bytes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from textsynth.core.formatting import escape_control
from textsynth.report.charts.svg import Plot, SvgMark

PLOT_WIDTH = 640
MARGIN = 12
TITLE_HEIGHT = 26


def svg_file(plot: Plot) -> str:
    """Return the plot as an SVG file, 640 pixels wide without margins, with its title and description."""
    width, height = PLOT_WIDTH + 2 * MARGIN, plot.height + 2 * MARGIN + TITLE_HEIGHT
    title = _escape(plot.title)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{title}</title>",
        f"<desc>{_escape(plot.description)}</desc>",
        f"<style>{_plot_css()}</style>",
        '<rect width="100%" height="100%" style="fill: var(--paper)"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 10}" style="font-weight: 600">{title}</text>',
        f'<svg x="{MARGIN}" y="{MARGIN + TITLE_HEIGHT}" width="{PLOT_WIDTH}" height="{plot.height}">',
        *map(_element, plot.marks),
        "</svg>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _element(mark: SvgMark) -> str:
    css_class, text = quoteattr(mark.css_class), _escape(mark.text)
    if mark.tag == "clip":
        y, width = mark.attributes["y"], mark.attributes["width"]
        return (
            f'<svg x="0" y="{y}" width="{width}" height="18"><text class={css_class} x="0" y="13">{text}</text></svg>'
        )
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in mark.attributes.items())
    return f"<{mark.tag} class={css_class}{attributes}>{text}</{mark.tag}>"


def _escape(text: str) -> str:
    return escape(escape_control(text))


@cache
def _plot_css() -> str:
    """Return the part of the page's style sheet that plots need: the colours, and the rules that begin with `svg`."""
    sheet = (Path(__file__).parents[1] / "style.css").read_text(encoding="utf-8")
    colours = sheet[: sheet.index("* {")].replace(":root", "svg")
    rules = [line for line in sheet.splitlines() if line.startswith("svg ")]
    return "\n".join([colours.rstrip(), *rules])
