"""The card's intended use, what is out of scope, and the known limitations, with the numbers that were measured."""

from __future__ import annotations

from collections.abc import Iterator

from textsynth.core.formatting import format_percent, waiting_for_review
from textsynth.core.protocols import TextOrigin
from textsynth.export.card.calibration import calibration_limitations
from textsynth.export.card.counts import review_counts
from textsynth.export.card.evaluation import NOT_MEASURED, harm_before_gain
from textsynth.export.card.markdown import bullets, escape, first_few
from textsynth.export.run_result import RunResult

LOW_CONFIDENCE = 0.5
# What the card states about every data set: whether a check looked for it.
TOPICS = ("personal data", "harmful content")


def intended_use(result: RunResult) -> str:
    """Return the intended use, the author's or else the task's, and what is out of scope."""
    metadata = result.metadata
    use = result.task.intended_use if metadata.intended_use is None else escape(metadata.intended_use)
    lines = [f"Intended: {use}"]
    if result.model_generated:
        lines.append("Out of scope: measuring how good a model is, and taking what a text says as a fact.")
    if result.labels:
        reviewed = review_counts(result)
        review = f"of which people have reviewed {reviewed}" if reviewed else "which no person has set"
        lines.append(f"Out of scope: deciding about a person by these labels, {review}.")
    if metadata.out_of_scope is not None:
        lines.append(f"Out of scope: {escape(metadata.out_of_scope)}")
    return bullets(lines)


def limitations(result: RunResult) -> str:
    """Return the known limitations, those measured on real data first."""
    measured = harm_before_gain(result.evaluation) if result.evaluation else _not_measured(result)
    return bullets([*measured, *_check_limitations(result), *_origin_limitations(result)])


def _not_measured(result: RunResult) -> Iterator[str]:
    if result.labels and result.selected:
        yield NOT_MEASURED


def _check_limitations(result: RunResult) -> Iterator[str]:
    for step, values in result.counts.scores.items():
        low = sum(value < LOW_CONFIDENCE for value in values) if step in result.confidence_steps else 0
        if low:
            share = format_percent(low / len(values))
            yield f"{share} of the texts have a confidence under .5 by {escape(step)} ({low} of {len(values)})."
    yield from calibration_limitations(result)
    short = [cell for cell in result.quota if cell.missing]
    if short:
        listed = first_few([f"{escape(cell.name)} ({cell.selected} of {cell.wanted})" for cell in short])
        yield f"{len(short)} of {len(result.quota)} quota cells have fewer texts than requested: {listed}."
    yield from map(escape, (f"{sentence}." for sentence in result.label_losses))
    waiting = result.counts.dropped_in("review")
    if waiting:
        yield f"{waiting_for_review(waiting)}; such doubtful texts are not in the data set."
    yield from _coverage_limitations(frozenset().union(*(check.looks_for for check in result.checks)))
    yield "The checks find only what they measure; config `provenance` has every score."


def _coverage_limitations(looked_for: frozenset[str]) -> Iterator[str]:
    """Yield what no check looked for, and what a check for personal data cannot find."""
    if "personal data" in looked_for:
        yield (
            "Personal data was looked for where its form shows it (e-mail and IP addresses, phone, card, account and "
            "id numbers). Names, postal addresses and persons described in words were not."
        )
    missing = [topic for topic in TOPICS if topic not in looked_for]
    if missing:
        yield f"No check looked for {' or for '.join(missing)}."


def _origin_limitations(result: RunResult) -> Iterator[str]:
    if result.model_generated:
        yield "The texts come from a language model: they may be factually wrong and have the model's biases."
        yield "A score on held-out synthetic texts does not predict one on real texts: test on real data."
        if len(result.models) == 1:
            yield "All texts come from one model and share its style."
    if result.task.has_labels(result.labels):
        yield f"The labels are {_label_origin(result)}."


def _label_origin(result: RunResult) -> str:
    """Return who set or checked the labels, as the end of a sentence."""
    labellers = ", ".join(map(escape, result.labellers))
    reviewed = review_counts(result)
    if labellers:
        return f"checked by {labellers}, {f'{reviewed} of them by people' if reviewed else 'not by people'}"
    if result.model_generated:
        return f"those of the requests, {f'{reviewed} of them' if reviewed else 'not'} checked by people"
    origins = dict.fromkeys(origin.labels for origin in result.origins_without_model)
    return " or ".join(origins or [TextOrigin().labels])
