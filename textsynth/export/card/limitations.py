"""What a data set is for, what it is not for, and its known limitations, taken from what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from textsynth.core.formatting import format_percent
from textsynth.export.card.calibration import calibration_limitations
from textsynth.export.card.counts import review_counts, score_summary
from textsynth.export.card.evaluation import NOT_MEASURED, harm_before_gain
from textsynth.export.card.markdown import bullets, escape, some
from textsynth.export.run_result import RunResult

LOW_CONFIDENCE = 0.5
LOOKED_FOR = ("personal data", "harmful content")


def intended_use(result: RunResult) -> str:
    """Return the intended use, in the author's words where there are any, and what is out of scope."""
    metadata = result.metadata
    use = result.task.intended_use if metadata.intended_use is None else escape(metadata.intended_use)
    lines = [f"Intended: {use}"]
    if result.model_generated:
        lines.append("Out of scope: measuring how good a model is, and taking what a text says as a fact.")
    if result.labels:
        reviewed = review_counts(result)
        who = f"of which people have looked at {reviewed}" if reviewed else "which no person has set"
        lines.append(f"Out of scope: deciding about a person by these labels, {who}.")
    if metadata.out_of_scope is not None:
        lines.append(f"Out of scope: {escape(metadata.out_of_scope)}")
    return bullets(lines)


def limitations(result: RunResult) -> str:
    """Return the known limitations, what was measured on real data first."""
    measured = harm_before_gain(result.evaluation) if result.evaluation else _unmeasured(result)
    return bullets([*measured, *_of_the_checks(result), *_of_the_origin(result)])


def _unmeasured(result: RunResult) -> Iterator[str]:
    if result.labels and result.selected:
        yield NOT_MEASURED


def _of_the_checks(result: RunResult) -> Iterator[str]:
    for step, values in score_summary(result.selected).items():
        low = sum(value < LOW_CONFIDENCE for value in values) if step in result.confidence_steps else 0
        if low:
            share = format_percent(low / len(values))
            yield f"{share} of the texts have a confidence under .5 by {escape(step)} ({low} of {len(values)})."
    yield from calibration_limitations(result)
    short = [cell for cell in result.quota if cell.missing]
    if short:
        listed = some([f"{escape(cell.name)} ({cell.selected} of {cell.wanted})" for cell in short])
        yield f"{len(short)} of {len(result.quota)} quota cells have fewer texts than were asked for: {listed}."
    waiting = sum(drop.section == "review" for drop in result.dropped)
    if waiting:
        yield f"{waiting} doubtful texts wait for a person and are not in the data set."
    yield from _not_looked_for(frozenset().union(*(check.looks_for for check in result.checks)))
    yield "The checks catch what they measure and nothing else; `provenance` has every score."


def _not_looked_for(looked_for: frozenset[str]) -> Iterator[str]:
    """Yield what was not looked for, and what the bundled filter for personal data cannot find."""
    if "personal data" in looked_for:
        yield (
            "Personal data was looked for where its form shows it (e-mail and IP addresses, phone, card, account and "
            "id numbers). Names, postal addresses and persons described in words were not."
        )
    missing = [what for what in LOOKED_FOR if what not in looked_for]
    if missing:
        yield f"No check looked for {' or for '.join(missing)}."


def _of_the_origin(result: RunResult) -> Iterator[str]:
    if result.model_generated:
        yield "The texts come from a language model: they may state what is not true and carry its biases."
        yield "A score on held-out synthetic texts says little: test on real data."
        if len(result.models) == 1:
            yield "All texts come from one model, and share its style."
    if result.task.has_labels(result.labels):
        yield f"The labels are {_label_origin(result)}."


def _label_origin(result: RunResult) -> str:
    """Return who set or checked the labels."""
    checked = ", ".join(map(escape, result.labellers))
    reviewed = review_counts(result)
    if checked:
        return f"checked by {checked}, {f'{reviewed} of them by people' if reviewed else 'not by people'}"
    if result.model_generated:
        return f"those that were asked for, {f'{reviewed} of them seen' if reviewed else 'not checked'} by people"
    return "those that came with the texts"
