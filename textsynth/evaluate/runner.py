"""Proof on real data: a recipe's `evaluate`, and `textsynth evaluate` for a finished run or a file of texts.

A run is proved with all it knows: what each check dropped is put back in turn, and the weight is fitted with the texts
that do not know the held-out seeds. A file's texts are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from textsynth.core.errors import UsageError, require_extra
from textsynth.core.protocols import Context
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.resources import limit_threads
from textsynth.filter.agreement import Agreement
from textsynth.recipe import Recipe, read_recipe
from textsynth.recipe.init import read_labels
from textsynth.recipe.pinning import pinned_as_run
from textsynth.similarity.embedder import BUNDLED_EMBEDDER
from textsynth.sources.rows import Rows
from textsynth.store.evaluation import write_evaluation
from textsynth.store.journal import Journal
from textsynth.store.manifest import Manifest

if TYPE_CHECKING:
    from textsynth.evaluate.data import RealSets, SyntheticSet
    from textsynth.evaluate.evaluate import Embed, Evaluation
    from textsynth.evaluate.load import LoadedRun
    from textsynth.similarity.embedder import VectorStore

ROLES = {"train": "train", "test": "test", "dev": "dev", "all": "whole"}
NO_RECIPE = (
    "the run's recipe is not where it was, or has changed: what each check earned is not measured, and the weight is "
    "fitted on the texts as they were selected"
)
Say = Callable[[str], None]


def evaluate_texts(
    recipe: Recipe,
    context: Context,
    synthetic: SyntheticSet,
    real: RealSets,
    memory: VectorStore,
    say: Say,
    *,
    full: bool,
    ordinal: bool,
) -> Evaluation:
    """Return what a run's texts are worth; `context` holds its sources. Raises UsageError for unusable sets."""
    from textsynth.evaluate import EvaluationPlan, evaluate, leave_seeds_out
    from textsynth.evaluate.ablation import FilterStep, readmit_without

    require_extra("embed", "sklearn", why="evaluate")
    checks = [FilterStep(item.name, item.step) for item in recipe.filter]
    own = next(((item.name, item.step) for item in recipe.filter if isinstance(item.step, Agreement)), None)
    synthetic = replace(synthetic, agreement=own)
    plan = EvaluationPlan(
        context.embed,
        recipe.embedder,
        memory,
        labels=list(recipe.labels),
        multi_label=recipe.multi_label,
        ordinal=ordinal,
        full=full,
        seed=recipe.seed,
        knowing=leave_seeds_out(synthetic, real.train, context, list(recipe.sources)) if real.train else None,
        readmitted=readmit_without(checks, synthetic.accepted, synthetic.drops, context),
        say=say,
    )
    return evaluate(synthetic, real, plan)


def evaluate_run(
    recipe: Recipe,
    context: Context,
    ends: tuple[Sequence[Record], Sequence[Record], Sequence[DroppedRecord]],
    folder: Path,
    say: Say,
) -> Evaluation:
    """Return what the texts of a run that is about to end are worth; `ends` are the selected, spare and dropped.

    Raises UsageError where they cannot be scored, as when none was selected.
    """
    from textsynth.evaluate import SyntheticSet
    from textsynth.evaluate.cache import PredictionCache
    from textsynth.evaluate.load import NO_TEXT

    wanted = recipe.evaluate
    if wanted is None:
        raise TypeError("a recipe without `evaluate` is not evaluated")
    # in the order in which the run's folder has them: what is drawn at random is drawn alike from both
    selected, spare = (sorted(records, key=lambda one: one.id) for records in ends[:2])
    dropped = sorted(ends[2], key=lambda one: one.record.id)
    texts = [drop for drop in dropped if drop.section not in NO_TEXT and drop.record.labels]
    synthetic = SyntheticSet(recipe.name, selected, spare, texts)
    with closing(PredictionCache(folder)) as memory:
        real = real_of(recipe, context.sources)
        return evaluate_texts(recipe, context, synthetic, real, memory, say, full=wanted.full, ordinal=wanted.ordinal)


def weight_of(recipe: Recipe, found: Evaluation) -> float | None:
    """Return the fitted weight of a synthetic text for the classifier that the recipe names, else the better one."""
    kind = (recipe.evaluate.classifier if recipe.evaluate else None) or found.main
    return found.weights[kind].weight if kind in found.weights else None


def write_results(folder: Path, found: Evaluation) -> None:
    """Keep what an evaluation found in the folder of its run, and tell it on the card of its data set."""
    from textsynth.evaluate import as_json
    from textsynth.report.card_figures import update_card

    told = as_json(found)
    write_evaluation(folder, told)
    update_card(folder, told)


def real_of(recipe: Recipe, sources: Mapping[str, Sequence[Record]]) -> RealSets:
    """Return the real sets that the recipe's `evaluate` names."""
    from textsynth.evaluate import RealSets

    wanted = recipe.evaluate
    if wanted is None:
        raise TypeError("a recipe without `evaluate` names no real sets")
    train, dev, whole = (list(sources[name]) if name else [] for name in (wanted.train, wanted.dev, wanted.all))
    return RealSets(list(sources[wanted.test]), train, dev, whole)


def evaluate_target(
    what: Path, given: Mapping[str, Path | str | None], *, full: bool, ordinal: bool, say: Say
) -> Evaluation:
    """Return what a run's folder or a file of texts is worth.

    `given` are real sets by role (train, test, dev, whole), the names of columns (text, label), and for a file the
    order of its `labels` (`a,b,c` or a file of them); what is None is left out. Raises UsageError where there is no
    such run or file, no test rows, or no order for an ordinal evaluation.
    """
    from textsynth.core.paths import cache_folder

    limit_threads()
    files: dict[str, Path | list[Record]] = {
        role: Path(str(given[name])) for role, name in ROLES.items() if given.get(name) is not None
    }
    columns = {name: given[name] for name in ("text", "label") if given.get(name) is not None}
    told = given.get("labels")
    if what.is_dir():
        if told is not None:
            raise UsageError(f"{what}: --labels is for a file of texts; the labels of a run are its recipe's")
        return evaluate_run_folder(what, files, columns=columns, full=full, ordinal=ordinal, say=say)
    if ordinal and told is None:
        raise UsageError(f"{what}: --ordinal needs the order of the labels; give it with --labels lowest,…,highest")
    labels = list(read_labels(str(told))) if told is not None else []
    return evaluate_file(
        what, files, columns=columns, labels=labels, memory=cache_folder(), full=full, ordinal=ordinal, say=say
    )


def evaluate_run_folder(
    folder: Path,
    files: Mapping[str, Path | list[Record]],
    *,
    columns: Mapping[str, object],
    full: bool,
    ordinal: bool,
    say: Say,
    recipe: Recipe | None = None,
) -> Evaluation:
    """Return what a finished run's texts are worth, kept beside them for the next time.

    `files` are real sets by role (train, test, dev, all), as files or as rows; roles that are left out are those of the
    recipe's `evaluate`. `recipe` is looked for where the run had it, unless it is given.
    """
    from textsynth.evaluate.cache import PredictionCache
    from textsynth.evaluate.load import read_run

    require_extra("embed", "sklearn", why="evaluate")
    finished = read_run(folder)
    given: dict[str, Sequence[Record]] = {role: _read(path, columns, role) for role, path in files.items()}
    with closing(PredictionCache(folder)) as memory, Journal(folder) as journal:
        recipe = recipe or _recipe_of(folder, finished.manifest)
        if recipe is None:
            say(NO_RECIPE)
            return _prove_alone(finished, _real(given, folder), memory, journal, say, full=full, ordinal=ordinal)
        from textsynth.recipe.context import make_context, read_sources

        sources = read_sources(recipe)
        if recipe.evaluate is not None:
            own = real_of(recipe, sources)
            given = {**own.named(), **given}
            full, ordinal = full or recipe.evaluate.full, ordinal or recipe.evaluate.ordinal
        context = make_context(recipe, sources, journal)
        return evaluate_texts(
            recipe, context, finished.synthetic, _real(given, folder), memory, say, full=full, ordinal=ordinal
        )


def _prove_alone(
    finished: LoadedRun, real: RealSets, memory: VectorStore, store: VectorStore, say: Say, *, full: bool, ordinal: bool
) -> Evaluation:
    """Return what the texts of a run are worth without its recipe, and say so in the notes."""
    from textsynth.evaluate import EvaluationPlan, evaluate, leave_seeds_out

    manifest, multi_label = finished.manifest, finished.multi_label
    embed = _embedder(BUNDLED_EMBEDDER, store)
    context = Context(finished.task, "en", 0, {}, multi_label, {}, embed, _no_prompt)
    plan = EvaluationPlan(
        embed,
        BUNDLED_EMBEDDER,
        memory,
        labels=finished.labels,
        multi_label=multi_label,
        ordinal=ordinal,
        full=full,
        seed=manifest["seed"],
        knowing=leave_seeds_out(finished.synthetic, real.train, context, list(manifest["sources"]))
        if real.train
        else None,
        say=say,
    )
    found = evaluate(finished.synthetic, real, plan)
    return replace(found, notes=[*found.notes, NO_RECIPE])


def evaluate_file(
    path: Path | list[Record],
    files: Mapping[str, Path | list[Record]],
    *,
    columns: Mapping[str, object],
    labels: Sequence[str],
    memory: Path,
    full: bool,
    ordinal: bool,
    say: Say,
) -> Evaluation:
    """Return what the labelled texts of a file, or such rows, are worth.

    `labels` gives their order ([]: as they come); `memory` is the folder for what was computed.
    """
    from textsynth.evaluate import EvaluationPlan, SyntheticSet, evaluate
    from textsynth.evaluate.cache import PredictionCache

    require_extra("embed", "sklearn", why="evaluate")
    where = path if isinstance(path, Path) else Path("rows")
    synthetic = SyntheticSet(where.stem, _read(path, columns, "selected"))
    given = {role: _read(one, columns, role) for role, one in files.items()}
    multi_label = any(len(row.labels) > 1 for rows in (synthetic.selected, *given.values()) for row in rows)
    with closing(PredictionCache(memory)) as kept:
        embed = _embedder(BUNDLED_EMBEDDER, kept)
        plan = EvaluationPlan(
            embed, BUNDLED_EMBEDDER, kept, labels=labels, multi_label=multi_label, full=full, ordinal=ordinal, say=say
        )
        return evaluate(synthetic, _real(given, where), plan)


def _real(given: Mapping[str, Sequence[Record]], where: Path) -> RealSets:
    from textsynth.evaluate import RealSets

    if not given.get("test"):
        raise UsageError(f"{where}: no real test rows to score on; give them with --test FILE")
    return RealSets(given["test"], given.get("train", ()), given.get("dev", ()), given.get("all", ()))


def _read(path: Path | list[Record], columns: Mapping[str, object], role: str) -> list[Record]:
    from textsynth.evaluate.load import read_file

    if not isinstance(path, Path):
        return path
    return read_file(path, Rows.model_validate({"path": path, **columns}), role)


def _recipe_of(folder: Path, manifest: Manifest) -> Recipe | None:
    """Return the run's recipe if its file is still there and says the same, else None."""
    told = manifest["recipe"]
    path = folder / told["path"]
    if not path.is_file():
        return None
    try:
        recipe = read_recipe(path, told["sets"])
    except UsageError:
        return None
    return pinned_as_run(recipe, manifest["sources"]) if recipe.hash == told["hash"] else None


def _embedder(name: str, store: VectorStore) -> Embed:
    from textsynth.similarity.embedder import Embedder

    return Embedder(name, store).embed


def _no_prompt(name: str, model: str) -> NoReturn:
    raise TypeError(f"an evaluation has no prompt {name!r} for {model!r}")
