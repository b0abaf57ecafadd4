"""What a run that has ended hands to the exporter: its records, and everything its card tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textsynth.core.records import Record
from textsynth.evaluate.runner import weight_of
from textsynth.export.card.licenses import conflicts, known_model_licence
from textsynth.export.run_result import About, Given, Outcome, QuotaLine
from textsynth.prompts import find_prompt
from textsynth.recipe import Recipe, named
from textsynth.run.loop import Books
from textsynth.store.manifest import Begun, Licenses

if TYPE_CHECKING:
    from textsynth.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class Ended:
    """A run at its end; `told` is its manifest so far, `identities` are the models asked, by their names.

    `notes` are what a reader of the data set should know, `proof` what the texts are worth on real data.
    """

    books: Books
    selected: Sequence[Record]
    spare: Sequence[Record]
    told: Begun
    identities: Mapping[str, str]
    stopped: str
    sentence: str
    notes: Sequence[str]
    proof: Evaluation | None = None


def outcome_of(recipe: Recipe, ended: Ended) -> Outcome:
    """Return the outcome with its pictures."""
    from textsynth.report.card_figures import pictures  # no request waits for the report

    asked = ended.books.asked
    export, proof, told = recipe.export, ended.proof, ended.told
    outcome = Outcome(
        name=recipe.name,
        task=recipe.task,
        language=recipe.language,
        license=export.license,
        seed=recipe.seed,
        labels=recipe.meanings,
        many=recipe.many,
        splits=export.splits,
        selected=ended.selected,
        spare=ended.spare,
        dropped=ended.books.dropped,
        asked=asked,
        quota=[QuotaLine(row["match"], row["want"], row["selected"]) for row in told["quota"]],
        stopped=ended.stopped,
        sentence=ended.sentence,
        prompts={one.prompt: one.fingerprint for one in asked.values()},
        prompt_texts=_prompt_texts(recipe),
        models=told["models"],
        model_licenses=model_licenses(recipe, ended.identities),
        sources=given_sources(recipe),
        checks=[("filter", item.name) for item in recipe.filter] + [("label", item.name) for item in recipe.label],
        labellers=[item.name for item in recipe.label],
        selector=recipe.select[-1].name if recipe.select else "quota",
        about=About(**{name: getattr(export, name) for name in About.__dataclass_fields__}),
        recipe_text=recipe.text,
        sets=recipe.sets,
        weight=None if proof is None else weight_of(recipe, proof),
        proof=() if proof is None else proof.verdict.sentences,
        gold=ended.books.gold,
        evaluation={} if proof is None else _as_json(proof),
    )
    return replace(outcome, pictures=pictures(outcome))


def given_sources(recipe: Recipe) -> dict[str, Given]:
    """Return the recipe's sources by name, with their licences as the recipe gives them."""
    used = {name for item in recipe.generate for _, name in named(item.step, "source")}
    return {
        name: Given(
            told=str(getattr(source, "path", name)),
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
        known = recipe.export.model_licenses.get(name) or known_model_licence(identity)
        if known is not None:
            found[identity] = known
    return found


def licenses_told(outcome: Outcome) -> Licenses:
    """Return the licences for the manifest: the data set's, those of its sources and models, and what conflicts."""
    given = {name: source.license for name, source in outcome.sources.items() if source.made_from}
    models = {model: outcome.model_licenses.get(model) for model in outcome.models}
    against = conflicts(outcome.license, given)
    return {"license": outcome.license, "sources": given, "models": models, "conflicts": against}


def _prompt_texts(recipe: Recipe) -> dict[str, str]:
    """Return the templates of the recipe's items by their names in passports."""
    found = {}
    for item in (*recipe.generate, *recipe.label):
        model = recipe.models.get(getattr(item.step, "model", ""))
        for _, name in named(item.step, "prompt") if model is not None else ():
            prompt = find_prompt(name, model.form, recipe.base) if model is not None else None
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
