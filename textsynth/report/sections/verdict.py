"""The verdict of an evaluation: its effect in one word and one sentence, with harm and leaks before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.core.terminal import truncate_middle
from textsynth.report.charts.svg import DotRow, MarkStyle, dot_plot
from textsynth.report.number_format import (
    INTERVAL,
    arm_name,
    classifier_name,
    format_count,
    format_difference,
    format_difference_interval,
)
from textsynth.report.sections import (
    SectionFigure,
    SectionTable,
    as_interval,
    as_number,
    as_string,
    as_strings,
    get_mapping,
    get_rows,
)

MAX_CLASSES_NAMED = 12
MAX_CLASS_NAME = 60
# effect → sign (so that colour is not needed), word, and the sentence used where the evaluation has none
EFFECTS = {
    "leak": ("⚠", "Leak", "Test texts are among the training texts, so no score below is valid."),
    "harms": ("▼", "Harms", "The synthetic texts harm."),
    "no_difference": ("=", "No difference", "The synthetic texts make no difference that this test could detect."),
    "helps": ("▲", "Helps", "The synthetic texts help."),
    "unknown": ("?", "No verdict", "This evaluation does not show whether the synthetic texts help."),
}


@dataclass(frozen=True, slots=True)
class VerdictSummary:
    """The conclusion of an evaluation.

    `effect` is `leak`, `harms`, `no_difference`, `helps` or `unknown`, and holds for `classifier` ("" where unknown).
    `harmed` names other classifiers that the texts harm; `warnings` are about leaks that the effect does not mention.
    `class_groups` are titles and lists of classes, those that lose first, where no sentence names them. `figure` shows
    the difference for every classifier, None where there is none.
    """

    effect: str
    sign: str
    word: str
    classifier: str
    harmed: Sequence[str]
    headline: str
    warnings: Sequence[str]
    sentences: Sequence[str]
    class_groups: Sequence[tuple[str, str]]
    figure: SectionFigure | None


def summarize_verdict(evaluation: Mapping[str, Any]) -> VerdictSummary:
    """Return the verdict of an evaluation; without a verdict, or with an unknown effect, the effect is `unknown`."""
    verdict = get_mapping(evaluation, "verdict")
    effect = as_string(verdict.get("effect"), "unknown")
    effect = effect if effect in EFFECTS else "unknown"
    sign, word, default_sentence = EFFECTS[effect]
    headline, *sentences = as_strings(verdict.get("sentences")) or [default_sentence]
    return VerdictSummary(
        effect=effect,
        sign=sign,
        word=word,
        classifier=classifier_name(as_string(verdict.get("classifier"))),
        harmed=_harmed_classifiers(evaluation, effect),
        headline=headline,
        warnings=_leak_warnings(evaluation, effect),
        sentences=sentences,
        class_groups=_class_groups(verdict, (headline, *sentences)),
        figure=_difference_figure(evaluation),
    )


def compared_arms(evaluation: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two arms that the verdict compares, by their keys: the arm, and the arm subtracted from it."""
    verdict = get_mapping(evaluation, "verdict")
    return as_string(verdict.get("arm"), "seeds_selected"), as_string(verdict.get("baseline"), "seeds")


def difference_row(difference: Mapping[str, Any], name: str) -> DotRow | None:
    """Return a difference between two arms as a row of a dot plot, None where it has no value."""
    value, interval = as_number(difference.get("difference")), as_interval(difference.get("interval"))
    if value is None:
        return None
    return DotRow(name, value, format_difference(value), interval, change_style(interval))


def change_style(interval: tuple[float, float] | None) -> MarkStyle:
    """Return `loss` or `gain` for an interval without 0, else `uncertain`."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "uncertain"
    return "loss" if interval[1] < 0 else "gain"


def _harmed_classifiers(evaluation: Mapping[str, Any], effect: str) -> list[str]:
    if effect in {"harms", "leak"}:
        return []
    intervals = [
        (as_string(difference.get("classifier")), as_interval(difference.get("interval")))
        for difference in _compared_differences(evaluation)
    ]
    return [classifier_name(name) for name, interval in intervals if interval is not None and interval[1] < 0]


def _leak_warnings(evaluation: Mapping[str, Any], effect: str) -> list[str]:
    if effect == "leak":
        return []
    contamination = get_mapping(evaluation, "contamination")
    above_base_rate = [pair.replace("-", " and ") for pair in as_strings(contamination.get("above_base_rate"))]
    if above_base_rate:
        return [f"More texts are shared than expected by chance ({', '.join(above_base_rate)}): see Contamination."]
    count = as_number(contamination.get("test_copies"))
    if count and not as_number(get_mapping(evaluation, "verdict").get("test_copies")):
        return [f"Training and test data share texts ({format_count(count)}): see Contamination."]
    return []


def _class_groups(verdict: Mapping[str, Any], sentences: Sequence[str]) -> list[tuple[str, str]]:
    """Return titles and lists of classes; a group whose first class a sentence names already is left out."""
    groups = (
        ("Classes that lose", as_strings(verdict.get("labels_worse"))),
        ("Classes that gain", as_strings(verdict.get("labels_better"))),
        ("Classes with too few test texts", as_strings(verdict.get("labels_few_rows"))),
    )
    return [
        (f"{title} ({len(classes)})", _join_classes(classes))
        for title, classes in groups
        if classes and not any(classes[0] in sentence for sentence in sentences)
    ]


def _join_classes(classes: Sequence[str]) -> str:
    hidden = len(classes) - MAX_CLASSES_NAMED
    suffix = f" and {hidden:,} more" if hidden > 0 else ""
    return ", ".join(truncate_middle(name, MAX_CLASS_NAME) for name in classes[:MAX_CLASSES_NAMED]) + suffix


def _compared_differences(evaluation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    arms = compared_arms(evaluation)
    return [row for row in get_rows(evaluation, "differences") if (row.get("arm"), row.get("baseline")) == arms]


def _difference_figure(evaluation: Mapping[str, Any]) -> SectionFigure | None:
    dots, cells = [], []
    for difference in _compared_differences(evaluation):
        dot = difference_row(difference, classifier_name(as_string(difference.get("classifier"))))
        if dot is not None:
            dots.append(dot)
            cells.append((dot.name, dot.value_text, format_difference_interval(difference.get("interval"))))
    if not dots:
        return None
    arm, baseline = map(arm_name, compared_arms(evaluation))
    title = f"Macro-F1 of {arm} minus {baseline}"
    plot = dot_plot(title, dots, f"difference in macro-F1, with {INTERVAL}", reference=(0.0, "no difference"))
    return SectionFigure(SectionTable(title, ("classifier", "difference", INTERVAL), cells), plot)
