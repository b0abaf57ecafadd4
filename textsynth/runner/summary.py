"""What a run that has ended hands to the exporter: its records, and everything its card tells."""

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
from textsynth.export.run_result import CardMetadata, QuotaStatus, RunResult, SourceInfo
from textsynth.filter.leak import Leak
from textsynth.prompts import find_prompt
from textsynth.recipe import Recipe, references_in
from textsynth.runner.quota import QuotaCell
from textsynth.runner.requester import RequestStats
from textsynth.runner.scheduler import RunState
from textsynth.store.manifest import FORMAT, Counts, DropCount, Licenses, QuotaRow, RunFacts

if TYPE_CHECKING:
    from textsynth.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run at its end; `told` is its manifest so far, `identities` are the models asked, by their names.

    `notes` are what a reader of the data set should know, `proof` what the texts are worth on real data.
    """

    books: RunState
    selected: Sequence[Record]
    spare: Sequence[Record]
    told: RunFacts
    identities: Mapping[str, str]
    stopped: str
    sentence: str
    notes: Sequence[str]
    proof: Evaluation | None = None


def run_result(recipe: Recipe, ended: FinishedRun) -> RunResult:
    """Return the outcome with its pictures."""
    from textsynth.report.card_figures import run_figures  # no request waits for the report

    asked = ended.books.requests
    export, proof, told = recipe.export, ended.proof, ended.told
    outcome = RunResult(
        name=recipe.name,
        task=recipe.task,
        language=recipe.language,
        license=export.license,
        seed=recipe.seed,
        labels=recipe.label_descriptions,
        multi_label=recipe.multi_label,
        splits=export.splits,
        selected=ended.selected,
        surplus=ended.spare,
        dropped=ended.books.dropped,
        requests=asked,
        quota=[QuotaStatus(row["cell"], row["wanted"], row["selected"]) for row in told["quota"]],
        stopped=ended.stopped,
        sentence=ended.sentence,
        prompts={one.prompt: one.fingerprint for one in asked.values()},
        prompt_texts=_prompt_texts(recipe),
        models=told["models"],
        model_licenses=model_licenses(recipe, ended.identities),
        sources=source_infos(recipe),
        checks=[("filter", item.name) for item in recipe.filter] + [("label", item.name) for item in recipe.label],
        labellers=[item.name for item in recipe.label],
        selector=recipe.select[-1].name if recipe.select else "quota",
        metadata=CardMetadata(**{name: getattr(export, name) for name in CardMetadata.__dataclass_fields__}),
        recipe_text=recipe.text,
        overrides=recipe.overrides,
        weight=None if proof is None else fitted_weight(recipe, proof),
        evaluation_sentences=() if proof is None else proof.verdict.sentences,
        calibrations=ended.books.calibrations,
        evaluation={} if proof is None else _as_json(proof),
    )
    return replace(outcome, figures=run_figures(outcome))


def source_infos(recipe: Recipe) -> dict[str, SourceInfo]:
    """Return the recipe's sources by name, with their licences as the recipe gives them."""
    used = {name for item in recipe.generate for _, name in references_in(item.step, "source")}
    return {
        name: SourceInfo(
            description=str(getattr(source, "path", name)),
            hub=_hub_name(source, recipe),
            revision=getattr(source, "revision", None),
            license=recipe.export.source_licenses.get(name),
            made_from=name in used,
        )
        for name, source in recipe.sources.items()
    }


def model_licenses(recipe: Recipe, identities: Mapping[str, str]) -> dict[str, str]:
    """Return what is known of the models' licences, by identity: as the recipe gives them, else as commonly known."""
    found = {}
    for name, identity in identities.items():
        known = recipe.export.model_licenses.get(name) or known_model_license(identity)
        if known is not None:
            found[identity] = known
    return found


def license_summary(outcome: RunResult) -> Licenses:
    """Return the licences for the manifest: the data set's, those of its sources and models, and what conflicts."""
    given = {name: source.license for name, source in outcome.sources.items() if source.made_from}
    models = {model: outcome.model_licenses.get(model) for model in outcome.models}
    against = conflicts(outcome.license, given)
    return {"license": outcome.license, "sources": given, "models": models, "conflicts": against}


def _prompt_texts(recipe: Recipe) -> dict[str, str]:
    """Return the templates of the recipe's items by their names in provenance."""
    found = {}
    for item in (*recipe.generate, *recipe.label):
        model = recipe.models.get(getattr(item.step, "model", ""))
        for _, name in references_in(item.step, "prompt") if model is not None else ():
            prompt = find_prompt(name, model.prompt_mode, recipe.base) if model is not None else None
            if prompt is not None:
                found[prompt.name] = prompt.text
    return found


def _hub_name(source: object, recipe: Recipe) -> str | None:
    """Return the repository of a source of the Hub; None for files, and for folders that are read in its way."""
    if type(source).__name__ != "Hub":
        return None
    path = str(getattr(source, "path", ""))
    return None if (recipe.base / path).is_dir() else path


def _as_json(proof: Evaluation) -> dict[str, Any]:
    from textsynth.evaluate import as_json

    return as_json(proof)


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


def quota_table(
    lines: Sequence[QuotaCell], selected: Mapping[int, int], dropped: Sequence[DroppedRecord]
) -> list[QuotaRow]:
    """Return a row a line: match, want, selected, missing, and for missing texts the commonest reasons of drops."""
    rows: list[QuotaRow] = []
    for place, line in enumerate(lines):
        missing = max(0, line.wanted - selected[place])
        why: Counter[tuple[str, str]] = Counter()
        if missing:
            why.update((drop.step, reason_category(drop.reason)) for drop in dropped if line.counts(drop.record))
        rows.append(
            {
                "cell": dict(line.values),
                "wanted": line.wanted,
                "selected": selected[place],
                "missing": missing,
                "reasons": [
                    {"step": item, "reason": reason, "count": count}
                    for (item, reason), count in why.most_common(REASONS_A_CELL)
                ],
            }
        )
    return rows


def initial_manifest(
    recipe: Recipe,
    books: RunState,
    tally: RequestStats,
    *,
    quota: Sequence[QuotaRow],
    selected: int,
    folder: Path,
) -> RunFacts:
    """Return what is known before the data set is written: everything but licences, splits, notes and times.

    `selected` counts the selected texts; the recipe's path is told from the run's `folder`, so that both can move
    together.
    """
    told: RunFacts = {
        "version": FORMAT,
        "name": recipe.name,
        "task": recipe.task,
        "seed": recipe.seed,
        "recipe": {
            "name": recipe.path.name,
            "hash": recipe.hash,
            "path": os.path.relpath(recipe.path, folder),
            "sets": list(recipe.overrides),
            "text": recipe.text,
        },
        "labels": recipe.label_descriptions,
        "sources": {name: _source(source) for name, source in recipe.sources.items()},
        "checked_for_leaks": [item.step.source for item in recipe.filter if isinstance(item.step, Leak)],
        "versions": versions(),
        "models": sorted({one.model for one in books.requests.values()}),
        "engines": _engines(books),
        "counts": _counts(books, selected),
        "drops": _drops(books),
        "quota": list(quota),
        "requests": {
            "planned": len(books.requests),
            "sent": tally.sent,
            "from_journal": tally.from_journal,
            "failed": tally.failed,
        },
        "tokens": {"prompt": tally.prompt_tokens, "completion": tally.completion_tokens},
    }
    if books.calibrations:
        told["calibration"] = books.calibrations
    return told


def _counts(books: RunState, selected: int) -> Counts:
    review = sum(drop.section == "review" for drop in books.dropped)
    return {
        "candidates": books.candidates,
        "accepted": len(books.accepted),
        "dropped": len(books.dropped) - review,
        "review": review,
        "windows": books.windows,
        "selected": selected,
        "surplus": len(books.accepted) - selected,
    }


def _drops(books: RunState) -> list[DropCount]:
    """Return a row for each reason of each item, the commonest first."""
    return [
        {"section": section, "step": item, "reason": reason, "count": count}
        for (section, item, reason), count in sorted(books.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _source(source: Source) -> dict[str, str]:
    """Return what a source reads: its path, and of a data set config, split and the commit of the revision."""
    told = {field: getattr(source, field, None) for field in ("path", "config", "split", "revision")}
    return {field: str(value) for field, value in told.items() if value is not None}


def _engines(books: RunState) -> dict[str, list[str]]:
    """Return the engines and versions that answered, by the model's identity; models whose engine told none are not."""
    found: dict[str, set[str]] = {}
    for one in books.requests.values():
        if one.engine:
            found.setdefault(one.model, set()).add(one.engine)
    return {model: sorted(engines) for model, engines in sorted(found.items())}
