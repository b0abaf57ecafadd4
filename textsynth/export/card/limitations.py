"""What a data set is for, what it is not for, and its known limits in words taken from the measures."""

from __future__ import annotations

from collections.abc import Iterator

from textsynth.core.formatting import format_percent
from textsynth.export.card.calibration import calibration_limitations
from textsynth.export.card.counts import review_counts, score_summary
from textsynth.export.card.evaluation import NOT_MEASURED, harm_before_gain
from textsynth.export.card.markdown import bullets, escape, some
from textsynth.export.run_result import RunResult

USES = {
    "classification": "Training a classifier of these labels, beside real examples where there are any.",
    "paraphrase": "Training on or searching with other words for the same text; more variety beside real texts.",
    "summarization": "Training a model to summarize documents like these.",
}
UNSURE = 0.5
LOOKS_FOR_PERSONS = frozenset(("personal_data", "personal", "pii"))
LOOKS_FOR_HARM = frozenset(("unsafe", "toxicity", "safety"))


def intended_use(outcome: RunResult) -> str:
    """Return the intended use, the author's words first, and what is out of scope."""
    about = outcome.metadata
    intended = USES.get(outcome.task, "Training on these texts.")
    lines = [f"Intended: {intended if about.intended_use is None else escape(about.intended_use)}"]
    if outcome.model_generated:
        lines.append("Out of scope: measuring how good a model is, and taking what a text says as a fact.")
    if outcome.labels:
        looked = review_counts(outcome)
        who = f"of which people have looked at {looked}" if looked else "which no person has set"
        lines.append(f"Out of scope: deciding about a person by these labels, {who}.")
    if about.out_of_scope is not None:
        lines.append(f"Out of scope: {escape(about.out_of_scope)}")
    return bullets(lines)


def limitations(outcome: RunResult) -> str:
    """Return the known limits, what was measured on real data first."""
    none = [NOT_MEASURED] if outcome.labels and outcome.selected else []
    found = harm_before_gain(outcome.evaluation) if outcome.evaluation else none
    return bullets([*found, *_of_the_checks(outcome), *_of_the_kind(outcome)])


def _of_the_checks(outcome: RunResult) -> Iterator[str]:
    for item, values in score_summary(outcome.selected).items():
        if not (item.split("-")[0] == "agreement" or item in outcome.labellers):
            continue
        low = sum(value < UNSURE for value in values)
        if low:
            share = format_percent(low / len(values))
            yield f"{share} of the texts have a confidence under .5 by {escape(item)} ({low} of {len(values)})."
    yield from calibration_limitations(outcome)
    short = [line for line in outcome.quota if line.missing]
    if short:
        named = some([f"{escape(line.name)} ({line.selected} of {line.wanted})" for line in short])
        yield f"{len(short)} of {len(outcome.quota)} parts of the quota have fewer texts than were asked for: {named}."
    waiting = sum(drop.section == "review" for drop in outcome.dropped)
    if waiting:
        yield f"{waiting} doubtful texts wait for a person and are not in the data set."
    yield from _of_persons_and_harm({item.split("-")[0] for _, item in outcome.checks})
    yield "The checks catch what they measure and nothing else; `provenance` has every number."


def _of_persons_and_harm(checks: set[str]) -> Iterator[str]:
    """Say what was not looked for, and what the check of our own does not find."""
    if "personal_data" in checks:
        yield (
            "Personal data was looked for where its form tells it (addresses on the net, phone, card, account and id "
            "numbers). Names, postal addresses and persons described in words were not."
        )
    missing = [
        what
        for what, looked_for in (("personal data", LOOKS_FOR_PERSONS), ("harmful content", LOOKS_FOR_HARM))
        if checks.isdisjoint(looked_for)
    ]
    if missing:
        yield f"No check looked for {' or for '.join(missing)}."


def _of_the_kind(outcome: RunResult) -> Iterator[str]:
    if outcome.model_generated:
        yield "The texts come from a language model: they may state what is not true and carry its biases."
        yield "A score on held-out synthetic texts says little: test on real data."
        if len(outcome.models) == 1:
            yield "All texts come from one model, and share its habits of speech."
    if outcome.labels and outcome.task != "summarization":
        checked = ", ".join(escape(item) for item in outcome.labellers)
        looked = review_counts(outcome)
        if checked:
            how = f"checked by {checked}, {f'{looked} of them by people' if looked else 'not by people'}"
        elif outcome.model_generated:
            how = f"those that were asked for, {f'{looked} of them seen' if looked else 'not set'} by people"
        else:
            how = "those that came with the texts"
        yield f"The labels are {how}."
