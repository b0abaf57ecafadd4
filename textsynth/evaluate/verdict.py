"""The verdict in sentences: whether the synthetic texts help, make no difference, or harm, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textsynth.evaluate.classifiers import ClassifierName
from textsynth.evaluate.learning_curve import CurvePoint, equivalent_rows, gain_per_doubling
from textsynth.evaluate.privacy import SeedProximity
from textsynth.evaluate.results import FEW_ROWS, ArmDifference, LabelChange
from textsynth.evaluate.sample_weight import FittedWeight
from textsynth.store.evaluation import Effect

MAX_LABELS_NAMED = 5
CLASSIFIER_TITLES: Mapping[ClassifierName, str] = {"words": "TF-IDF words", "embeddings": "frozen embeddings"}
EFFECT_VERBS: Mapping[str, str] = {"helps": "help", "no_difference": "make no clear difference", "harms": "harm"}
HARM_FIRST = ("harms", "helps", "no_difference")


@dataclass(frozen=True, slots=True)
class EvaluationVerdict:
    """The verdict of an evaluation.

    It rests on `difference`: seeds + selected minus seeds, for the user's own classifier where there is one, else for
    the one that is better on the seeds alone. Without seeds it is `unknown`. `test_copies` counts the copies of test
    rows among the selected texts. Where these are more than chance and the domain explain, the effect is `leak`,
    whatever the scores say.
    """

    effect: Effect
    difference: ArmDifference | None
    test_copies: int
    sentences: tuple[str, ...]

    @property
    def labels_better(self) -> list[str]:
        """The labels whose F1 rises significantly, the largest gain first; labels with few test rows are left out."""
        gains = [change for change in self._certain_changes() if change.interval[0] > 0]
        return [change.label for change in sorted(gains, key=lambda change: -change.change)]

    @property
    def labels_worse(self) -> list[str]:
        """The labels whose F1 falls significantly, the largest loss first; labels with few test rows are left out."""
        losses = [change for change in self._certain_changes() if change.interval[1] < 0]
        return [change.label for change in sorted(losses, key=lambda change: change.change)]

    @property
    def labels_few_rows(self) -> list[str]:
        """The labels with too few test rows to report a change."""
        return [change.label for change in self._changes() if change.few_rows]

    def _changes(self) -> Sequence[LabelChange]:
        return self.difference.per_label if self.difference else ()

    def _certain_changes(self) -> list[LabelChange]:
        return [change for change in self._changes() if not change.few_rows]


@dataclass(frozen=True, slots=True)
class Findings:
    """The results that a verdict rests on: differences, fitted weights, learning curves, contamination.

    `main_classifier` is the user's own, or else the one that is better on the seeds alone. `test_copies` counts the
    copies of test rows among the selected texts; `is_contaminated` says whether they are more than chance and the
    domain explain. `privacy` is None where it was not measured.
    """

    main_classifier: ClassifierName
    differences: Sequence[ArmDifference]
    weights: Mapping[ClassifierName, FittedWeight]
    learning_curves: Mapping[ClassifierName, Sequence[CurvePoint]]
    test_copies: int
    is_contaminated: bool
    privacy: SeedProximity | None = None

    def difference(self, arm: str, baseline: str, classifier: ClassifierName) -> ArmDifference | None:
        """Return the difference of two arms for a classifier, None where it was not measured."""
        for difference in self.differences:
            if (difference.arm, difference.baseline, difference.classifier) == (arm, baseline, classifier):
                return difference
        return None


def reach_verdict(findings: Findings) -> EvaluationVerdict:
    """Return the verdict; contamination and harm come first in its sentences."""
    main = findings.difference("seeds_selected", "seeds", findings.main_classifier)
    effect: Effect = "leak" if findings.is_contaminated else main.effect if main else "unknown"
    changes = [
        *_effect_sentences(findings),
        *_label_sentences(EvaluationVerdict(effect, main, findings.test_copies, ())),
    ]
    copies = _copy_sentences(findings)
    sentences = [*copies, *changes] if findings.is_contaminated else [*changes, *copies]
    sentences += [
        *_weight_sentences(findings),
        *_replication_sentences(findings),
        *_filter_sentences(findings),
        *_overfitting_sentences(findings.privacy),
        *_real_label_sentences(findings, main),
        *_advice(effect, findings),
    ]
    return EvaluationVerdict(effect, main, findings.test_copies, tuple(sentences))


def _copy_sentences(findings: Findings) -> list[str]:
    if not findings.test_copies:
        return []
    copies = "is a copy" if findings.test_copies == 1 else "are copies"
    sentence = (
        f"{findings.test_copies} of the selected texts {copies} of test rows; those test rows are left out of every "
        "score"
    )
    if findings.is_contaminated:
        return [
            f"Leak: {sentence}, and the scores on the others prove nothing: remove the copies (filter `leak`) and "
            "evaluate again."
        ]
    return [f"{sentence}."]


def _effect_sentences(findings: Findings) -> list[str]:
    """Return the effect for each classifier, harm first."""
    differences = [
        difference
        for difference in findings.differences
        if (difference.arm, difference.baseline) == ("seeds_selected", "seeds")
    ]
    differences.sort(
        key=lambda difference: (
            HARM_FIRST.index(difference.effect),
            difference.classifier != findings.main_classifier,
        )
    )
    return [
        f"With {_title(difference.classifier)} the synthetic texts {EFFECT_VERBS[difference.effect]}: "
        f"macro-F1 {difference.difference:+.3f} compared with the seeds alone (95 % interval "
        f"{difference.interval[0]:+.3f} to {difference.interval[1]:+.3f})."
        for difference in differences
    ]


def _label_sentences(verdict: EvaluationVerdict) -> list[str]:
    sentences = []
    for labels, singular, plural in (
        (verdict.labels_worse, "loses", "lose"),
        (verdict.labels_better, "gains", "gain"),
    ):
        if labels:
            subject = f"1 label {singular}" if len(labels) == 1 else f"{len(labels)} labels {plural}"
            named = ", ".join(labels[:MAX_LABELS_NAMED])
            unnamed = len(labels) - MAX_LABELS_NAMED
            sentences.append(f"{subject} significantly: {named}{f' and {unnamed} more' if unnamed > 0 else ''}.")
    few = len(verdict.labels_few_rows)
    if few:
        subject = "1 label has" if few == 1 else f"{few} labels have"
        sentences.append(f"{subject} under {FEW_ROWS} test rows, too few to tell a change.")
    return sentences


def _weight_sentences(findings: Findings) -> list[str]:
    sentences = []
    for classifier, fitted in findings.weights.items():
        title = _title(classifier)
        if not fitted.held_out_rows:
            continue
        if fitted.weight == 0:
            sentences.append(f"With {title} the weight fitted on the seeds is 0: leave these texts out.")
            continue
        difference = findings.difference("fitted", "seeds", classifier)
        effect = f": macro-F1 {_signed_interval(difference)}" if difference else ""
        sentences.append(f"With {title} a synthetic text should count {fitted.weight:g} of a real one{effect}.")
    return sentences


def _replication_sentences(findings: Findings) -> list[str]:
    difference = findings.difference("seeds_selected", "seeds_replicated", findings.main_classifier)
    if difference is None:
        return []
    verb, doubt = {
        "helps": ("more", ""),
        "harms": ("less", ""),
        "no_difference": ("no more", ", as far as this test can tell"),
    }[difference.effect]
    return [
        f"The synthetic texts teach {verb} than the seeds repeated to as many rows{doubt}: macro-F1 "
        f"{_signed_interval(difference)}."
    ]


def _filter_sentences(findings: Findings) -> list[str]:
    classifier = findings.main_classifier
    difference = findings.difference("seeds_selected", "seeds_random", classifier) or findings.difference(
        "selected", "random", classifier
    )
    if difference is None:
        return []
    verb = {
        "helps": "selected better than chance",
        "harms": "selected worse than chance",
        "no_difference": "selected no better than chance, as far as this test can tell",
    }[difference.effect]
    low, high = difference.interval
    return [
        f"The filters {verb}: {difference.difference:+.3f} compared with as many random texts of the same labels "
        f"({low:+.3f} to {high:+.3f})."
    ]


def _overfitting_sentences(privacy: SeedProximity | None) -> list[str]:
    if privacy is None or not privacy.overfits:
        return []
    low, high = privacy.interval
    return [
        f"The data set overfits its seeds: {privacy.share:.0%} of the texts are nearer to a seed than to as many real "
        f"rows that no prompt showed ({low:.0%} to {high:.0%}; about 50% is expected)."
    ]


def _real_label_sentences(findings: Findings, main: ArmDifference | None) -> list[str]:
    curve = findings.learning_curves.get(findings.main_classifier, ())
    gain = gain_per_doubling(curve)
    if gain is None or not curve:
        return []
    sentences = (
        [f"Doubling the {curve[-1].train_rows} seeds would likely raise macro-F1 by {gain:.3f}."] if gain > 0 else []
    )
    rows = equivalent_rows(curve, main.difference) if main and main.effect == "helps" else None
    if rows:
        sentences.append(f"The synthetic texts are worth about {rows} more real labels.")
    return sentences


def _advice(effect: Effect, findings: Findings) -> list[str]:
    if effect == "harms":
        fitted = findings.weights.get(findings.main_classifier)
        remedy = f"give them the weight {fitted.weight:g}" if fitted and fitted.weight else "leave them out"
        return [f"What to try: {remedy}, a stronger model, or `agreement` with a higher min_confidence."]
    if effect == "no_difference":
        return [
            "What to try: more texts of the labels that score lowest, more varied texts (`attributes`), a stronger "
            "model, or more test rows for a narrower interval."
        ]
    return []


def _title(classifier: ClassifierName) -> str:
    return CLASSIFIER_TITLES.get(classifier, f"the classifier {classifier}")


def _signed_interval(difference: ArmDifference) -> str:
    low, high = difference.interval
    return f"{difference.difference:+.3f} ({low:+.3f} to {high:+.3f})"
