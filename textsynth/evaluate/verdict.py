"""The verdict in words: whether the synthetic texts help, make no difference, or harm, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from textsynth.evaluate.classifiers import Kind
from textsynth.evaluate.learning_curve import CurvePoint, equivalent_rows, slope
from textsynth.evaluate.sample_weight import FittedWeight

Effect = Literal["helps", "no_difference", "harms", "leak", "unknown"]
FEW = 20  # test rows under which a label's F1 says little
NAMES_SHOWN = 5
CALLED: Mapping[Kind, str] = {"words": "TF-IDF words", "embeddings": "frozen embeddings"}
SAID: Mapping[str, str] = {"helps": "help", "no_difference": "make no clear difference", "harms": "harm"}


@dataclass(frozen=True, slots=True)
class ClassChange:
    """How one label's F1 changes between two arms; `test` is its number of test rows, `few` says it is under 20."""

    label: str
    change: float
    interval: tuple[float, float]
    test: int

    @property
    def few(self) -> bool:
        """Whether the label has too few test rows to say much."""
        return self.test < FEW


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """Macro-F1 of one arm minus another's, with its 95 % interval and the change of every label of the test set."""

    arm: str
    minus: str
    classifier: Kind
    difference: float
    interval: tuple[float, float]
    per_class: tuple[ClassChange, ...] = ()

    @property
    def effect(self) -> Effect:
        """What the interval says: above 0 helps, below 0 harms, else no difference can be shown."""
        if self.interval[0] > 0:
            return "helps"
        return "harms" if self.interval[1] < 0 else "no_difference"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of an evaluation.

    It rests on `difference`: seeds + selected minus seeds for the classifier that is better on the seeds alone; without
    seeds it is `unknown`. `leaks` counts copies of the test set among the selected texts: where there are more than
    chance gives, the effect is `leak`, whatever the scores say.
    """

    effect: Effect
    difference: ArmDifference | None
    leaks: int
    sentences: tuple[str, ...]

    @property
    def better(self) -> list[str]:
        """The labels that gain for sure, most first; labels with few test rows are left out."""
        gained = [one for one in self._told() if one.interval[0] > 0]
        return [one.label for one in sorted(gained, key=lambda one: -one.change)]

    @property
    def worse(self) -> list[str]:
        """The labels that lose for sure, most first; labels with few test rows are left out."""
        lost = [one for one in self._told() if one.interval[1] < 0]
        return [one.label for one in sorted(lost, key=lambda one: one.change)]

    @property
    def few(self) -> list[str]:
        """The labels with too few test rows to say anything."""
        return [one.label for one in (self.difference.per_class if self.difference else ()) if one.few]

    def _told(self) -> list[ClassChange]:
        return [one for one in (self.difference.per_class if self.difference else ()) if not one.few]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a verdict is made of: the differences, the fitted weights, the curves, and the leaks found.

    `main` is the classifier that is better on the seeds alone. `leaks` are copies of test rows among the selected
    texts, `leaked` says that they are more than chance and the domain explain.
    """

    main: Kind
    differences: Sequence[ArmDifference]
    weights: Mapping[Kind, FittedWeight]
    curves: Mapping[Kind, Sequence[CurvePoint]]
    leaks: int
    leaked: bool

    def of(self, arm: str, minus: str, kind: Kind) -> ArmDifference | None:
        """Return the difference of two arms for a classifier, None where it was not measured."""
        wanted = (arm, minus, kind)
        return next((one for one in self.differences if (one.arm, one.minus, one.classifier) == wanted), None)


def reach_verdict(found: Findings) -> Verdict:
    """Return the verdict; harm and leaks are said first."""
    main = found.of("seeds_selected", "seeds", found.main)
    effect: Effect = "leak" if found.leaked else main.effect if main else "unknown"
    sentences = [*_effects(found), *_classes(Verdict(effect, main, found.leaks, ()))]
    sentences = [*_leaks(found), *sentences] if found.leaked else [*sentences, *_leaks(found)]
    sentences += [*_weights(found), *_checks(found), *_real_labels(found, main), *_advice(effect, found)]
    return Verdict(effect, main, found.leaks, tuple(sentences))


def _leaks(found: Findings) -> list[str]:
    if not found.leaks:
        return []
    copies = "is a copy" if found.leaks == 1 else "are copies"
    told = f"{found.leaks} of the selected texts {copies} of test rows; those test rows are left out of every score"
    if found.leaked:
        return [f"Leak: {told}, and what is left is no proof: take the copies out (filter `leak`) and evaluate again."]
    return [f"{told[0].upper()}{told[1:]}."]


def _effects(found: Findings) -> list[str]:
    """Say the effect for each classifier, harm first."""
    told = [one for one in found.differences if (one.arm, one.minus) == ("seeds_selected", "seeds")]
    order = ["harms", "helps", "no_difference"]
    return [
        f"With {CALLED[one.classifier]} the synthetic texts {SAID[one.effect]}: macro-F1 {one.difference:+.3f} "
        f"beside the seeds alone (95 % interval {one.interval[0]:+.3f} to {one.interval[1]:+.3f})."
        for one in sorted(told, key=lambda one: (order.index(one.effect), one.classifier != found.main))
    ]


def _classes(verdict: Verdict) -> list[str]:
    told = []
    for some, does in ((verdict.worse, "lose"), (verdict.better, "gain")):
        if some:
            more = f" and {len(some) - NAMES_SHOWN} more" if len(some) > NAMES_SHOWN else ""
            multi_label = len(some) > 1
            told.append(
                f"{len(some)} label{'s' * multi_label} {does if multi_label else does + 's'} clearly: "
                f"{', '.join(some[:NAMES_SHOWN])}{more}."
            )
    if verdict.few:
        told.append(f"{len(verdict.few)} label(s) have under {FEW} test rows, too few to say how they change.")
    return told


def _weights(found: Findings) -> list[str]:
    told = []
    for kind, fitted in found.weights.items():
        if not fitted.rows:
            continue
        if fitted.weight == 0:
            told.append(f"With {CALLED[kind]} the seeds themselves say: give these texts the weight 0, leave them out.")
            continue
        one = found.of("fitted", "seeds", kind)
        brings = f": macro-F1 {one.difference:+.3f} ({one.interval[0]:+.3f} to {one.interval[1]:+.3f})" if one else ""
        told.append(f"With {CALLED[kind]} a synthetic text should count {fitted.weight:g} of a real one{brings}.")
    return told


def _checks(found: Findings) -> list[str]:
    one = found.of("seeds_selected", "seeds_random", found.main) or found.of("selected", "random", found.main)
    if one is None:
        return []
    does = {
        "helps": "chose better than chance",
        "harms": "chose worse than chance",
        "no_difference": "chose no better than chance, as far as can be told",
    }
    return [
        f"The checks {does[one.effect]}: {one.difference:+.3f} beside as many random texts of the same labels "
        f"({one.interval[0]:+.3f} to {one.interval[1]:+.3f})."
    ]


def _real_labels(found: Findings, main: ArmDifference | None) -> list[str]:
    curve = found.curves.get(found.main, ())
    rise = slope(curve)
    if rise is None or not curve:
        return []
    told = [f"Doubling the {curve[-1].train} seeds would likely bring {rise:+.3f}."] if rise > 0 else []
    rows = equivalent_rows(curve, main.difference) if main and main.effect == "helps" else None
    if rows:
        told.append(f"The synthetic texts are worth about {rows} more real labels.")
    return told


def _advice(effect: Effect, found: Findings) -> list[str]:
    if effect == "harms":
        weight = found.weights.get(found.main)
        down = f"give them the weight {weight.weight:g}" if weight and weight.weight else "leave them out"
        return [f"What to try: {down}, a stronger model, or `agreement` with a higher min_confidence."]
    if effect == "no_difference":
        return [
            "What to try: more texts of the labels that score lowest, attributes (`vary`), a stronger model, or more "
            "test rows for a narrower interval."
        ]
    return []
