"""The card as it is pushed: a config that stays at home is neither in its metadata nor promised in its words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from textsynth.export.card.metadata import read_card


def pushed_card(text: str, absent: Sequence[str]) -> str:
    """Return a card without the configs `absent`; the rest of its metadata keeps order and form."""
    data, body = read_card(text)
    if not data:
        return text
    for key in ("configs", "dataset_info"):
        told = data.get(key)
        if isinstance(told, list):
            data[key] = [one for one in told if one.get("config_name") not in absent]
    head = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{head}---\n{_body(body, absent)}"


def _body(body: str, absent: Sequence[str]) -> str:
    """Take the rows of the absent configs out of the table of configs, and say once where they are."""
    rows = [re.compile(rf"^\| `{re.escape(name)}` \|.*\n?", re.MULTILINE) for name in absent]
    told = [name for name, row in zip(absent, rows, strict=True) if row.search(body)]
    if not told:
        return body
    first = min((row.search(body) for row in rows if row.search(body)), key=lambda found: found.start() if found else 0)
    at = first.start() if first else 0
    end = body.find("\n\n", at)
    names = " and ".join(f"`{name}`" for name in told)
    note = f"\n\nThe configs {names} were not published: they stay with the run that made this data set."
    body = body[:end] + note + body[end:] if end >= 0 else body.rstrip("\n") + note + "\n"
    for row in rows:
        body = row.sub("", body)
    return body
