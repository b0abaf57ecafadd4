"""Sets up a run: starts the sessions of its steps and checks that their packages are installed.

Nothing heavy is loaded here: a filter starts with its first batch, the embedder loads when a step first embeds, and a
model when the journal lacks an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textsynth.core.errors import MissingExtra, UsageError, require_extra
from textsynth.core.protocols import Context, Filter, Labeller
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.core.scope import ScopedFilterSession, scope_of
from textsynth.core.sessions import (
    CalibratableSession,
    EvaluateBatch,
    FilterSession,
    LabellerSession,
    PanelSession,
    preview,
)
from textsynth.recipe import Recipe, references_in
from textsynth.runner.plugin_checks import ValidatedGenerator, ValidatedLabeller, validate_session
from textsynth.runner.scheduler import ActiveGenerator

REQUIRED_COLUMNS = "required_columns"
"""The step under which texts are dropped that lack a label or a text that the task promises."""


def start_generators(recipe: Recipe, context: Context) -> list[ActiveGenerator]:
    """Start the generators, in the recipe's order."""
    return [
        ActiveGenerator(
            item.name,
            ValidatedGenerator(item.name, item.step.start(context, item.name), context.labels),
            item.step.needs_model,
            item.step.texts_per_request,
            item.step.follows_quota,
        )
        for item in recipe.generate
    ]


def labellers(recipe: Recipe) -> list[tuple[str, Labeller]]:
    """Return the labellers with their names, in the recipe's order."""
    return [(item.name, item.step) for item in recipe.label]


def start_labellers(recipe: Recipe, context: Context) -> list[tuple[str, LabellerSession]]:
    """Start the labellers, in the recipe's order."""
    sessions: list[tuple[str, LabellerSession]] = []
    for name, step in labellers(recipe):
        session = step.start(context, name)
        if not isinstance(session, (CalibratableSession, PanelSession)):
            session = ValidatedLabeller(name, session, context.labels)
        sessions.append((name, session))
    required = RequiredColumns(context)
    return [*sessions, (REQUIRED_COLUMNS, required)] if required.is_needed else sessions


class RequiredColumns:
    """Drops what would leave a column of the data set empty, whatever source, generator and labeller it comes from.

    It comes after every labeller, asks nothing, and has the place of one in the run. A text without a label is dropped
    where the task needs labels and the recipe lists some.
    """

    def __init__(self, context: Context) -> None:
        self._fields = context.task.required_fields
        self._needs_label = context.task.needs_labels and bool(context.labels)

    @property
    def is_needed(self) -> bool:
        """Whether the task promises more than a text, which every record has."""
        return self._needs_label or bool(self._fields)

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return no request."""
        return [[] for _ in records]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return a verdict that drops the record where it lacks a label or the text of a column."""
        if self._needs_label and not record.labels:
            return record, Verdict("it has no label")
        for field in self._fields:
            if not record.field_text(field).strip():
                return record, Verdict(f"it has no {field!r}, which fills a column of the task")
        return record, None


def filter_sessions(recipe: Recipe, context: Context) -> list[tuple[str, FilterSession]]:
    """Return the filters with their names, in the recipe's order; each starts with its first batch."""
    return [(item.name, _filter_session(item.name, item.step, context)) for item in recipe.filter]


def quick_filters(recipe: Recipe) -> frozenset[str]:
    """Return the names of the filters that the progress display may ask about texts of an open window."""
    return frozenset(item.name for item in recipe.filter if item.step.is_quick)


def load_filters(recipe: Recipe, context: Context) -> None:
    """Load what the filters need and takes long: the embedder."""
    if any(item.step.embeds for item in recipe.filter):
        context.load_embedder()


def _filter_session(name: str, step: Filter, context: Context) -> FilterSession:
    scope = scope_of(step)
    return ScopedFilterSession(LazyFilterSession(name, lambda: step.start(context.seen_as(scope))), scope, context.task)


class LazyFilterSession:
    """A filter session that starts with its first batch, in the filter thread: what it loads never delays a request.

    It validates the verdicts. `name` is the step's name in the recipe.
    """

    def __init__(self, name: str, start: Callable[[], FilterSession]) -> None:
        self._name = name
        self._start = start
        self._session: FilterSession | None = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return the filter's verdicts. Raises UsageError for anything but one verdict for each record."""
        return self._validated(self._started().evaluate_batch, records)

    def preview_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return what `evaluate_batch` would return now, without an effect on later verdicts."""
        return self._validated(preview(self._started()), records)

    def _validated(self, evaluate: EvaluateBatch, records: Sequence[Record]) -> list[Verdict | None]:
        verdicts = evaluate(records)
        if len(verdicts) != len(records):
            raise UsageError(
                f"{self._name}: evaluate_batch returned {len(verdicts)} verdicts for {len(records)} texts, and must "
                "return one for each"
            )
        duplicates: list[tuple[Record, str]] = []
        for record, verdict in zip(records, verdicts, strict=True):
            if verdict is None:
                continue
            if not isinstance(verdict, Verdict):
                raise UsageError(
                    f"{self._name}: the verdict on the text {record.text!r:.60} is {verdict!r:.60}; None keeps a text, "
                    "Verdict(reason, score, limit) drops it"
                )
            if verdict.duplicate_of:
                duplicates.append((record, verdict.duplicate_of))
        if duplicates:
            self._check_originals(records, duplicates)
        return verdicts

    def _check_originals(self, records: Sequence[Record], duplicates: Sequence[tuple[Record, str]]) -> None:
        """Raise UsageError for a duplicate whose original is the text itself or a later one of the batch."""
        first_index: dict[str, int] = {}
        for index, record in enumerate(records):
            first_index.setdefault(record.id, index)
        for record, original in duplicates:
            if first_index.get(original, -1) >= first_index[record.id]:
                raise UsageError(
                    f"{self._name}: the verdict on the text {record.text!r:.60} names it, or a later text of the "
                    "batch, as duplicate_of; name a committed record or an earlier one of the batch"
                )

    def commit(self, records: Sequence[Record]) -> None:
        """Commit the records; an empty batch starts nothing."""
        if records:
            self._started().commit(records)

    def _started(self) -> FilterSession:
        if self._session is None:
            self._session = validate_session(self._name, self._start(), ("evaluate_batch", "commit"))
        return self._session


def check_dependencies(recipe: Recipe) -> None:
    """Raise MissingExtra for the first package that the recipe needs and that is not installed; loads nothing.

    Models come first, as their extra includes the packages of steps and evaluation.
    """
    for check in _checks(recipe):
        check()


def missing_extras(recipe: Recipe) -> str | None:
    """Return the sentence that names the missing extra, or None where nothing is missing."""
    try:
        check_dependencies(recipe)
    except MissingExtra as missing:
        return str(missing)
    return None


def _checks(recipe: Recipe) -> Iterator[Callable[[], None]]:
    steps = [item.step for items in (recipe.generate, recipe.filter, recipe.label, recipe.select) for item in items]
    model_names = dict.fromkeys(name for step in steps for _, name in references_in(step, "model"))
    yield from (recipe.models[name].check_dependencies for name in model_names if name in recipe.models)
    yield from (source.check_dependencies for source in recipe.sources.values())
    yield from (step.check_dependencies for step in steps)
    if recipe.evaluate is not None:
        yield lambda: require_extra("embed", "sklearn", "torch", "sentence_transformers", why="evaluate")
