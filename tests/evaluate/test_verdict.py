from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.evaluate.classifiers import KINDS, Kind
from textsynth.evaluate.experiment_arms import COMPARED
from textsynth.evaluate.learning_curve import CurvePoint
from textsynth.evaluate.sample_weight import GRID, FittedWeight, WeightCandidate
from textsynth.evaluate.verdict import FEW, ArmDifference, ClassChange, Findings, Verdict, reach_verdict

POINTS = (CurvePoint(20, 0.4, 0.02), CurvePoint(40, 0.45, 0.01), CurvePoint(80, 0.5, 0.0))


def change(label: str, around: float, test: int = 40) -> ClassChange:
    return ClassChange(label, around, (around - 0.03, around + 0.03), test)


def compared(
    around: float, kind: Kind = "embeddings", pair: tuple[str, str] = ("seeds_selected", "seeds"), *changes: ClassChange
) -> ArmDifference:
    return ArmDifference(*pair, kind, around, (around - 0.02, around + 0.02), changes)


def fitted(weight: float, rows: int = 80) -> FittedWeight:
    return FittedWeight(weight, 0.3, rows, tuple(WeightCandidate(one, 1.0 + one, 0.1) for one in GRID))


def findings(
    *differences: ArmDifference,
    weights: dict[Kind, FittedWeight] | None = None,
    curve: Sequence[CurvePoint] = (),
    leaks: int = 0,
    leaked: bool = False,
) -> Findings:
    return Findings("embeddings", differences, weights or {}, {"embeddings": curve}, leaks, leaked)


HELPS, SAME, HARMS = compared(0.05), compared(0.01), compared(-0.05)


@pytest.mark.parametrize(
    ("main", "effect", "said"),
    [
        (HELPS, "helps", "With frozen embeddings the synthetic texts help: macro-F1 +0.050 beside the seeds alone"),
        (SAME, "no_difference", "With frozen embeddings the synthetic texts make no clear difference: macro-F1 +0.010"),
        (HARMS, "harms", "With frozen embeddings the synthetic texts harm: macro-F1 -0.050 beside the seeds alone"),
    ],
)
def test_the_effect_is_what_the_interval_says(main: ArmDifference, effect: str, said: str) -> None:
    verdict = reach_verdict(findings(main))
    assert (verdict.effect, verdict.difference) == (effect, main)
    assert verdict.sentences[0].startswith(said)
    assert f"(95 % interval {main.interval[0]:+.3f} to {main.interval[1]:+.3f})" in verdict.sentences[0]


def test_harm_is_said_first_whichever_classifier_it_is_with() -> None:
    verdict = reach_verdict(findings(HELPS, compared(-0.05, "words")))
    assert verdict.effect == "helps"  # what the better classifier says
    assert "TF-IDF words the synthetic texts harm" in verdict.sentences[0]
    assert "frozen embeddings the synthetic texts help" in verdict.sentences[1]


def test_harm_says_what_to_try() -> None:
    for weights, tried in (({}, "leave them out"), ({"embeddings": fitted(0.1)}, "give them the weight 0.1")):
        assert (
            f"What to try: {tried}, a stronger model" in reach_verdict(findings(HARMS, weights=weights)).sentences[-1]
        )
    assert "leave them out" in reach_verdict(findings(HARMS, weights={"embeddings": fitted(0)})).sentences[-1]
    assert "more test rows" in reach_verdict(findings(SAME)).sentences[-1]
    assert not any("What to try" in one for one in reach_verdict(findings(HELPS)).sentences)


def test_a_leak_is_called_a_leak_whatever_the_scores_say() -> None:
    verdict = reach_verdict(findings(HELPS, leaks=7, leaked=True))
    assert (verdict.effect, verdict.leaks) == ("leak", 7)
    assert verdict.sentences[0].startswith("Leak: 7 of the selected texts are copies of test rows;")
    assert "filter `leak`" in verdict.sentences[0]


def test_a_copy_that_chance_explains_is_said_and_no_leak() -> None:
    verdict = reach_verdict(findings(HARMS, leaks=1))
    assert (verdict.effect, verdict.leaks) == ("harms", 1)
    copy = "1 of the selected texts is a copy of test rows; those test rows are left out of every score."
    assert "harm" in verdict.sentences[0]
    assert copy in verdict.sentences[1:]


def test_without_seeds_nothing_is_known() -> None:
    verdict = reach_verdict(findings(compared(0.1, pair=("selected", "random"))))
    assert (verdict.effect, verdict.difference, verdict.better, verdict.few) == ("unknown", None, [], [])
    assert verdict.sentences == (
        "The checks chose better than chance: +0.100 beside as many random texts of the same labels "
        "(+0.080 to +0.120).",
    )
    assert reach_verdict(findings()) == Verdict("unknown", None, 0, ())


def test_labels_that_gain_lose_or_are_too_few_are_told_apart() -> None:
    labels = [
        *(change("calm", 0.04), change("cross", 0.2), change("glad", 0.01)),
        *(change("sad", -0.1), change("shy", -0.3, FEW - 1), change("bold", 0.3, FEW)),
    ]
    verdict = reach_verdict(findings(compared(0.05, "embeddings", ("seeds_selected", "seeds"), *labels)))
    assert (verdict.better, verdict.worse, verdict.few) == (["bold", "cross", "calm"], ["sad"], ["shy"])
    assert verdict.sentences[1:4] == (
        "1 label loses clearly: sad.",
        "3 labels gain clearly: bold, cross, calm.",
        "1 label(s) have under 20 test rows, too few to say how they change.",
    )


def test_many_labels_are_not_all_named() -> None:
    labels = [change(f"label {number}", 0.1 + number / 100) for number in range(8)]
    verdict = reach_verdict(findings(compared(0.05, "embeddings", ("seeds_selected", "seeds"), *labels)))
    assert verdict.sentences[1] == (
        "8 labels gain clearly: label 7, label 6, label 5, label 4, label 3 and 3 more."
    )  # fmt: skip


def test_weights_are_told_where_they_were_fitted() -> None:
    weights: dict[Kind, FittedWeight] = {"words": fitted(0.3), "embeddings": fitted(0)}
    told = reach_verdict(findings(HELPS, compared(0.03, "words", ("fitted", "seeds")), weights=weights)).sentences
    assert told[1] == (
        "With TF-IDF words a synthetic text should count 0.3 of a real one: macro-F1 +0.030 (+0.010 to +0.050)."
    )
    assert told[2] == "With frozen embeddings the seeds themselves say: give these texts the weight 0, leave them out."
    assert not any(
        "count" in one for one in reach_verdict(findings(HELPS, weights={"words": fitted(1, rows=0)})).sentences
    )


def test_the_curve_tells_what_real_labels_would_bring() -> None:
    told = reach_verdict(findings(HELPS, curve=POINTS)).sentences
    assert "Doubling the 80 seeds would likely bring +0.050." in told
    (worth,) = (one for one in told if "more real labels" in one)
    assert int(worth.split("about ")[1].split()[0]) == pytest.approx(80, abs=1)
    assert not any("real labels" in one for one in reach_verdict(findings(HARMS, curve=POINTS)).sentences)
    falling = [replace(point, macro_f1=1 - point.macro_f1) for point in POINTS]
    assert not any("Doubling" in one for one in reach_verdict(findings(HELPS, curve=falling)).sentences)


SCORE = st.floats(-1, 1)
HALF = st.floats(0, 0.5)


@st.composite
def differences(draw: st.DrawFn) -> list[ArmDifference]:
    found = []
    for pair in draw(st.lists(st.sampled_from(COMPARED), unique=True)):
        for kind in KINDS:
            around, half = draw(SCORE), draw(HALF)
            labels = [
                ClassChange(f"label {number}", one, (one - width, one + width), test)
                for number, (one, width, test) in enumerate(
                    draw(st.lists(st.tuples(SCORE, HALF, st.integers(1, 60)), max_size=7))
                )
            ]
            found.append(ArmDifference(*pair, kind, around, (around - half, around + half), tuple(labels)))
    return found


@settings(deadline=None)
@given(
    differences(),
    st.dictionaries(st.sampled_from(KINDS), st.builds(fitted, st.sampled_from(GRID), st.integers(0, 50))),
    st.lists(st.builds(CurvePoint, st.integers(1, 200), st.floats(0, 1), st.floats(0, 0.1)), max_size=4),
    st.integers(0, 9),
    st.sampled_from(KINDS),
)
def test_a_verdict_says_leaks_then_harm_and_only_numbers(
    told: list[ArmDifference], weights: dict[Kind, FittedWeight], points: list[CurvePoint], leaks: int, main: Kind
) -> None:
    curve = sorted({point.train: point for point in points}.values(), key=lambda one: one.train)
    found = Findings(main, told, weights, {main: curve}, leaks, leaks > 5)
    verdict = reach_verdict(found)
    assert all(one.endswith(".") and not one[0].islower() for one in verdict.sentences)
    assert not any(word in one.lower().split() for one in verdict.sentences for word in ("nan", "+nan", "inf", "none"))
    seen = [one.effect for one in told if (one.arm, one.minus) == ("seeds_selected", "seeds")]
    effects = [one for one in verdict.sentences if "the synthetic texts" in one and "beside the seeds" in one]
    assert len(effects) == len(seen)
    assert verdict.sentences[leaks > 5 :][: len(effects)] == tuple(effects)
    assert sum("texts harm" in one for one in effects[: seen.count("harms")]) == seen.count("harms")
    assert (verdict.effect == "leak") == (leaks > 5)
    if leaks <= 5:
        own = found.of("seeds_selected", "seeds", main)
        assert verdict.effect == ("unknown" if own is None else own.effect)
    assert not {*verdict.better} & {*verdict.worse}
    assert not {*verdict.few} & {*verdict.better, *verdict.worse}
