"""The account of a run as one HTML page that loads nothing."""

from __future__ import annotations

from importlib.resources import files

from textsynth.report.account import Account
from textsynth.wording import visible

TEMPLATE = "page.html.jinja"
LONGEST = 600


def as_page(account: Account) -> str:
    """Return the page; everything put in is escaped, whatever a model wrote."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["short"] = short
    template = environment.from_string((files("textsynth.report") / TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        told=account.manifest,
        funnel=account.funnel,
        most=max((abs(count) for _, count in account.funnel), default=1) or 1,
        labels=account.labels,
        splits=[name for name, count in account.manifest["splits"].items() if count],
        kept=account.kept,
        dropped=account.dropped,
    )


def short(text: str) -> str:
    """Return at most 600 characters of a text, with control characters (also those that turn the line) written out."""
    return visible(text if len(text) <= LONGEST else text[: LONGEST - 2] + " …")
