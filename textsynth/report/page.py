"""The account of a run as one HTML page that loads nothing."""

from __future__ import annotations

from importlib.resources import files

from textsynth.report.account import Account

TEMPLATE = "page.html.jinja"


def as_page(account: Account) -> str:
    """Return the page; everything put in is escaped, whatever a model wrote."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("textsynth.report") / TEMPLATE).read_text(encoding="utf-8"))
    most = max((abs(count) for _, count in account.funnel), default=1) or 1
    return template.render(
        told=account.manifest, funnel=account.funnel, most=most, kept=account.kept, dropped=account.dropped
    )
