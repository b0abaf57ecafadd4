"""The stage of a run: sources read, prompts found, steps begun, before the first request.

Nothing heavy is loaded here: the embedder loads when a step first embeds, a model when the journal lacks an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textsynth.core.errors import MissingExtra, UsageError, require_extra
from textsynth.core.protocols import CalibratableSession, Context, FilterSession, Generator, Labeller, LabellerSession
from textsynth.core.records import Record, Verdict
from textsynth.recipe import Recipe, references_in
from textsynth.runner.plugin_checks import ValidatedGenerator, ValidatedLabeller, validate_session
from textsynth.runner.scheduler import ActiveGenerator

if TYPE_CHECKING:
    pass


def start_generators(recipe: Recipe, context: Context) -> list[ActiveGenerator]:
    """Begin the generators, in the recipe's order."""
    found: list[ActiveGenerator] = []
    for item in recipe.generate:
        if isinstance(item.step, Generator):
            texts = getattr(item.step, "per_request", 1)
            writer = ValidatedGenerator(item.name, item.step.start(context, item.name), context.labels)
            found.append(ActiveGenerator(item.name, writer, item.step.free, texts))
    return found


def labellers(recipe: Recipe) -> list[tuple[str, Labeller]]:
    """Return the labellers with their names, in the recipe's order."""
    return [(item.name, item.step) for item in recipe.label if isinstance(item.step, Labeller)]


def start_labellers(recipe: Recipe, context: Context) -> list[tuple[str, LabellerSession]]:
    """Begin the labellers, in the recipe's order."""
    found: list[tuple[str, LabellerSession]] = []
    for name, step in labellers(recipe):
        desk = step.start(context, name)
        found.append(
            (name, desk if isinstance(desk, CalibratableSession) else ValidatedLabeller(name, desk, context.labels))
        )
    return found


class LazyFilterSession:
    """A filter that begins when it is first asked, in the thread that judges: what it loads never delays a request.

    `name` is what the recipe calls it.
    """

    def __init__(self, name: str, begin: Callable[[], FilterSession]) -> None:
        self._name = name
        self._begin = begin
        self._judge: FilterSession | None = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Judge, having begun. Raises UsageError where something else than a verdict for each record comes back."""
        verdicts = self._begun().evaluate_batch(records)
        if len(verdicts) != len(records):
            raise UsageError(
                f"{self._name}: evaluate_batch gave {len(verdicts)} verdicts for {len(records)} texts, and gives one for each"
            )
        for record, verdict in zip(records, verdicts, strict=True):
            if verdict is not None and not isinstance(verdict, Verdict):
                raise UsageError(
                    f"{self._name}: the check gave {verdict!r:.60} for the text {record.text!r:.60}; "
                    "None keeps a text, Verdict(reason, measured, limit) drops it"
                )
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Settle, having begun; an empty batch begins nothing."""
        if records:
            self._begun().commit(records)

    def _begun(self) -> FilterSession:
        if self._judge is None:
            self._judge = validate_session(self._name, self._begin(), ("evaluate_batch", "commit"))
        return self._judge


def check_dependencies(recipe: Recipe) -> None:
    """Raise MissingExtra with the first package that the recipe's models, steps or evaluation lack; loads nothing.

    Models come first: their extra brings the packages of all the others along.
    """
    for check in _checks(recipe):
        check()


def missing_extras(recipe: Recipe) -> str | None:
    """Return the sentence of `require`, or None where nothing is missing."""
    try:
        check_dependencies(recipe)
    except MissingExtra as missing:
        return str(missing)
    return None


def _checks(recipe: Recipe) -> Iterator[Callable[[], None]]:
    steps = [item.step for items in (recipe.generate, recipe.filter, recipe.label, recipe.select) for item in items]
    asked = dict.fromkeys(name for step in steps for _, name in references_in(step, "model"))
    yield from (recipe.models[name].check_dependencies for name in asked if name in recipe.models)
    yield from (source.check_dependencies for source in recipe.sources.values())
    yield from (step.check_dependencies for step in steps)
    if recipe.evaluate is not None:
        yield lambda: require_extra("embed", "sklearn", "torch", "sentence_transformers", why="evaluate")
