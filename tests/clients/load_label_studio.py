"""Loads exported folders in Label Studio's own SDK, in an environment of its own; prints what the SDK read, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def load(folder: Path) -> dict[str, Any]:
    """Return the interface's controls, and what the SDK says about each task, each prediction and an invalid one."""
    from label_studio_sdk.label_interface import LabelInterface
    from label_studio_sdk.label_interface.objects import TaskValue

    interface = LabelInterface((folder / "config.xml").read_text(encoding="utf-8"))
    interface.validate()
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    predictions = [prediction for task in tasks for prediction in task["predictions"]]
    invalid = json.loads(json.dumps(predictions[0]).replace("refund", "refunt")) if predictions else None
    return {
        "valid": interface.is_valid,
        "controls": {control.name: list(getattr(control, "labels", []) or []) for control in interface.controls},
        # the SDK's check of a whole task calls its check of predictions without one, so data and predictions go apart
        "tasks": [bool(TaskValue(**task).data and interface.validate_task({"data": task["data"]})) for task in tasks],
        "errors": [
            error
            for prediction in predictions
            for error in interface.validate_prediction(prediction, return_errors=True)
        ],
        "errors_of_invalid": interface.validate_prediction(invalid, return_errors=True) if invalid else None,
        "scores": [prediction.get("score") for prediction in predictions],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps([load(Path(name)) for name in sys.argv[1:]]))
