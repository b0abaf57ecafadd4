"""Looks for label errors among all accepted texts of a run, before the selection (evaluate/label_errors.py).

Texts that rewrite the same text, and texts with the same normal form, are in one fold, so that no classifier has seen a
copy of the text that it judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from textsynth.core.formatting import format_percent, pluralize
from textsynth.core.label_error_summary import LabelConfusion, LabelErrorSummary
from textsynth.core.protocols import Context, ErrorFindingLabeller
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Record
from textsynth.evaluate.label_errors import cross_fitted_probabilities
from textsynth.recipe import Recipe
from textsynth.recipe.context import no_embeddings
from textsynth.similarity.confident_learning import LabelErrors, find_errors
from textsynth.text.normalize import normal_form

MIN_TEXTS = 20
MAX_CONFUSIONS = 20
DECIMALS = 4
REASON = "the label is probably wrong"


@dataclass(slots=True)
class ErrorResult:
    """The accepted texts with their scores, those that are not accepted any more, and the summaries by step."""

    accepted: list[Record]
    dropped: list[DroppedRecord] = field(default_factory=list)
    summaries: dict[str, LabelErrorSummary] = field(default_factory=dict)


def find_label_errors(recipe: Recipe, context: Context, accepted: Sequence[Record]) -> ErrorResult:
    """Return the accepted texts after every labeller of the recipe that looks for label errors, in their order.

    A text that a person has decided on keeps its place, whatever its score.
    """
    result = ErrorResult(list(accepted))
    for item in recipe.label:
        if isinstance(item.step, ErrorFindingLabeller):
            _apply(item.name, item.step, context, result)
    return result


def _apply(name: str, step: ErrorFindingLabeller, context: Context, result: ErrorResult) -> None:
    labels = {label: code for code, label in enumerate(context.labels)}
    records = result.accepted
    counts = Counter(record.label for record in records)
    if len(records) < MIN_TEXTS or len(counts) < 2:
        reason = f"{pluralize(len(records), 'text')} with {pluralize(len(counts), 'label')}"
        result.summaries[name] = {
            "texts": len(records),
            "errors": 0,
            "checked": False,
            "confusions": [],
            "sentence": f"{name}: not checked, as it needs {MIN_TEXTS} texts and two labels: {reason}",
        }
        return
    label_errors = _find(step, context, records, [labels[record.labels[0]] for record in records])
    names = list(labels)
    confusions: Counter[tuple[str, str]] = Counter()
    accepted: list[Record] = []
    errors = 0
    for index, record in enumerate(records):
        score = round(1 - float(label_errors.quality[index]), DECIMALS)
        scored = record.with_scores({name: score})
        suggested = names[int(label_errors.suggested[index])]
        if label_errors.errors[index]:
            errors += 1
            confusions[record.labels[0], suggested] += 1
        if label_errors.errors[index] and step.error_outcome != "keep" and REVIEW_DECISION not in record.fields:
            fields = {**record.fields, "chosen_label": suggested, "intended_label": record.labels[0]}
            disputed = Record(scored.text, scored.provenance, scored.labels, fields, scored.scores)
            section = "review" if step.error_outcome == "review" else "label"
            reason = f"{REASON}; the classifiers of the other texts predict: {suggested}"
            result.dropped.append(DroppedRecord(disputed, section, name, reason, score))
        else:
            accepted.append(scored)
    result.accepted = accepted
    frequent: list[LabelConfusion] = [
        {"label": label, "suggested": suggested, "texts": count}
        for (label, suggested), count in sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
    ]
    result.summaries[name] = {
        "texts": len(records),
        "errors": errors,
        "checked": True,
        "confusions": frequent[:MAX_CONFUSIONS],
        "sentence": (
            f"{name}: {pluralize(errors, 'label')} of {len(records):,} ({format_percent(errors / len(records))})"
            " probably wrong, by classifiers of the other accepted texts"
        ),
    }


def _find(step: ErrorFindingLabeller, context: Context, records: Sequence[Record], codes: Sequence[int]) -> LabelErrors:
    import numpy as np

    from textsynth.evaluate.classifiers import Classifiers

    classifiers = Classifiers(
        [context.task.texts(record) for record in records],
        len(context.labels),
        multi_label=False,
        embed=context.embed,
        embedder="",
        cache=no_embeddings(),
    )
    targets = np.array(codes, dtype=np.int64)
    probabilities = cross_fitted_probabilities(
        classifiers, targets, list(map(_group, records)), seed=context.seed, names=step.error_classifiers
    )
    return find_errors(probabilities, targets)


def _group(record: Record) -> object:
    """Return what the texts of one fold have in common: the text that they rewrite, else the normal form."""
    parents = record.provenance.parent_ids
    return parents[0] if parents else normal_form(record.text)
