"""What a run tells in its manifest before its data set is written: recipe, versions, models, counts, quota, tokens."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from textsynth.core.protocols import Source
from textsynth.core.records import Drop, reason_kind
from textsynth.core.version import __version__
from textsynth.filter.leak import Leak
from textsynth.recipe import Recipe
from textsynth.run.asking import Tally
from textsynth.run.loop import Books
from textsynth.run.quota import Line
from textsynth.store.manifest import FORM, Begun, Counts, DropCount, QuotaRow

REASONS_A_CELL = 3
PACKAGES = (
    "pyarrow",
    "datasets",
    "pydantic",
    "jinja2",
    "phonenumberslite",
    "torch",
    "transformers",
    "sentence-transformers",
)


def versions() -> dict[str, str]:
    """Return the versions of what the result depends on; packages that are not installed are left out."""
    found = {"textsynth": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def quota_table(lines: Sequence[Line], selected: Mapping[int, int], dropped: Sequence[Drop]) -> list[QuotaRow]:
    """Return a row a line: match, want, selected, missing, and for missing texts the commonest reasons of drops."""
    rows: list[QuotaRow] = []
    for place, line in enumerate(lines):
        missing = max(0, line.want - selected[place])
        why: Counter[tuple[str, str]] = Counter()
        if missing:
            why.update((drop.item, reason_kind(drop.reason)) for drop in dropped if line.counts(drop.record))
        rows.append(
            {
                "match": dict(line.match),
                "want": line.want,
                "selected": selected[place],
                "missing": missing,
                "why": [
                    {"item": item, "reason": reason, "count": count}
                    for (item, reason), count in why.most_common(REASONS_A_CELL)
                ],
            }
        )
    return rows


def begun(
    recipe: Recipe,
    books: Books,
    tally: Tally,
    *,
    quota: Sequence[QuotaRow],
    selected: int,
    folder: Path,
) -> Begun:
    """Return what is known before the data set is written: everything but licences, splits, notes and times.

    `selected` counts the selected texts; the recipe's path is told from the run's `folder`, so that both can move
    together.
    """
    told: Begun = {
        "version": FORM,
        "name": recipe.name,
        "task": recipe.task,
        "seed": recipe.seed,
        "recipe": {
            "name": recipe.path.name,
            "hash": recipe.hash,
            "path": os.path.relpath(recipe.path, folder),
            "sets": list(recipe.sets),
            "text": recipe.text,
        },
        "labels": recipe.meanings,
        "sources": {name: _source(source) for name, source in recipe.sources.items()},
        "checked_for_leaks": [item.step.from_ for item in recipe.filter if isinstance(item.step, Leak)],
        "versions": versions(),
        "models": sorted({one.model for one in books.asked.values()}),
        "engines": _engines(books),
        "counts": _counts(books, selected),
        "drops": _drops(books),
        "quota": list(quota),
        "requests": {
            "planned": len(books.asked),
            "sent": tally.sent,
            "from_journal": tally.kept,
            "failed": tally.failed,
        },
        "tokens": {"prompt": tally.prompt_tokens, "completion": tally.completion_tokens},
    }
    if books.gold:
        told["gold"] = books.gold
    return told


def _counts(books: Books, selected: int) -> Counts:
    review = sum(drop.section == "review" for drop in books.dropped)
    return {
        "candidates": books.candidates,
        "accepted": len(books.accepted),
        "dropped": len(books.dropped) - review,
        "review": review,
        "windows": books.windows,
        "selected": selected,
        "spare": len(books.accepted) - selected,
    }


def _drops(books: Books) -> list[DropCount]:
    """Return a row for each reason of each item, the commonest first."""
    return [
        {"section": section, "item": item, "reason": reason, "count": count}
        for (section, item, reason), count in sorted(books.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _source(source: Source) -> dict[str, str]:
    """Return what a source reads: its path, and of a data set config, split and the commit of the revision."""
    told = {field: getattr(source, field, None) for field in ("path", "config", "split", "revision")}
    return {field: str(value) for field, value in told.items() if value is not None}


def _engines(books: Books) -> dict[str, list[str]]:
    """Return the engines and versions that answered, by the model's identity; models whose engine told none are not."""
    found: dict[str, set[str]] = {}
    for one in books.asked.values():
        if one.engine:
            found.setdefault(one.model, set()).add(one.engine)
    return {model: sorted(engines) for model, engines in sorted(found.items())}
