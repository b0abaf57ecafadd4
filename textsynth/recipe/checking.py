"""What must hold between the sections of a recipe, and between a recipe and the rows of its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textsynth.errors import Mistake, nearest
from textsynth.recipe.items import Written
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.recipe import Recipe
from textsynth.records import Record
from textsynth.step import Generator

ROUNDING = 1e-6
SHOWN_LABELS = 5


def check_shares(generate: Sequence[Written], mistakes: Mistakes) -> None:
    """Note shares that make more than 1, or that leave nothing or nobody for the rest."""
    shared = [one for one in generate if isinstance(one.step, Generator) and one.step.share is not None]
    if not shared:
        return
    whole = sum(one.step.share for one in shared if isinstance(one.step, Generator) and one.step.share is not None)
    mark = shared[-1].fields.marks.get("share", shared[-1].mark)
    rest = [one.name for one in generate if one not in shared]
    if whole > 1 + ROUNDING:
        mistakes.note(mark, f"the shares of generate make {whole:g} in all, more than 1")
    elif rest and whole > 1 - ROUNDING:
        mistakes.note(mark, f"the shares of generate make 1 in all, which leaves nothing for {rest[0]!r}")
    elif not rest and whole < 1 - ROUNDING:
        mistakes.note(
            mark, f"the shares of generate make {whole:g} in all, and no generator without one writes the rest"
        )


def check_labels_needed(
    task: str, labels: int, generate: Sequence[Written], label: Sequence[Written], mark: Mark, mistakes: Mistakes
) -> None:
    """Note a recipe without labels that writes labelled texts, or has a labeller."""
    writes = next((one for one in generate if isinstance(one.step, Generator) and not one.step.free), None)
    if labels:
        return
    if label:
        mistakes.note(label[0].mark, f"{label[0].name} chooses among labels, but the recipe lists none: add `labels:`")
    elif task == "classification" and writes is not None:
        mistakes.note(mark, f"{writes.name} writes for a classification, but the recipe lists no labels: add `labels:`")


def check_sources(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[Mistake]:
    """Return a mistake for each source without rows, and for each label of its rows that the recipe does not list.

    `rows` are the sources as read, by name. At most five labels a source are told, the most frequent first.
    """
    mistakes: list[Mistake] = []
    for name, records in rows.items():
        where = recipe.places.get(f"sources.{name}", str(recipe.path))
        if not records:
            mistakes.append(Mistake(where, f"sources.{name} has no rows"))
        if recipe.labels:
            mistakes += [Mistake(where, sentence) for sentence in _unlisted(name, records, list(recipe.labels))]
    return mistakes


def _unlisted(source: str, records: Sequence[Record], known: list[str]) -> list[str]:
    listed = set(known)
    counts: dict[str, int] = {}
    for record in records:
        for label in record.labels:
            if label not in listed:
                counts[label] = counts.get(label, 0) + 1
    wrong = sorted(counts, key=lambda label: -counts[label])
    told = [
        f"sources.{source} has {counts[label]} row{'s' if counts[label] > 1 else ''} with the label {label!r}, "
        f"which `labels` does not list{nearest(label, known)}"
        for label in wrong[:SHOWN_LABELS]
    ]
    if len(wrong) > SHOWN_LABELS:
        told.append(f"sources.{source} has {len(wrong) - SHOWN_LABELS} more labels which `labels` does not list")
    return told
