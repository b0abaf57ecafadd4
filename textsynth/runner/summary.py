"""The summary of a finished run: the result for the exporter, with everything its card needs, and the manifest."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.core.protocols import Source
from textsynth.core.records import DroppedRecord, Record, reason_category
from textsynth.core.version import __version__
from textsynth.evaluate.runner import fitted_weight
from textsynth.export.card.licenses import conflicts, known_model_license
from textsynth.export.outcome_counts import count_outcomes
from textsynth.export.run_result import CardMetadata, CheckInfo, QuotaStatus, RunResult, SourceInfo
from textsynth.prompts import find_prompt
from textsynth.recipe import Recipe, references_in
from textsynth.recipe.balance import balanced_steps
from textsynth.runner.quota import CellIndex, QuotaCell
from textsynth.runner.requester import RequestStats
from textsynth.runner.run_state import RunState
from textsynth.store.manifest import FORMAT, Counts, DropCount, Licenses, QuotaRow, RunFacts

if TYPE_CHECKING:
    from textsynth.evaluate import Evaluation

MAX_REASONS_PER_CELL = 3
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


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run whose data set is not written yet.

    `manifest` is the part of the manifest that is known already; `identities` are the models' identities by their names
    in the recipe; `notes` are sentences for readers of the data set; `evaluation` is the result on real data.
    """

    state: RunState
    selected: Sequence[Record]
    surplus: Sequence[Record]
    manifest: RunFacts
    identities: Mapping[str, str]
    stopped: str
    sentence: str
    notes: Sequence[str]
    evaluation: Evaluation | None = None


def run_result(recipe: Recipe, finished: FinishedRun) -> RunResult:
    """Return the result with the figures of its card."""
    from textsynth.report.card_figures import run_figures  # no request waits for the report

    requests = finished.state.requests
    evaluation, manifest = finished.evaluation, finished.manifest
    result = replace(
        empty_result(recipe),
        selected=finished.selected,
        surplus=finished.surplus,
        dropped=finished.state.dropped,
        requests=requests,
        quota=[QuotaStatus(row["cell"], row["wanted"], row["selected"]) for row in manifest["quota"]],
        stopped=finished.stopped,
        sentence=finished.sentence,
        prompts={request.prompt: request.fingerprint for request in requests.values()},
        prompt_texts=_prompt_texts(recipe),
        models=manifest["models"],
        model_licenses=model_licenses(recipe, finished.identities),
        checks=_checks(recipe),
        labellers=[item.name for item in recipe.label],
        selector=recipe.select[-1].name if recipe.select else "quota",
        weight=None if evaluation is None else fitted_weight(recipe, evaluation),
        real_steps=balanced_steps(recipe),
        evaluation_sentences=() if evaluation is None else evaluation.verdict.sentences,
        calibrations=finished.state.calibrations,
        evaluation={} if evaluation is None else _as_json(evaluation),
        label_losses=[loss["sentence"] for loss in manifest.get("label_losses", ())],
        origins={item.name: item.step.text_origin for item in recipe.generate if not item.step.needs_model},
        outcome_counts=count_outcomes(recipe.task, finished.selected, finished.surplus, finished.state.reasons),
    )
    return replace(result, figures=run_figures(result))


def empty_result(recipe: Recipe) -> RunResult:
    """Return what the recipe says of the result of a run, without texts."""
    export = recipe.export
    return RunResult(
        name=recipe.name,
        task=recipe.task,
        language=recipe.language,
        license=export.license,
        seed=recipe.seed,
        labels=recipe.label_descriptions,
        multi_label=recipe.multi_label,
        splits=export.splits,
        selected=(),
        confidence_steps=recipe.confidence_steps,
        sources=source_infos(recipe),
        metadata=CardMetadata(**{name: getattr(export, name) for name in CardMetadata.__dataclass_fields__}),
        recipe_text=recipe.text,
        overrides=recipe.overrides,
        secrets=recipe.secrets,
    )


def source_infos(recipe: Recipe) -> dict[str, SourceInfo]:
    """Return the recipe's sources by name, with their licenses as the recipe states them."""
    written_from = {name for item in recipe.generate for _, name in references_in(item.step, "source")}
    return {
        name: SourceInfo(
            description=source.origin.path or name,
            hub=_hub_repository(source, recipe),
            revision=source.origin.revision,
            license=recipe.export.source_licenses.get(name),
            made_from=name in written_from,
        )
        for name, source in recipe.sources.items()
    }


def model_licenses(recipe: Recipe, identities: Mapping[str, str]) -> dict[str, str]:
    """Return the models' licenses by identity: as the recipe states them, else as they are commonly known."""
    licenses: dict[str, str] = {}
    for name, identity in identities.items():
        license_id = recipe.export.model_licenses.get(name) or known_model_license(identity)
        if license_id is not None:
            licenses[identity] = license_id
    return licenses


def license_summary(result: RunResult) -> Licenses:
    """Return the licenses for the manifest: of the data set, its sources and its models, and their conflicts."""
    sources = {name: source.license for name, source in result.sources.items() if source.made_from}
    return {
        "license": result.license,
        "sources": sources,
        "models": {model: result.model_licenses.get(model) for model in result.models},
        "conflicts": conflicts(result.license, sources),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages on which the result depends; packages that are not installed are left out."""
    installed = {"textsynth": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def quota_table(
    cells: Sequence[QuotaCell], selected: Mapping[int, int], dropped: Sequence[DroppedRecord]
) -> list[QuotaRow]:
    """Return one row per cell; a cell that lacks texts gets the commonest reasons why its candidates were dropped.

    `selected` maps the index of a cell to the number of its selected texts.
    """
    missing = [max(0, cell.wanted - selected[index]) for index, cell in enumerate(cells)]
    reasons: list[Counter[tuple[str, str]]] = [Counter() for _ in cells]
    if any(missing):
        cell_index = CellIndex(cells)
        for drop in dropped:
            for index in cell_index.find(drop.record):
                if missing[index]:
                    reasons[index][drop.step, reason_category(drop.reason)] += 1
    rows: list[QuotaRow] = []
    for index, cell in enumerate(cells):
        rows.append(
            {
                "cell": dict(cell.values),
                "wanted": cell.wanted,
                "selected": selected[index],
                "missing": missing[index],
                "reasons": [
                    {"step": step, "reason": reason, "count": count}
                    for (step, reason), count in reasons[index].most_common(MAX_REASONS_PER_CELL)
                ],
            }
        )
    return rows


def initial_manifest(
    recipe: Recipe,
    state: RunState,
    stats: RequestStats,
    *,
    quota: Sequence[QuotaRow],
    selected: int,
    folder: Path,
) -> RunFacts:
    """Return the manifest without what is known only once the data set is written: licenses, splits, notes and times.

    `selected` is the number of selected texts. The recipe's path is relative to the run's `folder`, so that both can be
    moved together.
    """
    manifest: RunFacts = {
        "version": FORMAT,
        "name": recipe.name,
        "task": recipe.task_name,
        "task_options": recipe.task.as_recipe(),
        "seed": recipe.seed,
        "recipe": {
            "name": recipe.path.name,
            "hash": recipe.hash,
            "path": os.path.relpath(recipe.path, folder),
            "sets": list(recipe.overrides),
            "text": recipe.text,
        },
        "labels": recipe.label_descriptions,
        "sources": {name: _source_values(source) for name, source in recipe.sources.items()},
        "checked_for_leaks": recipe.contamination_sources,
        "versions": versions(),
        "models": sorted({request.model for request in state.requests.values()}),
        "engines": _engines(state),
        "counts": _counts(state, selected),
        "drops": _drop_counts(state),
        "quota": list(quota),
        "requests": {
            "planned": len(state.requests),
            "sent": stats.sent,
            "from_journal": stats.from_journal,
            "failed": stats.failed,
        },
        "tokens": {"prompt": stats.prompt_tokens, "completion": stats.completion_tokens},
    }
    costs = state.costs.rows(frozenset(item.name for item in recipe.generate))
    if costs:
        manifest["costs"] = costs
    if state.calibrations:
        manifest["calibration"] = state.calibrations
    if state.judges:
        manifest["judges"] = state.judges
    return manifest


def _prompt_texts(recipe: Recipe) -> dict[str, str]:
    """Return the prompt templates of generators and labellers by their names in the provenance."""
    texts: dict[str, str] = {}
    for item in (*recipe.generate, *recipe.label):
        models = [recipe.models[name] for _, name in references_in(item.step, "model")]
        for _, name in references_in(item.step, "prompt") if models else ():
            prompt = find_prompt(name, models[0].prompt_mode, recipe.base)
            texts[prompt.name] = prompt.text
    return texts


def _hub_repository(source: Source, recipe: Recipe) -> str | None:
    """Return the Hub repository of a source; None for files, and for a local folder in place of a repository."""
    repository = source.origin.repository
    return None if repository is None or (recipe.base / repository).is_dir() else repository


def _checks(recipe: Recipe) -> list[CheckInfo]:
    """Return the recipe's filters and labellers, in order."""
    filters = [CheckInfo("filter", item.name, item.step.looks_for) for item in recipe.filter]
    return [*filters, *(CheckInfo("label", item.name) for item in recipe.label)]


def _as_json(evaluation: Evaluation) -> dict[str, Any]:
    from textsynth.evaluate import as_json

    return as_json(evaluation)


def _counts(state: RunState, selected: int) -> Counts:
    review = sum(count for (section, _, _), count in state.reasons.items() if section == "review")
    return {
        "candidates": state.candidates,
        "accepted": len(state.accepted),
        "dropped": len(state.dropped) - review,
        "review": review,
        "windows": state.windows,
        "selected": selected,
        "surplus": len(state.accepted) - selected,
    }


def _drop_counts(state: RunState) -> list[DropCount]:
    """Return one row per step and reason, the commonest first; ties in alphabetical order."""
    return [
        {"section": section, "step": step, "reason": reason, "count": count}
        for (section, step, reason), count in sorted(state.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _source_values(source: Source) -> dict[str, str]:
    """Return the origin of a source as the manifest shows it; what is not known is left out."""
    origin = source.origin
    values = {"path": origin.path, "config": origin.config, "split": origin.split, "revision": origin.revision}
    return {name: value for name, value in values.items() if value is not None}


def _engines(state: RunState) -> dict[str, list[str]]:
    """Return the engines that answered, with their versions, by the model's identity, where the engine states them."""
    engines: dict[str, set[str]] = {}
    for request in state.requests.values():
        if request.engine:
            engines.setdefault(request.model, set()).add(request.engine)
    return {model: sorted(names) for model, names in sorted(engines.items())}
