from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evaluate.proofs import THREE, Made, plan, whole
from textsynth.evaluate import Evaluation, RealSets, as_json, evaluate
from textsynth.evaluate.verdict import FEW

PLACES = 6
ARM = {
    *("macro_f1", "accuracy", "balanced_accuracy", "micro_f1", "kappa"),
    *("interval", "per_class", "n", "weight"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return whole()


@pytest.fixture(scope="module")
def told(found: Evaluation) -> dict[str, Any]:
    return as_json(found)


def test_the_keys_are_those_that_scripts_read(told: dict[str, Any]) -> None:
    assert list(told) == [
        *("version", "data", "classifiers", "arms", "differences", "verdict", "weights", "curve", "earned"),
        *("leaks", "gap", "diversity", "neighbours", "notes"),
    ]  # fmt: skip
    assert told["version"] == 1
    assert told["classifiers"] == ["words", "embeddings"]
    assert list(told["verdict"]) == [
        *("effect", "classifier", "arm", "minus", "difference", "interval"),
        *("classes_better", "classes_worse", "classes_few", "leaks", "sentences"),
    ]  # fmt: skip
    for arm, by_kind in told["arms"].items():
        for figures in by_kind.values():
            more = {"draws", "spread"} if "random" in arm else set()
            assert set(figures) == ARM | more
            assert list(figures["per_class"]) == list(THREE)
    assert {"found", "pairs", "counts"} <= set(told["leaks"])
    assert {"auc_words", "auc_embeddings", "labels"} <= set(told["gap"])
    assert set(told["neighbours"][0]) == {"id", "text", "label", "kept", "why", "nearest"}
    assert set(told["neighbours"][0]["nearest"][0]) == {"text", "label", "similarity", "set"}


def test_it_is_plain_json_of_six_places_without_nan(told: dict[str, Any]) -> None:
    assert json.loads(json.dumps(told, allow_nan=False)) == told

    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [one for some in value.values() for one in numbers(some)]
        if isinstance(value, list):
            return [one for some in value for one in numbers(some)]
        return [value] if isinstance(value, float) else []

    assert all(one == round(one, PLACES) for one in numbers(told))


def test_the_data_is_counted(told: dict[str, Any]) -> None:
    data = told["data"]
    assert (data["name"], data["labels"], data["multi_label"], data["ordinal"]) == ("small", list(THREE), False, False)
    assert data["synthetic"] == {"raw": 72, "selected": 45, "surplus": 9}
    assert (data["train"], data["dev"], data["test"], data["all"], data["test_left_out"]) == (15, 0, 90, 0, [])
    assert data["label_counts"] == {
        name: dict.fromkeys(THREE, each) for name, each in (("train", 5), ("test", 30), ("raw", 24), ("selected", 15))
    }


def test_figures_are_those_of_the_evaluation(found: Evaluation, told: dict[str, Any]) -> None:
    assert len(told["differences"]) == len(found.differences)
    first = found.differences[0]
    assert told["differences"][0] | {"per_class": None} == {
        "arm": first.arm,
        "minus": first.minus,
        "classifier": first.classifier,
        "difference": round(first.difference, PLACES),
        "interval": [round(end, PLACES) for end in first.interval],
        "per_class": None,
    }
    own = told["differences"][0]["per_class"]
    assert list(own) == list(THREE)
    assert all(one["few"] == (one["test"] < FEW) for one in own.values())
    verdict = found.verdict
    assert verdict.difference is not None
    assert told["verdict"]["effect"] == verdict.effect
    assert told["verdict"]["classifier"] == verdict.difference.classifier == found.main
    assert told["verdict"]["sentences"] == list(verdict.sentences)
    for kind, fitted in found.weights.items():
        assert told["weights"][kind]["weight"] == fitted.weight
        assert [one["weight"] for one in told["weights"][kind]["grid"]] == [0, 0.1, 0.3, 1]
        assert [one["train"] for one in told["curve"][kind]] == [point.train for point in found.curves[kind]]
    (earned,) = told["earned"]
    assert list(earned) == [
        *("step", "dropped", "readmitted", "classifier", "with", "without", "random", "random_spread"),
    ]  # fmt: skip
    assert earned["with"] == round(found.earned[0].with_check, PLACES)


def test_differences_are_those_of_the_arms(told: dict[str, Any]) -> None:
    for one in told["differences"]:
        arm, minus = (told["arms"][one[side]][one["classifier"]]["macro_f1"] for side in ("arm", "minus"))
        assert one["difference"] == pytest.approx(arm - minus, abs=3e-6)
        assert one["interval"][0] <= one["difference"] <= one["interval"][1]


def test_without_seeds_the_verdict_has_no_figures() -> None:
    made = Made()
    told = as_json(evaluate(made.run(), RealSets(made.test), plan(ordinal=True)))
    verdict = told["verdict"]
    assert verdict["effect"] == "unknown"
    assert [verdict[name] for name in ("classifier", "arm", "minus", "difference", "interval")] == [None] * 5
    assert (told["weights"], told["curve"], told["earned"]) == ({}, {}, [])
    assert told["arms"]["selected"]["words"]["kappa"] is not None
