from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName
from textsynth.evaluate.experiment_arms import COMPARED_ARMS
from textsynth.evaluate.learning_curve import CurvePoint
from textsynth.evaluate.privacy import SeedProximity
from textsynth.evaluate.results import FEW_ROWS, ArmDifference, LabelChange
from textsynth.evaluate.sample_weight import GRID, FittedWeight, WeightCandidate
from textsynth.evaluate.verdict import EvaluationVerdict, Findings, reach_verdict

CURVE = (CurvePoint(20, 0.4, 0.02), CurvePoint(40, 0.45, 0.01), CurvePoint(80, 0.5, 0.0))
MAIN_ARMS = ("seeds_selected", "seeds")


def label_change(label: str, change: float, test_rows: int = 40) -> LabelChange:
    return LabelChange(label, change, (change - 0.03, change + 0.03), test_rows)


def difference(
    value: float,
    classifier: ClassifierName = "embeddings",
    arms: tuple[str, str] = MAIN_ARMS,
    *changes: LabelChange,
) -> ArmDifference:
    return ArmDifference(*arms, classifier, value, (value - 0.02, value + 0.02), changes)


def fitted_weight(weight: float, held_out_rows: int = 80) -> FittedWeight:
    grid = tuple(WeightCandidate(candidate, 1.0 + candidate, 0.1) for candidate in GRID)
    return FittedWeight(weight, 0.3, held_out_rows, grid)


def findings(
    *differences: ArmDifference,
    weights: dict[ClassifierName, FittedWeight] | None = None,
    curve: Sequence[CurvePoint] = (),
    test_copies: int = 0,
    is_contaminated: bool = False,
) -> Findings:
    return Findings("embeddings", differences, weights or {}, {"embeddings": curve}, test_copies, is_contaminated)


def sentences_of(*differences: ArmDifference, **results: object) -> tuple[str, ...]:
    return reach_verdict(findings(*differences, **results)).sentences  # type: ignore[arg-type]


HELPS, NO_DIFFERENCE, HARMS = difference(0.05), difference(0.01), difference(-0.05)


@pytest.mark.parametrize(
    ("main", "effect", "beginning"),
    [
        (
            HELPS,
            "helps",
            "With frozen embeddings the synthetic texts help: macro-F1 +0.050 compared with the seeds alone",
        ),
        (
            NO_DIFFERENCE,
            "no_difference",
            "With frozen embeddings the synthetic texts make no clear difference: macro-F1 +0.010",
        ),
        (
            HARMS,
            "harms",
            "With frozen embeddings the synthetic texts harm: macro-F1 -0.050 compared with the seeds alone",
        ),
    ],
)
def test_the_effect_follows_from_the_interval(main: ArmDifference, effect: str, beginning: str) -> None:
    verdict = reach_verdict(findings(main))
    assert (verdict.effect, verdict.difference) == (effect, main)
    assert verdict.sentences[0].startswith(beginning)
    assert f"(95 % interval {main.interval[0]:+.3f} to {main.interval[1]:+.3f})" in verdict.sentences[0]


def test_harm_comes_first_for_either_classifier() -> None:
    verdict = reach_verdict(findings(HELPS, difference(-0.05, "words")))
    assert verdict.effect == "helps"  # that of the main classifier
    assert "TF-IDF words the synthetic texts harm" in verdict.sentences[0]
    assert "frozen embeddings the synthetic texts help" in verdict.sentences[1]


def test_harm_and_no_difference_come_with_advice() -> None:
    assert "What to try: leave them out, a stronger model" in sentences_of(HARMS, weights={})[-1]
    low_weight = sentences_of(HARMS, weights={"embeddings": fitted_weight(0.1)})
    assert "What to try: give them the weight 0.1, a stronger model" in low_weight[-1]
    assert "leave them out" in sentences_of(HARMS, weights={"embeddings": fitted_weight(0)})[-1]
    assert "more test rows" in sentences_of(NO_DIFFERENCE)[-1]
    assert not any("What to try" in sentence for sentence in sentences_of(HELPS))


def test_contamination_is_a_leak_whatever_the_scores_say() -> None:
    verdict = reach_verdict(findings(HELPS, test_copies=7, is_contaminated=True))
    assert (verdict.effect, verdict.test_copies) == ("leak", 7)
    assert verdict.sentences[0].startswith("Leak: 7 of the selected texts are copies of test rows;")
    assert "filter `leak`" in verdict.sentences[0]


def test_copies_at_the_base_rate_are_reported_but_are_no_leak() -> None:
    verdict = reach_verdict(findings(HARMS, test_copies=1))
    assert (verdict.effect, verdict.test_copies) == ("harms", 1)
    copies = "1 of the selected texts is a copy of test rows; those test rows are left out of every score."
    assert "harm" in verdict.sentences[0]
    assert copies in verdict.sentences[1:]


def test_without_seeds_the_effect_is_unknown() -> None:
    verdict = reach_verdict(findings(difference(0.1, arms=("selected", "random"))))
    assert (verdict.effect, verdict.difference) == ("unknown", None)
    assert (verdict.labels_better, verdict.labels_few_rows) == ([], [])
    assert verdict.sentences == (
        "The filters selected better than chance: +0.100 compared with as many random texts of the same labels "
        "(+0.080 to +0.120).",
    )
    assert reach_verdict(findings()) == EvaluationVerdict("unknown", None, 0, ())


def test_labels_that_gain_lose_or_have_few_rows_are_listed() -> None:
    changes = [
        *(label_change("calm", 0.04), label_change("cross", 0.2), label_change("glad", 0.01)),
        *(label_change("sad", -0.1), label_change("shy", -0.3, FEW_ROWS - 1), label_change("bold", 0.3, FEW_ROWS)),
    ]
    verdict = reach_verdict(findings(difference(0.05, "embeddings", MAIN_ARMS, *changes)))
    assert verdict.labels_better == ["bold", "cross", "calm"]
    assert verdict.labels_worse == ["sad"]
    assert verdict.labels_few_rows == ["shy"]
    assert verdict.sentences[1:4] == (
        "1 label loses significantly: sad.",
        "3 labels gain significantly: bold, cross, calm.",
        "1 label has under 20 test rows, too few to tell a change.",
    )


def test_only_five_labels_are_named() -> None:
    changes = [label_change(f"label {number}", 0.1 + number / 100) for number in range(8)]
    sentences = sentences_of(difference(0.05, "embeddings", MAIN_ARMS, *changes))
    assert sentences[1] == (
        "8 labels gain significantly: label 7, label 6, label 5, label 4, label 3 and 3 more."
    )  # fmt: skip


def test_fitted_weights_are_reported() -> None:
    weights: dict[ClassifierName, FittedWeight] = {"words": fitted_weight(0.3), "embeddings": fitted_weight(0)}
    sentences = sentences_of(HELPS, difference(0.03, "words", ("fitted", "seeds")), weights=weights)
    assert sentences[1] == (
        "With TF-IDF words a synthetic text should count 0.3 of a real one: macro-F1 +0.030 (+0.010 to +0.050)."
    )
    assert sentences[2] == "With frozen embeddings the weight fitted on the seeds is 0: leave these texts out."
    not_fitted = sentences_of(HELPS, weights={"words": fitted_weight(1, held_out_rows=0)})
    assert not any("count" in sentence for sentence in not_fitted)


def test_the_learning_curve_tells_what_more_real_labels_would_add() -> None:
    sentences = sentences_of(HELPS, curve=CURVE)
    assert "Doubling the 80 seeds would likely raise macro-F1 by 0.050." in sentences
    (worth,) = (sentence for sentence in sentences if "more real labels" in sentence)
    assert int(worth.split("about ")[1].split()[0]) == pytest.approx(80, abs=1)
    assert not any("real labels" in sentence for sentence in sentences_of(HARMS, curve=CURVE))
    falling = [replace(point, macro_f1=1 - point.macro_f1) for point in CURVE]
    assert not any("Doubling" in sentence for sentence in sentences_of(HELPS, curve=falling))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (0.05, "teach more than the seeds repeated to as many rows: macro-F1 +0.050 (+0.030 to +0.070)."),
        (-0.05, "teach less than the seeds repeated to as many rows: macro-F1 -0.050 (-0.070 to -0.030)."),
        (0.01, "teach no more than the seeds repeated to as many rows, as far as this test can tell: macro-F1 +0.010"),
    ],
)
def test_the_texts_are_compared_with_the_seeds_repeated(value: float, sentence: str) -> None:
    repeated = difference(value, arms=("seeds_selected", "seeds_replicated"))
    assert f"The synthetic texts {sentence}" in sentences_of(HELPS, repeated)[1]


def test_texts_that_overfit_their_seeds_are_named() -> None:
    proximity = SeedProximity(0.97, (0.96, 0.98), texts=200, rows=60, real_share=0.53, overfits=True)
    sentences = reach_verdict(replace(findings(HELPS), privacy=proximity)).sentences
    assert sentences[1] == (
        "The data set overfits its seeds: 97% of the texts are nearer to a seed than to as many real rows that no "
        "prompt showed (96% to 98%; about 50% is expected)."
    )
    at_home = replace(findings(HELPS), privacy=replace(proximity, share=0.52, overfits=False))
    assert reach_verdict(at_home).sentences == sentences[:1]


SCORES = st.floats(-1, 1)
HALF_WIDTHS = st.floats(0, 0.5)
CHANGES = st.lists(st.tuples(SCORES, HALF_WIDTHS, st.integers(1, 60)), max_size=7)


@st.composite
def arm_differences(draw: st.DrawFn) -> list[ArmDifference]:
    differences = []
    for arms in draw(st.lists(st.sampled_from(COMPARED_ARMS), unique=True)):
        for classifier in CLASSIFIERS:
            value, half_width = draw(SCORES), draw(HALF_WIDTHS)
            changes = [
                LabelChange(f"label {number}", change, (change - width, change + width), test_rows)
                for number, (change, width, test_rows) in enumerate(draw(CHANGES))
            ]
            interval = (value - half_width, value + half_width)
            differences.append(ArmDifference(*arms, classifier, value, interval, tuple(changes)))
    return differences


@settings(deadline=None)
@given(
    arm_differences(),
    st.dictionaries(st.sampled_from(CLASSIFIERS), st.builds(fitted_weight, st.sampled_from(GRID), st.integers(0, 50))),
    st.lists(st.builds(CurvePoint, st.integers(1, 200), st.floats(0, 1), st.floats(0, 0.1)), max_size=4),
    st.integers(0, 9),
    st.sampled_from(CLASSIFIERS),
)
def test_any_verdict_names_leaks_then_harm_and_has_only_numbers(
    differences: list[ArmDifference],
    weights: dict[ClassifierName, FittedWeight],
    points: list[CurvePoint],
    test_copies: int,
    main: ClassifierName,
) -> None:
    curve = sorted({point.train_rows: point for point in points}.values(), key=lambda point: point.train_rows)
    is_contaminated = test_copies > 5
    results = Findings(main, differences, weights, {main: curve}, test_copies, is_contaminated)
    verdict = reach_verdict(results)
    assert all(sentence.endswith(".") and not sentence[0].islower() for sentence in verdict.sentences)
    words = {word for sentence in verdict.sentences for word in sentence.lower().split()}
    assert not words & {"nan", "+nan", "inf", "none"}
    effects = [result.effect for result in differences if (result.arm, result.baseline) == MAIN_ARMS]
    effect_sentences = [
        sentence
        for sentence in verdict.sentences
        if "the synthetic texts" in sentence and "compared with the seeds" in sentence
    ]
    assert len(effect_sentences) == len(effects)
    assert verdict.sentences[is_contaminated:][: len(effect_sentences)] == tuple(effect_sentences)
    harms = effects.count("harms")
    assert sum("texts harm" in sentence for sentence in effect_sentences[:harms]) == harms
    assert (verdict.effect == "leak") == is_contaminated
    if not is_contaminated:
        main_difference = results.difference(*MAIN_ARMS, main)
        assert verdict.effect == ("unknown" if main_difference is None else main_difference.effect)
    assert not {*verdict.labels_better} & {*verdict.labels_worse}
    assert not {*verdict.labels_few_rows} & {*verdict.labels_better, *verdict.labels_worse}
