"""The calibration of a labeller on gold rows, as a manifest has it."""

from __future__ import annotations

from textsynth.core.calibration_summary import CalibrationSummary

GOLD: CalibrationSummary = {
    "source": "checked",
    "all": {"rows": 120, "right": 101, "low": 0.7659, "high": 0.8962},
    "unread": 0,
    "labels": [
        {"label": "refund", "rows": 80, "right": 70, "low": 0.7847, "high": 0.9307},
        {"label": "late_delivery", "rows": 40, "right": 31, "low": 0.625, "high": 0.8768},
    ],
    "bands": [
        {
            "lowest": 0.3333,
            "highest": 0.6667,
            "confidence": 0.5676,
            "rows": 36,
            "right": 21,
            "low": 0.4218,
            "high": 0.73,
        },
        {"lowest": 1.0, "highest": 1.0, "confidence": 0.9412, "rows": 84, "right": 80, "low": 0.8839, "high": 0.9813},
    ],
    "sentence": (
        "choice: 84 % of 120 gold rows labelled correctly (77–90 %); from confidence .94 on, 95 % are correct (88–98 %)"
        " and 70 % of the gold rows pass"
    ),
    "precision": 0.95,
    "kept": {"confidence": 0.9412, "before": 1.0, "rows": 84, "right": 80, "low": 0.8839, "high": 0.9813},
}
