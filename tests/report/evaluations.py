"""Evaluations as `textsynth evaluate` writes them: small, big, harmful, leaking, hostile, and one with scores only."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

from textsynth.store.evaluation import FORMAT, EvaluationSchema

CLASSIFIERS = ("words", "embeddings")
ARMS = (
    *("seeds", "raw", "selected", "seeds_raw", "seeds_selected", "seeds_replicated"),
    *("random", "seeds_random", "fitted", "all"),
)
CHECKS = ("length", "exact_duplicate", "near_duplicate", "semantic_duplicate", "agreement", "copies_source", "language",
          "refusal", "same_meaning", "faithful", "leak", "choice")  # fmt: skip
TOPICS = (
    "card",
    "transfer",
    "top_up",
    "cash",
    "refund",
    "identity",
    "exchange",
    "pin",
    "fee",
    "balance",
    "direct_debit",
)
PROBLEMS = ("arrival", "declined", "pending", "not_recognised_by_the_machine", "charged_twice", "limit", "lost_abroad")
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=http://leak.invalid/x.png onerror="document.title=\'owned\'">',
    "'><svg onload=document.title='owned'><style>@import url(http://leak.invalid/a.css)</style>",
    "</title></desc></svg></style><iframe src=http://leak.invalid/f></iframe>",
    "{{ 7 * 7 }} {% include 'style.css' %} \x1b[2J\u202egnol \ud800 \x00 \u2028 end",
    "W" * 400 + " <b>wide</b> " + "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 120,
)

COMPARISONS = (
    ("seeds_selected", "seeds"),
    ("selected", "random"),
    ("seeds_selected", "seeds_random"),
    ("seeds_selected", "seeds_replicated"),
    ("fitted", "seeds"),
)

_END_MARK = {"column": "end mark", "measure": "TVComplement", "score": 0.42, "category_coverage": 1.0,
             "synthetic": 0.98, "real": 0.4}  # fmt: skip
FIDELITY: dict[str, Any] = {
    "columns": [
        {**_END_MARK, "column": "label", "score": 0.8, "synthetic": None, "real": None},
        {**_END_MARK, "column": "length in words", "measure": "KSComplement", "score": 0.89, "category_coverage": None},
        _END_MARK,
    ],
    "surface_score": 0.655,
    "pair_score": 0.61,
    "worst_column": _END_MARK,
    "worst_pair": {"columns": ["label", "end mark"], "score": 0.39},
    "real_surface_score": 0.981,
    "real_pair_score": 0.962,
}


def small() -> dict[str, Any]:
    """Return an evaluation of two labels in which the synthetic texts help a little."""
    return evaluation(["route", "fare"], CHECKS[:4], shift=0.03, test_texts=300)


def big() -> dict[str, Any]:
    """Return an evaluation of 77 labels, 12 checks and 4 attributes; 9 classes have few test texts."""
    return evaluation(label_names(77), CHECKS, shift=0.03, test_texts=3080, attributes=4)


def huge() -> dict[str, Any]:
    """Return an evaluation of 300 labels with very long names."""
    labels = [f"{name}_{'or_something_of_that_kind' * (index % 3)}" for index, name in enumerate(label_names(300))]
    return evaluation(labels, CHECKS, shift=0.0, test_texts=10_000, attributes=8)


def harmful() -> dict[str, Any]:
    """Return an evaluation in which the synthetic texts harm."""
    harmful = evaluation(label_names(6), CHECKS[:6], shift=-0.08, test_texts=600)
    harmful["verdict"] |= {"effect": "harms", "sentences": [
        "The synthetic texts harm: with them a classifier on sentence embeddings loses 0.083 macro-F1 "
        "(95 % interval −0.110 to −0.055) against the seeds alone.",
        "Leave them out, or raise the weight of the seeds; the fitted weight is 0.",
        "About 120 more real texts would bring about +0.04, from the learning curve of the seeds."]}  # fmt: skip
    for fit in harmful["sample_weights"].values():
        fit["weight"] = 0
    return harmful


def leaking() -> dict[str, Any]:
    """Return an evaluation in which test texts are among the synthetic ones."""
    leaking = evaluation(label_names(4), CHECKS[:3], shift=0.1, test_texts=400)
    leaking["verdict"] |= {"effect": "leak", "test_copies": 12, "sentences": [
        "12 test texts are among the selected texts: the gain below is memory, not learning.",
        "Take them out (`filter: leak: {source: test}`) and evaluate again."]}  # fmt: skip
    leaking["data"]["excluded_test_rows"] = list(range(11))
    kinds = ("exact", "near", "semantic")
    leaking["contamination"] |= {
        "test_copies": 12,
        "above_base_rate": ["selected-test"],
        "label_conflicts": {"selected-test": 1, "raw-test": 2},
        "close": {},
        "pairs": [
            {
                "kind": kinds[number % 3],
                "sets": ["selected", "test"],
                "ids": [f"{number:016x}", f"{number + 99:016x}"],
                "texts": [f"why was my card number {number} declined at the till", f"why was card {number} declined"],
                "labels": ["card_declined", "card_declined"],
                "same_label": True,
                "similarity": round(1 - number % 3 * 0.08, 3),
            }
            for number in range(12)
        ],
        "counts": {"selected-test": 12, "raw-test": 15, "train-test": 0, "train-dev": 0, "dev-test": 0},
    }
    return leaking


def scores_only() -> dict[str, Any]:
    """Return an evaluation with the scores of its arms and nothing else."""
    return {
        "version": FORMAT,
        "arms": {arm: {"words": {"macro_f1": 0.5 + 0.02 * index}} for index, arm in enumerate(ARMS)},
    }


def hostile() -> dict[str, Any]:
    """Return an evaluation in which every text, label, word, name and note contains markup or control characters."""
    labels = list(HOSTILE)
    hostile = evaluation(labels, [*HOSTILE[:4], "length"], shift=0.02, test_texts=300)
    hostile["data"]["name"] = HOSTILE[0]
    hostile["verdict"] |= {"sentences": list(HOSTILE), "labels_worse": labels, "labels_better": labels}
    hostile["arms"][HOSTILE[1]] = copy.deepcopy(hostile["arms"]["raw"])
    hostile["classifiers"] = [*CLASSIFIERS, HOSTILE[3]]
    hostile["domain_shift"]["attributes"] = {name: {value: 0.2 for value in HOSTILE} for name in HOSTILE[:3]}
    for index, text in enumerate(HOSTILE):
        hostile["domain_shift"]["synthetic_words"][index]["word"] = text
        hostile["nearest_texts"][index] |= {"text": text * 20, "drop_reason": text, "label": text}
        hostile["nearest_texts"][index]["nearest"][0] |= {"text": text, "label": text, "set": text}
    hostile["fidelity"]["columns"][0]["column"] = hostile["fidelity"]["worst_column"]["column"] = HOSTILE[0]
    hostile["contamination"] = {"test_copies": 1, "counts": {HOSTILE[0]: 1}, "pairs": [
        {"kind": HOSTILE[0], "sets": HOSTILE[1:3], "ids": HOSTILE[1:3], "texts": HOSTILE[:2], "labels": HOSTILE[2:4]}
    ]}  # fmt: skip
    hostile["notes"], hostile["versions"] = list(HOSTILE), {HOSTILE[0]: HOSTILE[1]}
    return hostile


def label_names(count: int) -> list[str]:
    """Return `count` different label names."""
    names = [f"{topic}_{problem}" for problem in PROBLEMS for topic in TOPICS]
    return (names + [f"{name}_{number}" for number in range(2, 6) for name in names])[:count]


def evaluation(
    labels: Sequence[str], checks: Sequence[str], *, shift: float, test_texts: int, attributes: int = 1
) -> dict[str, Any]:
    """Return a full evaluation in which adding synthetic texts changes macro-F1 by about `shift`."""
    rng = random.Random(7)
    arms = {
        arm: {classifier: _arm(rng, arm, classifier, labels, shift, test_texts) for classifier in CLASSIFIERS}
        for arm in ARMS
    }
    content = {
        "version": FORMAT,
        "data": _data(labels, test_texts),
        "classifiers": list(CLASSIFIERS),
        "arms": arms,
        "differences": [
            _difference(rng, arms, arm, baseline, classifier)
            for arm, baseline in COMPARISONS
            for classifier in CLASSIFIERS
        ],
        "verdict": _verdict(labels, shift),
        "sample_weights": {classifier: _weights(rng, len(labels)) for classifier in CLASSIFIERS},
        "learning_curves": {
            classifier: _curve(rng, arms["seeds"][classifier]["macro_f1"], 5 * len(labels))
            for classifier in CLASSIFIERS
        },
        "ablation": [_ablation(rng, step, classifier) for classifier in CLASSIFIERS for step in checks],
        "contamination": {
            "test_copies": 0,
            "above_base_rate": [],
            "pairs": [],
            "counts": {"selected-test": 0, "raw-test": 3, "train-test": 0},
            "close": {"selected-test": 4, "raw-test": 9, "train-test": 2},
            "kinds": {},
            "copied_rows": {},
            "label_conflicts": {},
            "base_rates": {},
        },
        "domain_shift": _domain_shift(rng, labels, attributes),
        "fidelity": FIDELITY,
        "diversity": {
            "texts_per_side": 300,
            "synthetic": {"distinct_1": 0.21, "distinct_2": 0.58, "compression_ratio": 2.91, "mean_similarity": 0.33,
                          "vendi_score": 61.2, "duplicate_share": 0.04},
            "real": {"distinct_1": 0.27, "distinct_2": 0.71, "compression_ratio": 2.32, "mean_similarity": 0.24,
                     "vendi_score": 97.5, "duplicate_share": 0.0},
            "coverage": {"share": 0.72, "real_texts": 300, "limit": 0.6, "reference": 0.85},
        },
        "privacy": {
            "share": 0.52, "interval": [0.46, 0.58], "texts": 240, "rows": 40, "real_share": 0.51, "overfits": False,
        },
        "nearest_texts": [_nearest_texts(rng, number, labels) for number in range(24)],
        "notes": ["the test data have no text of 2 labels"],
        "seconds": 12.34,
        "versions": {"textsynth": "0.1.0", "scikit-learn": "1.7"},
    }  # fmt: skip
    return EvaluationSchema.model_validate(content).as_json()


def _data(labels: Sequence[str], test_texts: int) -> dict[str, Any]:
    per_label = {"train": 5, "raw": 26, "selected": 8, "test": test_texts // len(labels)}
    return {
        "name": "quickstart",
        "synthetic": {"raw": 26 * len(labels), "selected": 8 * len(labels), "surplus": len(labels)},
        "train": 5 * len(labels),
        "excluded_test_rows": [],
        "dev": 0,
        "test": test_texts,
        "all": 0,
        "labels": list(labels),
        "multi_label": False,
        "ordinal": False,
        "label_counts": {name: dict.fromkeys(labels, count) for name, count in per_label.items()},
    }


def _arm(
    rng: random.Random, arm: str, classifier: str, labels: Sequence[str], shift: float, test_texts: int
) -> dict[str, Any]:
    level = {"seeds": 0.0, "raw": -0.12, "selected": -0.07, "random": -0.11, "seeds_raw": shift / 3, "all": 0.12,
             "seeds_random": shift / 2, "seeds_replicated": 0.005,
             "seeds_selected": shift, "fitted": max(0.0, shift) + 0.01}[arm]  # fmt: skip
    score = (0.58 if classifier == "words" else 0.74) + level + rng.uniform(-0.01, 0.01)
    class_scores = {label: round(min(1.0, max(0.0, score + rng.gauss(0, 0.12))), 4) for label in labels}
    samples = {"draws": 3, "sd": 0.012} if "random" in arm else {}
    return {
        "macro_f1": round(score, 4),
        "accuracy": round(score + 0.01, 4),
        "balanced_accuracy": round(score + 0.005, 4),
        "micro_f1": None,
        "quadratic_kappa": None,
        "interval": [round(score - 0.03, 4), round(score + 0.028, 4)],
        "per_label": {
            label: {"f1": f1, "precision": f1, "recall": f1, "test_rows": _class_test_texts(index, labels, test_texts)}
            for index, (label, f1) in enumerate(class_scores.items())
        },
        "train_rows": 5 * len(labels) * (2 if "seeds_" in arm else 1),
        "sample_weight": 0.3 if arm == "fitted" else 1.0,
        **samples,
    }


def _class_test_texts(index: int, labels: Sequence[str], test_texts: int) -> int:
    return 11 if index % 8 == 7 else test_texts // len(labels)


def _difference(rng: random.Random, arms: dict[str, Any], arm: str, baseline: str, classifier: str) -> dict[str, Any]:
    scores, baseline_scores = arms[arm][classifier], arms[baseline][classifier]
    per_class = {}
    for label, values in scores["per_label"].items():
        change = values["f1"] - baseline_scores["per_label"][label]["f1"]
        half = rng.uniform(0.03, 0.12)
        per_class[label] = {"change": round(change, 4), "interval": [round(change - half, 4), round(change + half, 4)],
                            "test_rows": values["test_rows"], "few_rows": values["test_rows"] < 20}  # fmt: skip
    difference = scores["macro_f1"] - baseline_scores["macro_f1"]
    return {
        "arm": arm,
        "baseline": baseline,
        "classifier": classifier,
        "difference": round(difference, 4),
        "interval": [round(difference - 0.021, 4), round(difference + 0.02, 4)],
        "per_label": per_class,
    }


def _verdict(labels: Sequence[str], shift: float) -> dict[str, Any]:
    return {
        "effect": "helps" if shift > 0 else "no_difference",
        "classifier": "embeddings",
        "arm": "seeds_selected",
        "baseline": "seeds",
        "difference": shift,
        "interval": [shift - 0.02, shift + 0.02],
        "labels_better": list(labels[: max(1, len(labels) // 5)]),
        "labels_worse": list(labels[-1:]),
        "labels_few_rows": list(labels[7::8]),
        "test_copies": 0,
        "sentences": [
            f"The synthetic texts {'help' if shift > 0 else 'make no difference'}: with them a classifier on sentence "
            f"embeddings changes by {shift:+.3f} macro-F1 (95 % interval {shift - 0.02:+.3f} to {shift + 0.02:+.3f}).",
            "About 60 more real texts would bring +0.03, from the learning curve of the seeds.",
        ],
    }


def _weights(rng: random.Random, labels: int) -> dict[str, Any]:
    loss = 1.2 + rng.uniform(0, 1)
    grid = [(0, 0.15), (0.1, 0.05), (0.3, 0.0), (1, 0.08)]
    rows = [{"weight": weight, "log_loss": round(loss + excess, 4), "standard_error": 0.05} for weight, excess in grid]
    return {"weight": 0.3, "prior": 0.3, "held_out_rows": 5 * labels, "grid": rows}


def _curve(rng: random.Random, last: float, texts: int) -> list[dict[str, Any]]:
    scores = [(part, last - 0.3 * (1 - part) ** 2) for part in (0.2, 0.4, 0.6, 0.8, 1.0)]
    return [
        {"train_rows": round(texts * part), "macro_f1": round(score, 4), "sd": round(rng.uniform(0.005, 0.03), 4)}
        for part, score in scores
    ]


def _ablation(rng: random.Random, step: str, classifier: str) -> dict[str, Any]:
    without = 0.69 + rng.uniform(-0.01, 0.01)
    return {
        "step": step,
        "dropped": rng.randrange(400),
        "readmitted": rng.randrange(200),
        "classifier": classifier,
        "with_filter": round(without + rng.gauss(0.008, 0.012), 4),
        "without_filter": round(without, 4),
        "random_drop": round(without + rng.gauss(0.002, 0.004), 4),
        "random_drop_sd": 0.006,
    }


def _domain_shift(rng: random.Random, labels: Sequence[str], attributes: int) -> dict[str, Any]:
    values = ("plain", "annoyed", "in a hurry", "with a spelling mistake", "polite and rather long")
    shares = [rng.uniform(0.5, 1.5) for _ in labels]
    return {
        "auc_words": 0.93,
        "auc_embeddings": 0.9,
        "texts_per_side": 300,
        "synthetic_words": [
            {"word": f"word{index}", "weight": round(2 - index / 20, 2), "synthetic": 0.3 - index / 100, "real": 0.01}
            for index in range(20)
        ],
        "real_words": [
            {"word": f"said{index}", "weight": round(1.5 - index / 20, 2), "synthetic": 0.0, "real": 0.2 - index / 110}
            for index in range(20)
        ],
        "length": {
            "bin_edges": [1, 4, 7, 10, 13, 16, 19, 25, 40],
            "synthetic": {"mean": 11.2, "median": 11, "p10": 6, "p90": 17, "histogram": [3, 30, 80, 92, 60, 25, 9, 1]},
            "real": {"mean": 12.9, "median": 10, "p10": 5, "p90": 25, "histogram": [12, 60, 76, 50, 33, 20, 29, 20]},
        },
        "vocabulary": {"synthetic": 812, "real": 1204, "shared": 0.26},
        "labels": {
            label: {"synthetic": 1 / len(labels), "real": share / sum(shares)}
            for label, share in zip(labels, shares, strict=True)
        },
        "attributes": {
            f"attribute {number}": {value: 1 / (index + 2) for index, value in enumerate(values)}
            for number in range(attributes)
        },
    }


def _nearest_texts(rng: random.Random, number: int, labels: Sequence[str]) -> dict[str, Any]:
    label = rng.choice(labels)
    return {
        "id": f"{number:016x}",
        "text": f"my card number {number} has still not come, it is two weeks now and nobody answers the telephone",
        "label": label,
        "selected": number % 2 == 0,
        "drop_reason": "" if number % 2 == 0 else "the seeds' classifier puts another label first",
        "nearest": [
            {"text": f"when will the card that I ordered come, order {index}", "label": label,
             "similarity": round(0.9 - index / 10, 3), "set": "train"}
            for index in range(3)
        ],
    }  # fmt: skip
