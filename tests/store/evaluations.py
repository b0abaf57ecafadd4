"""The content of a small valid `evaluation.json`."""

from __future__ import annotations

from typing import Any

from textsynth.store.evaluation import EvaluationSchema

SCORES: dict[str, Any] = {
    "macro_f1": 0.5,
    "accuracy": 0.5,
    "balanced_accuracy": 0.5,
    "micro_f1": None,
    "quadratic_kappa": None,
    "interval": [0.4, 0.6],
    "per_label": {"refund": {"f1": 0.5, "precision": 0.4, "recall": 0.6, "test_rows": 20}},
    "train_rows": 10,
    "sample_weight": 1.0,
}
DIFFERENCE: dict[str, Any] = {
    "arm": "seeds_selected",
    "baseline": "seeds",
    "classifier": "words",
    "difference": 0.1,
    "interval": [0.05, 0.15],
    "per_label": {"refund": {"change": 0.1, "interval": [0.0, 0.2], "test_rows": 20, "few_rows": False}},
}
VERDICT: dict[str, Any] = {
    "effect": "helps",
    "classifier": "words",
    "arm": "seeds_selected",
    "baseline": "seeds",
    "difference": 0.1,
    "interval": [0.05, 0.15],
    "labels_better": ["refund"],
    "labels_worse": [],
    "labels_few_rows": [],
    "test_copies": 1,
    "sentences": ["They help."],
}
COPY: dict[str, Any] = {
    "kind": "exact",
    "sets": ["selected", "test"],
    "ids": ["a", "b"],
    "texts": ["é 亀", "é 亀"],
    "labels": ["refund", "refund"],
    "same_label": True,
    "similarity": 1.0,
}
CONTAMINATION: dict[str, Any] = {
    "test_copies": 1,
    "above_base_rate": [],
    "counts": {"selected-test": 1},
    "kinds": {"selected-test": {"exact": 1}},
    "copied_rows": {"selected-test": 1},
    "close": {"selected-test": 1},
    "label_conflicts": {"selected-test": 0},
    "base_rates": {
        "test": {
            **{"rows": 20, "exact": 0.0, "near": 0.0, "semantic": 0.0, "close": 0.0},
            "limits": {"words": 0.0, "cosine": 0.95},
        }
    },
    "pairs": [COPY],
}
LENGTHS: dict[str, Any] = {"mean": 5.0, "median": 5.0, "p10": 4.0, "p90": 6.0, "histogram": [1.0]}
DOMAIN_SHIFT: dict[str, Any] = {
    "auc_words": 0.7,
    "auc_embeddings": None,
    "texts_per_side": 20,
    "synthetic_words": [{"word": "kindly", "weight": 1.5, "synthetic": 0.5, "real": 0.1}],
    "real_words": [],
    "length": {"synthetic": LENGTHS, "real": None, "bin_edges": [4, 7]},
    "vocabulary": {"synthetic": 30, "real": 40, "shared": 0.5},
    "labels": {"refund": {"synthetic": 1.0, "real": None}},
    "attributes": {"tone": {"calm": 1.0}},
}
DIVERSITY: dict[str, Any] = {
    "texts_per_side": 20,
    "synthetic": {
        **{"distinct_1": 0.5, "distinct_2": 0.9, "compression_ratio": 1.5},
        **{"mean_similarity": None, "vendi_score": None, "duplicate_share": 0.0},
    },
    "real": None,
    "coverage": {"share": 0.5, "real_texts": 20, "limit": 0.6, "reference": 0.7},
}
CONTENT: dict[str, Any] = {
    "data": {
        "name": "parcels",
        "synthetic": {"raw": 30, "selected": 20, "surplus": 5},
        **{"train": 10, "dev": 0, "all": 0, "test": 20},
        "excluded_test_rows": [3],
        "labels": ["refund"],
        **{"multi_label": False, "ordinal": False},
        "label_counts": {"train": {"refund": 10}},
    },
    "classifiers": ["words"],
    "arms": {"seeds": {"words": SCORES}, "random": {"words": {**SCORES, "draws": 3, "sd": 0.02}}},
    "differences": [DIFFERENCE],
    "verdict": VERDICT,
    "sample_weights": {
        "words": {
            **{"weight": 0.3, "prior": 0.3, "held_out_rows": 10},
            "grid": [{"weight": 0.3, "log_loss": 1.2, "standard_error": 0.0}],
        }
    },
    "learning_curves": {"words": [{"train_rows": 10, "macro_f1": 0.5, "sd": 0.0}]},
    "ablation": [
        {
            **{"step": "length", "dropped": 5, "readmitted": 3, "classifier": "words"},
            **{"with_filter": 0.5, "without_filter": 0.45, "random_drop": 0.46, "random_drop_sd": 0.01},
        }
    ],
    "contamination": CONTAMINATION,
    "domain_shift": DOMAIN_SHIFT,
    "diversity": DIVERSITY,
    "nearest_texts": [
        {
            **{"id": "a", "text": "é 亀", "label": "refund", "selected": True, "drop_reason": ""},
            "nearest": [{"text": "é 亀", "label": "refund", "similarity": 1.0, "set": "test"}],
        }
    ],
    "notes": [],
}


def evaluation_content(**fields: Any) -> dict[str, Any]:
    """Return the content of a valid file; `fields` replace top-level fields of the schema."""
    return EvaluationSchema.model_validate({**CONTENT, **fields}).as_json()
