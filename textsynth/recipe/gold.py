"""Gold: what must hold of a source on whose rows a labeller is tried, by its field `gold`.

Its rows become no text and are shown in no prompt, and nothing is tested on them: the limit is chosen on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from textsynth.core.errors import Mistake
from textsynth.core.formatting import counted
from textsynth.core.options import Options
from textsynth.core.records import Record
from textsynth.label.calibration import FEWEST
from textsynth.recipe.mistakes import Mistakes
from textsynth.recipe.recipe import Recipe
from textsynth.recipe.references import named
from textsynth.recipe.sections import Sections

GOLD = "gold"


class _Item(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def step(self) -> Options: ...


AnyItem = TypeVar("AnyItem", bound=_Item)


def gold_of(label: Iterable[AnyItem]) -> Iterator[tuple[AnyItem, str]]:
    """Yield the labellers that are tried on gold rows, each with the name of their source."""
    for item in label:
        yield from ((item, name) for field, name in named(item.step, "source") if field == GOLD)


def check_gold(sections: Sections, mistakes: Mistakes) -> None:
    """Note every gold source whose rows are also written from, shown as examples, or tested on."""
    lists = sections.lists
    for one, source in gold_of(lists["label"]):
        mark = one.fields.marks.get(GOLD, one.mark)
        told = f"{one.item}.gold is {source!r}"
        for other in lists["generate"]:
            if source in (name for _, name in named(other.step, "source")):
                wrong = (
                    f"{told}, and {other.name} writes from its rows: keep some labelled rows aside in a source of their"
                )
                mistakes.note(mark, f"{wrong} own, as a labeller does better on what texts were made from")
        for other in lists["label"]:
            if other is not one and source in (name for field, name in named(other.step, "source") if field != GOLD):
                mistakes.note(mark, f"{told}, and {other.name} shows its rows as examples: they are for trying alone")
        if sections.evaluate is not None and sections.evaluate.test == source:
            mistakes.note(mark, f"{told}, and evaluate.test too: the limit is chosen on its rows, test rows never are")


def check_gold_rows(recipe: Recipe, rows: Mapping[str, Sequence[Record]]) -> list[Mistake]:
    """Return a mistake for each gold source with rows that have no label, or with too few rows for a precision."""
    mistakes: list[Mistake] = []
    for item, source in gold_of(recipe.label):
        where = recipe.places.get(f"sources.{source}", str(recipe.path))
        given = rows[source]
        bare = sum(not row.labels for row in given)
        if bare:
            wrong = (
                f"sources.{source}: {counted(bare, 'row')} of {len(given)} without a label, and {item.name} is tried on"
            )
            mistakes.append(Mistake(where, f"{wrong} them: give each its label, or name their column, label: COLUMN"))
        elif given and getattr(item.step, "precision", None) is not None and len(given) < FEWEST:
            wrong = (
                f"sources.{source} has {counted(len(given), 'row')}, and {item.name} reads a precision from {FEWEST} or"
            )
            mistakes.append(Mistake(where, f"{wrong} more: add rows with labels, or give min_confidence instead"))
    return mistakes
