"""The entry points of an evaluation. Each loads the texts and the real sets, and calls `evaluate` with a plan.

- `evaluate_run`: the texts of a run that is not written yet, for the recipe's `evaluate` section.
- `evaluate_run_folder`: the folder of a finished run.
- `evaluate_texts`: a file of labelled texts, or such records.
- `evaluate_path`: either of the last two, from the arguments of the command line.

The texts of a run are evaluated with the run's recipe: its filters are ablated, and the sample weight is fitted with
the texts that do not depend on the held-out seeds. The texts of a file are evaluated as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from textsynth.core.errors import UsageError, require_extra
from textsynth.core.paths import cache_folder
from textsynth.core.protocols import Context, SeedTrainedFilter
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.resources import limit_threads
from textsynth.evaluate.ablation import FilterStep, find_ablation_candidates
from textsynth.evaluate.cache import PredictionCache
from textsynth.evaluate.cross_validation import leave_seeds_out
from textsynth.evaluate.data import RealSets, SyntheticSet
from textsynth.evaluate.evaluate import Evaluation, EvaluationPlan, evaluate
from textsynth.evaluate.load import (
    SECTIONS_WITHOUT_TEXTS,
    FileTexts,
    LoadedRun,
    load_file,
    load_run,
    source_options,
    without_steps,
)
from textsynth.evaluate.origins import RequestOrigins
from textsynth.evaluate.own_classifier import OwnClassifier, load_own_classifier
from textsynth.evaluate.sample_weight import better_on_seeds
from textsynth.evaluate.serialize import as_json
from textsynth.recipe import Recipe
from textsynth.recipe.balance import balanced_steps
from textsynth.recipe.context import make_context, read_sources
from textsynth.recipe.finished_run import recipe_of_run
from textsynth.recipe.gaps import unlabelled_sources
from textsynth.recipe.init import read_labels
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder, VectorStore
from textsynth.sources.rows import Rows
from textsynth.store.evaluation import CARD
from textsynth.store.evaluation import FILE as EVALUATION
from textsynth.store.journal import Journal
from textsynth.store.owned_files import OwnedFiles

# The command line's name of each set of real rows, and its name here.
ROLES = {"train": "train", "test": "test", "dev": "dev", "all_rows": "all"}
NO_RECIPE = (
    "the run's recipe was moved or has changed: the filters are not ablated, and the sample weight is fitted on the "
    "texts as they were selected"
)
RealFiles = Mapping[str, Path | list[Record]]
"""Real sets by role (train, test, dev, all), each as a file or as records."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """The options that all entry points share.

    `columns` names the columns `text` (of several texts a row `first,second`) and `label` of files. `full` takes more
    draws and repeats; `ordinal` says that the labels are in an order, lowest first. `log` shows a line of progress to
    the user. `classifier` is the file of a classifier of the user's own.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    full: bool = False
    ordinal: bool = False
    log: Callable[[str], None] = field(default=lambda _: None)
    classifier: Path | None = None

    @property
    def own(self) -> OwnClassifier | None:
        """The classifier in the file `classifier`, loaded. Raises UsageError where it cannot be loaded."""
        return None if self.classifier is None else load_own_classifier(self.classifier)


def evaluate_run(
    recipe: Recipe,
    context: Context,
    selected: Sequence[Record],
    surplus: Sequence[Record],
    dropped: Sequence[DroppedRecord],
    *,
    origins: RequestOrigins,
    folder: Path,
    log: Callable[[str], None],
) -> Evaluation:
    """Evaluate the texts of a run that is not written yet, as the recipe's `evaluate` section says.

    `context` holds the run's sources, `origins` the model and prompt of its requests; `folder` is the run's and gets
    the prediction cache. Raises UsageError where the texts cannot be evaluated, as when none was selected.
    """
    if recipe.evaluate is None:
        raise TypeError("evaluate_run needs a recipe with an `evaluate` section")
    # The same order as `load_run` gives, so that both sample the same texts at random.
    drops = [
        drop
        for drop in sorted(dropped, key=lambda drop: drop.record.id)
        if drop.section not in SECTIONS_WITHOUT_TEXTS and drop.record.labels
    ]
    selected, surplus, drops = without_steps(balanced_steps(recipe), selected, surplus, drops)
    synthetic = SyntheticSet(recipe.name, _sorted_by_id(selected), _sorted_by_id(surplus), drops)
    options = EvaluationOptions(
        full=recipe.evaluate.full, ordinal=recipe.evaluate.ordinal, log=log, classifier=_own_file(recipe)
    )
    real = real_sets(recipe, context.sources)
    require_extra("embed", "sklearn", why="evaluate")
    with closing(PredictionCache(folder)) as cache:
        return evaluate(*_with_recipe(recipe, context, synthetic, real, cache, options, origins))


def evaluate_run_folder(
    folder: Path, real_files: RealFiles, options: EvaluationOptions, *, recipe: Recipe | None = None
) -> Evaluation:
    """Evaluate the texts of a finished run; the prediction cache is kept in its folder.

    Roles that `real_files` lacks are taken from the recipe's `evaluate` section. Without `recipe` it is read from where
    the run had it; where that file was moved or has changed, the run is evaluated without it, and a note says so.
    """
    require_extra("embed", "sklearn", why="evaluate")
    finished = load_run(folder)
    OwnedFiles(folder).refuse_obstacles([EVALUATION, CARD])  # before minutes are spent on what could not be written
    columns = source_options(options.columns, finished.task)
    sets = {role: _load_records(file, columns, role) for role, file in real_files.items()}
    with closing(PredictionCache(folder)) as cache, Journal(folder) as journal:
        recipe = recipe or recipe_of_run(folder, finished.manifest)
        if recipe is None:
            options.log(NO_RECIPE)
            real = _real_sets(sets, folder)
            evaluation = evaluate(*_without_recipe(finished, real, cache, journal, options))
            return replace(evaluation, notes=[*evaluation.notes, NO_RECIPE])
        sources = read_sources(recipe)
        if recipe.evaluate is not None:
            sets = {**real_sets(recipe, sources).by_name(), **sets}
            options = replace(
                options,
                full=options.full or recipe.evaluate.full,
                ordinal=options.ordinal or recipe.evaluate.ordinal,
                classifier=options.classifier or _own_file(recipe),
            )
        context = make_context(recipe, sources, journal)
        real = _real_sets(sets, folder)
        return evaluate(*_with_recipe(recipe, context, finished.synthetic, real, cache, options, finished.origins))


def evaluate_texts(
    texts: Path | list[Record],
    real_files: RealFiles,
    options: EvaluationOptions,
    *,
    labels: Sequence[str],
    folder: Path,
) -> Evaluation:
    """Evaluate the labelled texts of a file, or labelled records.

    `labels` gives the order of the labels (empty: the order in which they occur); `folder` gets the prediction cache.
    """
    require_extra("embed", "sklearn", why="evaluate")
    path = texts if isinstance(texts, Path) else Path("rows")
    columns = source_options(options.columns)
    synthetic = SyntheticSet(path.stem, _load_records(texts, columns, "selected"))
    sets = {role: _load_records(file, columns, role) for role, file in real_files.items()}
    multi_label = any(len(row.labels) > 1 for rows in (synthetic.selected, *sets.values()) for row in rows)
    with closing(PredictionCache(folder)) as cache:
        plan = EvaluationPlan(
            Embedder(BUNDLED_EMBEDDER, cache).embed,
            BUNDLED_EMBEDDER,
            cache,
            FileTexts(fields=tuple(columns.get("fields", {}))),
            labels=labels,
            multi_label=multi_label,
            full=options.full,
            ordinal=options.ordinal,
            own=options.own,
            log=options.log,
        )
        return evaluate(synthetic, _real_sets(sets, path), plan)


def evaluate_path(
    path: Path, arguments: Mapping[str, Path | str | None], *, full: bool, ordinal: bool, log: Callable[[str], None]
) -> Evaluation:
    """Evaluate the folder of a run or a file of texts, with the arguments of the command line.

    `arguments` are the files of real rows (train, test, dev, all_rows), the names of columns (text, label), the file of
    a `classifier`, and for a file the order of its `labels` (`a,b,c` or a file of them); None values are ignored.
    Raises UsageError where there is no such run or file, where there are no test rows, and where an ordinal evaluation
    has no order of the labels.
    """
    limit_threads()
    real_files: RealFiles = {
        role: Path(str(arguments[name])) for name, role in ROLES.items() if arguments.get(name) is not None
    }
    columns = {name: str(arguments[name]) for name in ("text", "label") if arguments.get(name) is not None}
    own = arguments.get("classifier")
    options = EvaluationOptions(columns, full, ordinal, log, None if own is None else Path(own))
    label_order = arguments.get("labels")
    if path.is_dir():
        if label_order is not None:
            raise UsageError(f"{path}: --labels is for a file of texts; the labels of a run are its recipe's")
        return evaluate_run_folder(path, real_files, options)
    if ordinal and label_order is None:
        raise UsageError(f"{path}: --ordinal needs the order of the labels; give it with --labels lowest,…,highest")
    labels = list(read_labels(str(label_order))) if label_order is not None else []
    return evaluate_texts(path, real_files, options, labels=labels, folder=cache_folder())


def fitted_weight(recipe: Recipe, evaluation: Evaluation) -> float | None:
    """Return the fitted weight of a synthetic text for the classifier that the recipe names, else for the better one.

    The better one has the lower loss on the seeds alone. A classifier of the user's own has no fitted weight.
    """
    named = recipe.evaluate.classifier if recipe.evaluate else None
    weights = evaluation.sample_weights
    fitted = weights.get(named if named is not None and named in weights else better_on_seeds(weights))
    return None if fitted is None else fitted.weight


def save_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write an evaluation to the folder of its run, and add it to the card of the run's data set."""
    from textsynth.report.card_figures import write_evaluation_and_card  # only saved evaluations need the report

    write_evaluation_and_card(folder, as_json(evaluation))


def _own_file(recipe: Recipe) -> Path | None:
    """Return the file of the user's own classifier that the recipe's `evaluate` section names."""
    named = recipe.evaluate.classifier if recipe.evaluate else None
    return recipe.base / named if named is not None and named.startswith("./") else None


def real_sets(recipe: Recipe, sources: Mapping[str, Sequence[Record]]) -> RealSets:
    """Return the real sets that the recipe's `evaluate` section names."""
    names = recipe.evaluate
    if names is None:
        raise TypeError("real_sets needs a recipe with an `evaluate` section")
    train, dev, all_rows = (list(sources[name]) if name else [] for name in (names.train, names.dev, names.all))
    return RealSets(list(sources[names.test]), train, dev, all_rows)


_Arguments = tuple[SyntheticSet, RealSets, EvaluationPlan]
"""The arguments of `evaluate`."""


def _with_recipe(
    recipe: Recipe,
    context: Context,
    synthetic: SyntheticSet,
    real: RealSets,
    cache: VectorStore,
    options: EvaluationOptions,
    origins: RequestOrigins,
) -> _Arguments:
    """Return the arguments of `evaluate` for the texts of a run; `context` holds the run's sources."""
    filters = [FilterStep(item.name, item.step) for item in recipe.filter]
    trained = ((item.name, item.step) for item in recipe.filter if isinstance(item.step, SeedTrainedFilter))
    synthetic = replace(synthetic, seed_filter=next(trained, None))
    plan = EvaluationPlan(
        context.embed,
        recipe.embedder,
        cache,
        recipe.task,
        labels=list(recipe.labels),
        multi_label=recipe.multi_label,
        ordinal=options.ordinal,
        full=options.full,
        seed=recipe.seed,
        sources=list(recipe.sources),
        texts_without_seeds=leave_seeds_out(synthetic, real.train, context, list(recipe.sources))
        if real.train
        else None,
        ablation_candidates=find_ablation_candidates(filters, synthetic.accepted, synthetic.drops, context),
        origins=origins,
        unlabelled=[row for name in unlabelled_sources(recipe) for row in context.sources[name]],
        own=options.own,
        log=options.log,
    )
    return synthetic, real, plan


def _without_recipe(
    finished: LoadedRun, real: RealSets, cache: VectorStore, vectors: VectorStore, options: EvaluationOptions
) -> _Arguments:
    """Return the arguments of `evaluate` for the texts of a run whose recipe is not available."""
    manifest, multi_label = finished.manifest, finished.multi_label
    embed = Embedder(BUNDLED_EMBEDDER, vectors).embed
    context = Context(finished.task, "en", 0, {}, multi_label, {}, embed, _no_prompt)
    plan = EvaluationPlan(
        embed,
        BUNDLED_EMBEDDER,
        cache,
        finished.task,
        labels=finished.labels,
        multi_label=multi_label,
        ordinal=options.ordinal,
        full=options.full,
        seed=manifest["seed"],
        sources=list(manifest["sources"]),
        texts_without_seeds=leave_seeds_out(finished.synthetic, real.train, context, list(manifest["sources"]))
        if real.train
        else None,
        origins=finished.origins,
        own=options.own,
        log=options.log,
    )
    return finished.synthetic, real, plan


def _sorted_by_id(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.id)


def _real_sets(sets: Mapping[str, Sequence[Record]], path: Path) -> RealSets:
    if not sets.get("test"):
        raise UsageError(f"{path}: no real test rows to score on; give them with --test FILE")
    return RealSets(sets["test"], sets.get("train", ()), sets.get("dev", ()), sets.get("all", ()))


def _load_records(file: Path | list[Record], columns: Mapping[str, object], name: str) -> Sequence[Record]:
    if not isinstance(file, Path):
        return file
    return load_file(file, Rows.model_validate({"path": file, **columns}), name)


def _no_prompt(name: str, model: str) -> NoReturn:
    raise TypeError(f"an evaluation has no prompt {name!r} for {model!r}")
