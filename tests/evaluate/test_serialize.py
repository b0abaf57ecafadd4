from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.distinct_texts import embed as embed_words
from tests.evaluate.distinct_texts import random_texts
from tests.evaluate.evaluations import THREE_LABELS, SmallRun, quick_plan, small_evaluation
from tests.evaluate.styled_texts import FANCY, PLAIN, make_records, sentences, unit_vectors
from textsynth.core.records import Provenance, Record
from textsynth.evaluate import Evaluation, RealSets, as_json, evaluate
from textsynth.evaluate.contamination import find_contamination
from textsynth.evaluate.diversity import measure_diversity
from textsynth.evaluate.domain_shift import measure_domain_shift
from textsynth.evaluate.results import FEW_ROWS
from textsynth.evaluate.serialize import contamination_schema
from textsynth.store.evaluation import (
    DECIMALS,
    FORMAT,
    DiversitySchema,
    DomainShiftSchema,
    read_evaluation,
    write_evaluation,
)

ARM_KEYS = {
    *("macro_f1", "accuracy", "balanced_accuracy", "micro_f1", "quadratic_kappa"),
    *("interval", "per_label", "train_rows", "sample_weight", "draws", "sd"),
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return small_evaluation()


@pytest.fixture(scope="module")
def content(evaluation: Evaluation) -> dict[str, Any]:
    return as_json(evaluation)


def test_the_content_has_the_documented_keys(content: dict[str, Any]) -> None:
    assert list(content) == [
        *("version", "data", "classifiers", "arms", "differences", "verdict", "sample_weights"),
        *("learning_curves", "ablation", "contributions", "contamination", "domain_shift", "fidelity", "diversity"),
        *("privacy", "nearest_texts", "notes"),
    ]  # fmt: skip
    assert content["version"] == FORMAT
    assert content["classifiers"] == ["words", "embeddings"]
    assert list(content["verdict"]) == [
        *("effect", "classifier", "arm", "baseline", "difference", "interval"),
        *("labels_better", "labels_worse", "labels_few_rows", "test_copies", "sentences"),
    ]  # fmt: skip
    for arm, by_classifier in content["arms"].items():
        for scores in by_classifier.values():
            assert set(scores) == ARM_KEYS
            assert (scores["draws"] is not None) == (scores["sd"] is not None) == ("random" in arm)
            assert list(scores["per_label"]) == list(THREE_LABELS)
    assert {"test_copies", "pairs", "counts"} <= set(content["contamination"])
    assert {"auc_words", "auc_embeddings", "labels"} <= set(content["domain_shift"])
    assert set(content["nearest_texts"][0]) == {"id", "text", "label", "selected", "drop_reason", "nearest"}
    assert set(content["nearest_texts"][0]["nearest"][0]) == {"text", "label", "similarity", "set"}


def test_the_content_is_plain_json_with_six_decimals_and_without_nan(content: dict[str, Any]) -> None:
    assert json.loads(json.dumps(content, allow_nan=False)) == content

    def floats(value: object) -> list[float]:
        if isinstance(value, dict):
            return [number for member in value.values() for number in floats(member)]
        if isinstance(value, list):
            return [number for member in value for number in floats(member)]
        return [value] if isinstance(value, float) else []

    assert all(number == round(number, DECIMALS) for number in floats(content))


def test_the_content_is_read_back_from_its_file(content: dict[str, Any], tmp_path: Path) -> None:
    write_evaluation(tmp_path, content)
    assert read_evaluation(tmp_path) == content


def test_the_sets_are_counted(content: dict[str, Any]) -> None:
    data = content["data"]
    assert (data["name"], data["labels"]) == ("small", list(THREE_LABELS))
    assert (data["multi_label"], data["ordinal"]) == (False, False)
    assert data["synthetic"] == {"raw": 72, "selected": 45, "surplus": 9}
    assert (data["train"], data["dev"], data["test"], data["all"], data["excluded_test_rows"]) == (15, 0, 90, 0, [])
    assert data["label_counts"] == {
        name: dict.fromkeys(THREE_LABELS, count)
        for name, count in (("train", 5), ("test", 30), ("raw", 24), ("selected", 15))
    }


def test_the_numbers_are_those_of_the_evaluation(evaluation: Evaluation, content: dict[str, Any]) -> None:
    assert len(content["differences"]) == len(evaluation.differences)
    first = evaluation.differences[0]
    assert content["differences"][0] | {"per_label": None} == {
        "arm": first.arm,
        "baseline": first.baseline,
        "classifier": first.classifier,
        "difference": round(first.difference, DECIMALS),
        "interval": [round(end, DECIMALS) for end in first.interval],
        "per_label": None,
    }
    changes = content["differences"][0]["per_label"]
    assert list(changes) == list(THREE_LABELS)
    assert all(change["few_rows"] == (change["test_rows"] < FEW_ROWS) for change in changes.values())
    verdict = evaluation.verdict
    assert verdict.difference is not None
    assert content["verdict"]["effect"] == verdict.effect
    assert content["verdict"]["classifier"] == verdict.difference.classifier == evaluation.main_classifier
    assert content["verdict"]["sentences"] == list(verdict.sentences)
    for classifier, fitted in evaluation.sample_weights.items():
        weights = content["sample_weights"][classifier]
        assert weights["weight"] == fitted.weight
        assert [candidate["weight"] for candidate in weights["grid"]] == [0, 0.1, 0.3, 1]
        curve = content["learning_curves"][classifier]
        expected = [point.train_rows for point in evaluation.learning_curves[classifier]]
        assert [point["train_rows"] for point in curve] == expected
    (ablation,) = content["ablation"]
    assert list(ablation) == [
        *("step", "dropped", "readmitted", "classifier", "with_filter", "without_filter", "random_drop",
          "random_drop_sd"),
    ]  # fmt: skip
    assert ablation["with_filter"] == round(evaluation.ablation[0].with_filter, DECIMALS)


def test_the_differences_are_those_of_the_arms(content: dict[str, Any]) -> None:
    for row in content["differences"]:
        arm, baseline = (content["arms"][row[side]][row["classifier"]]["macro_f1"] for side in ("arm", "baseline"))
        assert row["difference"] == pytest.approx(arm - baseline, abs=3e-6)
        assert row["interval"][0] <= row["difference"] <= row["interval"][1]


def test_without_seeds_the_verdict_has_no_numbers() -> None:
    small = SmallRun()
    content = as_json(evaluate(small.synthetic_set(), RealSets(small.test), quick_plan(ordinal=True)))
    verdict = content["verdict"]
    assert verdict["effect"] == "unknown"
    assert [verdict[name] for name in ("classifier", "arm", "baseline", "difference", "interval")] == [None] * 5
    assert (content["sample_weights"], content["learning_curves"], content["ablation"]) == ({}, {}, [])
    assert content["arms"]["selected"]["words"]["quadratic_kappa"] is not None


def test_contamination_has_the_documented_keys() -> None:
    test = make_records(random_texts(60, 1), ("fare", "route"), "test")
    clean = make_records(random_texts(80, 2), ("fare", "route"), "raw")
    copy = Record(test[3].text, Provenance("generated"), ("fare",))
    contamination = find_contamination({"selected": [*clean, copy], "test": test}, embed_words)
    content = contamination_schema(contamination).as_json()
    assert content["test_copies"] == 1
    assert content["counts"] == {"selected-test": 1}
    assert content["base_rates"] == {
        "test": {
            **{"rows": 60, "exact": 0.0, "near": 0.0, "semantic": 0.0, "close": 0.0},
            "limits": {"words": 0.0, "cosine": 0.95},
        }
    }
    assert content["pairs"] == [
        {
            "kind": "exact",
            "sets": ["selected", "test"],
            "ids": [copy.id, test[3].id],
            "texts": [test[3].text, test[3].text],
            "labels": ["fare", "route"],
            "same_label": False,
            "similarity": 1.0,
        }
    ]


def test_domain_shift_has_the_documented_keys() -> None:
    synthetic = [Record(text, Provenance("labelled"), ("fare",), {"tone": "calm"}) for text in sentences(FANCY, 30, 1)]
    real = make_records(sentences(PLAIN, 30, 2), ["fare"])
    vectors = unit_vectors(30, 1), unit_vectors(30, 2)
    shift = measure_domain_shift(synthetic, real, *vectors, labels=["fare", "route"], seed=7)
    content = DomainShiftSchema.model_validate(shift).as_json()
    assert list(content) == [
        *("auc_words", "auc_embeddings", "texts_per_side", "synthetic_words", "real_words"),
        *("length", "vocabulary", "labels", "attributes"),
    ]  # fmt: skip
    assert list(content["synthetic_words"][0]) == ["word", "weight", "synthetic", "real"]
    assert list(content["length"]) == ["synthetic", "real", "bin_edges"]
    assert list(content["length"]["real"]) == ["mean", "median", "p10", "p90", "histogram"]
    assert list(content["vocabulary"]) == ["synthetic", "real", "shared"]
    assert content["labels"] == {"fare": {"synthetic": 1.0, "real": 1.0}, "route": {"synthetic": 0.0, "real": 0.0}}
    assert content["attributes"] == {"tone": {"calm": 1.0}}


def test_diversity_has_the_documented_keys() -> None:
    texts = sentences(PLAIN, 30, 1), sentences(FANCY, 40, 2)
    diversity = measure_diversity(*texts, unit_vectors(30, 1), unit_vectors(40, 2), seed=7)
    content = DiversitySchema.model_validate(diversity).as_json()
    keys = ["distinct_1", "distinct_2", "compression_ratio", "mean_similarity", "vendi_score", "duplicate_share"]
    assert list(content) == ["texts_per_side", "synthetic", "real", "coverage"]
    assert list(content["synthetic"]) == list(content["real"]) == keys
    assert list(content["coverage"]) == ["share", "real_texts", "limit", "reference"]


@pytest.mark.parametrize(("synthetic", "real"), [(0, 0), (0, 30), (30, 0), (1, 1), (5, 9), (19, 500)])
def test_few_texts_have_a_valid_content(synthetic: int, real: int) -> None:
    texts = sentences(PLAIN, synthetic, 1), sentences(PLAIN, real, 2)
    vectors = unit_vectors(synthetic, 1), unit_vectors(real, 2)
    diversity = measure_diversity(*texts, *vectors, seed=7)
    json.dumps(DiversitySchema.model_validate(diversity).as_json(), allow_nan=False)
    shift = measure_domain_shift(*map(make_records, texts), *vectors, labels=["fare"], seed=7)
    json.dumps(DomainShiftSchema.model_validate(shift).as_json(), allow_nan=False)
