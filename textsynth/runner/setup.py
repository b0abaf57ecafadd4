"""The stage of a run: sources read, prompts found, steps begun, before the first request.

Nothing heavy is loaded here: the embedder loads when a step first embeds, a model when the journal lacks an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textsynth.core.errors import MissingExtra, UsageError, needs
from textsynth.core.protocols import Context, Desk, Generator, Judge, Labeller, Tried
from textsynth.core.records import Record, Verdict
from textsynth.recipe import Recipe, named
from textsynth.runner.plugin_checks import CheckedDesk, CheckedWriter, begun
from textsynth.runner.scheduler import Hand

if TYPE_CHECKING:
    pass


def hands(recipe: Recipe, context: Context) -> list[Hand]:
    """Begin the generators, in the recipe's order."""
    found: list[Hand] = []
    for item in recipe.generate:
        if isinstance(item.step, Generator):
            texts = getattr(item.step, "texts", 1)
            writer = CheckedWriter(item.name, item.step.begin(context, item.name), context.labels)
            found.append(Hand(item.name, writer, item.step.free, texts))
    return found


def labellers(recipe: Recipe) -> list[tuple[str, Labeller]]:
    """Return the labellers with their names, in the recipe's order."""
    return [(item.name, item.step) for item in recipe.label if isinstance(item.step, Labeller)]


def desks(recipe: Recipe, context: Context) -> list[tuple[str, Desk]]:
    """Begin the labellers, in the recipe's order."""
    found: list[tuple[str, Desk]] = []
    for name, step in labellers(recipe):
        desk = step.begin(context, name)
        found.append((name, desk if isinstance(desk, Tried) else CheckedDesk(name, desk, context.labels)))
    return found


class LateJudge:
    """A filter that begins when it is first asked, in the thread that judges: what it loads never delays a request.

    `name` is what the recipe calls it.
    """

    def __init__(self, name: str, begin: Callable[[], Judge]) -> None:
        self._name = name
        self._begin = begin
        self._judge: Judge | None = None

    def judge(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Judge, having begun. Raises UsageError where something else than a verdict for each record comes back."""
        verdicts = self._begun().judge(records)
        if len(verdicts) != len(records):
            raise UsageError(
                f"{self._name}: judge gave {len(verdicts)} verdicts for {len(records)} texts, and gives one for each"
            )
        for record, verdict in zip(records, verdicts, strict=True):
            if verdict is not None and not isinstance(verdict, Verdict):
                raise UsageError(
                    f"{self._name}: the check gave {verdict!r:.60} for the text {record.text!r:.60}; "
                    "None keeps a text, Verdict(reason, measured, limit) drops it"
                )
        return verdicts

    def settle(self, records: Sequence[Record]) -> None:
        """Settle, having begun; an empty batch begins nothing."""
        if records:
            self._begun().settle(records)

    def _begun(self) -> Judge:
        if self._judge is None:
            self._judge = begun(self._name, self._begin(), ("judge", "settle"))
        return self._judge


def require(recipe: Recipe) -> None:
    """Raise MissingExtra with the first package that the recipe's models, steps or evaluation lack; loads nothing.

    Models come first: their extra brings the packages of all the others along.
    """
    for check in _checks(recipe):
        check()


def lacking(recipe: Recipe) -> str | None:
    """Return the sentence of `require`, or None where nothing is missing."""
    try:
        require(recipe)
    except MissingExtra as missing:
        return str(missing)
    return None


def _checks(recipe: Recipe) -> Iterator[Callable[[], None]]:
    steps = [item.step for items in (recipe.generate, recipe.filter, recipe.label, recipe.select) for item in items]
    asked = dict.fromkeys(name for step in steps for _, name in named(step, "model"))
    yield from (recipe.models[name].require for name in asked if name in recipe.models)
    yield from (source.require for source in recipe.sources.values())
    yield from (step.require for step in steps)
    if recipe.evaluate is not None:
        yield lambda: needs("embed", "sklearn", "torch", "sentence_transformers", why="evaluate")
