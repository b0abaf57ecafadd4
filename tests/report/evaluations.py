"""Evaluations as `textsynth evaluate` writes them: small, big, harmful, leaking, hostile, and one that says little."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

from textsynth.store.evaluation import FORMAT, EvaluationSchema

CLASSIFIERS = ("words", "embeddings")
ARMS = ("seeds", "raw", "selected", "seeds_raw", "seeds_selected", "random", "seeds_random", "fitted", "all")
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
MATTERS = ("arrival", "declined", "pending", "not_recognised_by_the_machine", "charged_twice", "limit", "lost_abroad")
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=http://leak.invalid/x.png onerror="document.title=\'owned\'">',
    "'><svg onload=document.title='owned'><style>@import url(http://leak.invalid/a.css)</style>",
    "</title></desc></svg></style><iframe src=http://leak.invalid/f></iframe>",
    "{{ 7 * 7 }} {% include 'style.css' %} \x1b[2J\u202egnol \ud800 \x00 \u2028 end",
    "W" * 400 + " <b>wide</b> " + "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 120,
)


def small() -> dict[str, Any]:
    """Return an evaluation of two labels that helps a little."""
    return evaluation(["route", "fare"], CHECKS[:4], shift=0.03, test=300)


def big() -> dict[str, Any]:
    """Return an evaluation of 77 labels, 12 checks and 4 attributes; 9 classes have few test texts."""
    return evaluation(names(77), CHECKS, shift=0.03, test=3080, attributes=4)


def huge() -> dict[str, Any]:
    """Return an evaluation of 300 labels with names as long as they get."""
    labels = [f"{name}_{'or_something_of_that_kind' * (place % 3)}" for place, name in enumerate(names(300))]
    return evaluation(labels, CHECKS, shift=0.0, test=10_000, attributes=8)


def harm() -> dict[str, Any]:
    """Return an evaluation whose synthetic texts harm."""
    told = evaluation(names(6), CHECKS[:6], shift=-0.08, test=600)
    told["verdict"] |= {"effect": "harms", "sentences": [
        "The synthetic texts harm: with them a classifier on sentence embeddings loses 0.083 macro-F1 "
        "(95 % interval −0.110 to −0.055) against the seeds alone.",
        "Leave them out, or raise the weight of the seeds; the fitted weight is 0.",
        "About 120 more real texts would bring about +0.04, from the learning curve of the seeds."]}  # fmt: skip
    for fitted in told["weights"].values():
        fitted["weight"] = 0
    return told


def leak() -> dict[str, Any]:
    """Return an evaluation whose test texts lie among the synthetic ones."""
    told = evaluation(names(4), CHECKS[:3], shift=0.1, test=400)
    told["verdict"] |= {"effect": "leak", "leaks": 12, "sentences": [
        "12 test texts lie among the selected texts: the gain below is memory, not learning.",
        "Take them out (`filter: leak: {source: test}`) and evaluate again."]}  # fmt: skip
    told["data"]["test_left_out"] = list(range(11))
    kinds = ("exact", "near", "semantic")
    told["leaks"] |= {
        "found": 12,
        "beyond_chance": ["selected-test"],
        "conflicts": {"selected-test": 1, "raw-test": 2},
        "close": {},
        "pairs": [
            {
                "kind": kinds[number % 3],
                "between": ["selected", "test"],
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
    return told


def bare() -> dict[str, Any]:
    """Return an evaluation that tells the scores of its arms and nothing else."""
    return {
        "version": FORMAT,
        "arms": {name: {"words": {"macro_f1": 0.5 + 0.02 * place}} for place, name in enumerate(ARMS)},
    }


def hostile() -> dict[str, Any]:
    """Return an evaluation in which every text, label, word, name and note tries to be more than text."""
    labels = list(HOSTILE)
    told = evaluation(labels, [*HOSTILE[:4], "length"], shift=0.02, test=300)
    told["data"]["name"] = HOSTILE[0]
    told["verdict"] |= {"sentences": list(HOSTILE), "classes_worse": labels, "classes_better": labels}
    told["arms"][HOSTILE[1]] = copy.deepcopy(told["arms"]["raw"])
    told["classifiers"] = [*CLASSIFIERS, HOSTILE[3]]
    told["gap"]["attributes"] = {text: {other: 0.2 for other in HOSTILE} for text in HOSTILE[:3]}
    for place, text in enumerate(HOSTILE):
        told["gap"]["synthetic_words"][place]["word"] = text
        told["neighbours"][place] |= {"text": text * 20, "why": text, "label": text}
        told["neighbours"][place]["nearest"][0] |= {"text": text, "label": text, "set": text}
    told["leaks"] = {"found": 1, "counts": {HOSTILE[0]: 1}, "pairs": [
        {"kind": HOSTILE[0], "between": HOSTILE[1:3], "ids": HOSTILE[1:3], "texts": HOSTILE[:2], "labels": HOSTILE[2:4]}
    ]}  # fmt: skip
    told["notes"], told["versions"] = list(HOSTILE), {HOSTILE[0]: HOSTILE[1]}
    return told


def names(count: int) -> list[str]:
    """Return that many labels, all different."""
    made = [f"{topic}_{matter}" for matter in MATTERS for topic in TOPICS]
    return (made + [f"{one}_{number}" for number in range(2, 6) for one in made])[:count]


def evaluation(
    labels: Sequence[str], checks: Sequence[str], *, shift: float, test: int, attributes: int = 1
) -> dict[str, Any]:
    """Return a whole evaluation in which adding synthetic texts changes macro-F1 by about `shift`."""
    dice = random.Random(7)
    arms = {name: {by: _arm(dice, name, by, labels, shift, test) for by in CLASSIFIERS} for name in ARMS}
    content = {
        "version": FORMAT,
        "data": _data(labels, test),
        "classifiers": list(CLASSIFIERS),
        "arms": arms,
        "differences": [
            _difference(dice, arms, more, less, by)
            for more, less in (("seeds_selected", "seeds"), ("selected", "random"), ("seeds_selected", "seeds_random"),
                               ("fitted", "seeds"))
            for by in CLASSIFIERS
        ],
        "verdict": _verdict(labels, shift),
        "weights": {by: _weights(dice, len(labels)) for by in CLASSIFIERS},
        "curve": {by: _curve(dice, arms["seeds"][by]["macro_f1"], 5 * len(labels)) for by in CLASSIFIERS},
        "earned": [_earned(dice, item, by) for by in CLASSIFIERS for item in checks],
        "leaks": {
            "found": 0,
            "beyond_chance": [],
            "pairs": [],
            "counts": {"selected-test": 0, "raw-test": 3, "train-test": 0},
            "close": {"selected-test": 4, "raw-test": 9, "train-test": 2},
            "kinds": {},
            "rows": {},
            "conflicts": {},
            "usual": {},
        },
        "gap": _gap(dice, labels, attributes),
        "diversity": {
            "n": 300,
            "synthetic": {"distinct_1": 0.21, "distinct_2": 0.58, "compression_ratio": 2.91, "mean_similarity": 0.33,
                          "vendi": 61.2, "duplicates": 0.04},
            "real": {"distinct_1": 0.27, "distinct_2": 0.71, "compression_ratio": 2.32, "mean_similarity": 0.24,
                     "vendi": 97.5, "duplicates": 0.0},
            "coverage": {"share": 0.72, "of": 300, "limit": 0.6, "reference": 0.85},
        },
        "neighbours": [_neighbour(dice, number, labels) for number in range(24)],
        "notes": ["the test data have no text of 2 labels"],
        "seconds": 12.34,
        "versions": {"textsynth": "0.1.0", "scikit-learn": "1.7"},
    }  # fmt: skip
    return EvaluationSchema.model_validate(content).as_json()


def _data(labels: Sequence[str], test: int) -> dict[str, Any]:
    each = {"train": 5, "raw": 26, "selected": 8, "test": test // len(labels)}
    return {
        "name": "quickstart",
        "synthetic": {"raw": 26 * len(labels), "selected": 8 * len(labels), "surplus": len(labels)},
        "train": 5 * len(labels),
        "test_left_out": [],
        "dev": 0,
        "test": test,
        "all": 0,
        "labels": list(labels),
        "multi_label": False,
        "ordinal": False,
        "label_counts": {part: dict.fromkeys(labels, count) for part, count in each.items()},
    }


def _arm(dice: random.Random, name: str, by: str, labels: Sequence[str], shift: float, test: int) -> dict[str, Any]:
    level = {"seeds": 0.0, "raw": -0.12, "selected": -0.07, "random": -0.11, "seeds_raw": shift / 3, "all": 0.12,
             "seeds_random": shift / 2, "seeds_selected": shift, "fitted": max(0.0, shift) + 0.01}[name]  # fmt: skip
    middle = (0.58 if by == "words" else 0.74) + level + dice.uniform(-0.01, 0.01)
    scores = {label: round(min(1.0, max(0.0, middle + dice.gauss(0, 0.12))), 4) for label in labels}
    drawn = {"draws": 3, "spread": 0.012} if "random" in name else {}
    return {
        "macro_f1": round(middle, 4),
        "accuracy": round(middle + 0.01, 4),
        "balanced_accuracy": round(middle + 0.005, 4),
        "micro_f1": None,
        "kappa": None,
        "interval": [round(middle - 0.03, 4), round(middle + 0.028, 4)],
        "per_class": {
            label: {"f1": f1, "precision": f1, "recall": f1, "test": _tested(place, labels, test)}
            for place, (label, f1) in enumerate(scores.items())
        },
        "n": 5 * len(labels) * (2 if "seeds_" in name else 1),
        "weight": 0.3 if name == "fitted" else 1.0,
        **drawn,
    }


def _tested(place: int, labels: Sequence[str], test: int) -> int:
    return 11 if place % 8 == 7 else test // len(labels)


def _difference(dice: random.Random, arms: dict[str, Any], more: str, less: str, by: str) -> dict[str, Any]:
    one, other = arms[more][by], arms[less][by]
    changed = {}
    for label, scores in one["per_class"].items():
        change = scores["f1"] - other["per_class"][label]["f1"]
        wide = dice.uniform(0.03, 0.12)
        changed[label] = {"change": round(change, 4), "interval": [round(change - wide, 4), round(change + wide, 4)],
                          "test": scores["test"], "few": scores["test"] < 20}  # fmt: skip
    difference = one["macro_f1"] - other["macro_f1"]
    return {
        "arm": more,
        "minus": less,
        "classifier": by,
        "difference": round(difference, 4),
        "interval": [round(difference - 0.021, 4), round(difference + 0.02, 4)],
        "per_class": changed,
    }


def _verdict(labels: Sequence[str], shift: float) -> dict[str, Any]:
    return {
        "effect": "helps" if shift > 0 else "no_difference",
        "classifier": "embeddings",
        "arm": "seeds_selected",
        "minus": "seeds",
        "difference": shift,
        "interval": [shift - 0.02, shift + 0.02],
        "classes_better": list(labels[: max(1, len(labels) // 5)]),
        "classes_worse": list(labels[-1:]),
        "classes_few": list(labels[7::8]),
        "leaks": 0,
        "sentences": [
            f"The synthetic texts {'help' if shift > 0 else 'make no difference'}: with them a classifier on sentence "
            f"embeddings changes by {shift:+.3f} macro-F1 (95 % interval {shift - 0.02:+.3f} to {shift + 0.02:+.3f}).",
            "About 60 more real texts would bring +0.03, from the learning curve of the seeds.",
        ],
    }


def _weights(dice: random.Random, labels: int) -> dict[str, Any]:
    loss = 1.2 + dice.uniform(0, 1)
    grid = [(0, 0.15), (0.1, 0.05), (0.3, 0.0), (1, 0.08)]
    tried = [{"weight": weight, "log_loss": round(loss + more, 4), "se": 0.05} for weight, more in grid]
    return {"weight": 0.3, "prior": 0.3, "rows": 5 * labels, "grid": tried}


def _curve(dice: random.Random, last: float, texts: int) -> list[dict[str, Any]]:
    parts = [(part, last - 0.3 * (1 - part) ** 2) for part in (0.2, 0.4, 0.6, 0.8, 1.0)]
    return [
        {"train": round(texts * part), "macro_f1": round(score, 4), "spread": round(dice.uniform(0.005, 0.03), 4)}
        for part, score in parts
    ]


def _earned(dice: random.Random, item: str, by: str) -> dict[str, Any]:
    without = 0.69 + dice.uniform(-0.01, 0.01)
    return {
        "step": item,
        "dropped": dice.randrange(400),
        "readmitted": dice.randrange(200),
        "classifier": by,
        "with": round(without + dice.gauss(0.008, 0.012), 4),
        "without": round(without, 4),
        "random": round(without + dice.gauss(0.002, 0.004), 4),
        "random_spread": 0.006,
    }


def _gap(dice: random.Random, labels: Sequence[str], attributes: int) -> dict[str, Any]:
    values = ("plain", "annoyed", "in a hurry", "with a spelling mistake", "polite and rather long")
    shares = [dice.uniform(0.5, 1.5) for _ in labels]
    return {
        "auc_words": 0.93,
        "auc_embeddings": 0.9,
        "n": 300,
        "synthetic_words": [
            {"word": f"word{place}", "weight": round(2 - place / 20, 2), "synthetic": 0.3 - place / 100, "real": 0.01}
            for place in range(20)
        ],
        "real_words": [
            {"word": f"said{place}", "weight": round(1.5 - place / 20, 2), "synthetic": 0.0, "real": 0.2 - place / 110}
            for place in range(20)
        ],
        "length": {
            "edges": [1, 4, 7, 10, 13, 16, 19, 25, 40],
            "synthetic": {"mean": 11.2, "median": 11, "p10": 6, "p90": 17, "histogram": [3, 30, 80, 92, 60, 25, 9, 1]},
            "real": {"mean": 12.9, "median": 10, "p10": 5, "p90": 25, "histogram": [12, 60, 76, 50, 33, 20, 29, 20]},
        },
        "vocabulary": {"synthetic": 812, "real": 1204, "shared": 0.26},
        "labels": {
            label: {"synthetic": 1 / len(labels), "real": one / sum(shares)}
            for label, one in zip(labels, shares, strict=True)
        },
        "attributes": {
            f"attribute {number}": {value: 1 / (place + 2) for place, value in enumerate(values)}
            for number in range(attributes)
        },
    }


def _neighbour(dice: random.Random, number: int, labels: Sequence[str]) -> dict[str, Any]:
    label = dice.choice(labels)
    return {
        "id": f"{number:016x}",
        "text": f"my card number {number} has still not come, it is two weeks now and nobody answers the telephone",
        "label": label,
        "kept": number % 2 == 0,
        "why": "" if number % 2 == 0 else "the seeds' classifier puts another label first",
        "nearest": [
            {"text": f"when will the card that I ordered come, order {one}", "label": label,
             "similarity": round(0.9 - one / 10, 3), "set": "train"}
            for one in range(3)
        ],
    }  # fmt: skip
