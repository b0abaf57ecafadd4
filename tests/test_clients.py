"""Exported files in the clients of the tools they are for, from PyPI, in an environment of their own.

They run where TEXTSYNTH_TEST_CLIENTS names a Python that has argilla and label-studio-sdk, or is `install`: then an
environment is made for them (a minute).
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.export.formats.examples import example_info, example_texts
from textsynth.export.formats import write_format

pytestmark = pytest.mark.clients
CLIENTS = Path(__file__).parent / "clients"
KINDS = list(itertools.product(("classification", "paraphrase", "summarization"), (False, True)))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    setting = os.environ.get("TEXTSYNTH_TEST_CLIENTS")
    if not setting:
        pytest.skip("set TEXTSYNTH_TEST_CLIENTS to a Python that has argilla and label-studio-sdk, or to install")
    if setting != "install":
        return setting
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    interpreter = str(folder / "bin" / "python")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        interpreter,
        "install",
        "-q",
        "argilla>=2.8,<3",
        "label-studio-sdk>=2,<3",
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the clients cannot be installed from here: {done.stderr[-200:]}")
    return interpreter


def loaded(python: str, script: str, name: str, folder: Path) -> list[dict[str, Any]]:
    """Export every kind of task in a format and return what its client makes of each."""
    folders = []
    for task, multi_label in KINDS:
        out = folder / f"{task}-{multi_label}"
        write_format(
            name,
            example_texts(task=task, multi_label=multi_label),
            example_info(task=task, multi_label=multi_label),
            out,
        )
        folders.append(str(out))
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [python, str(CLIENTS / script), *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_argilla_takes_settings_records_suggestions_and_scores(python: str, tmp_path: Path) -> None:
    exports = loaded(python, "load_argilla.py", "argilla", tmp_path)
    for (task, multi_label), loaded_export in zip(KINDS, exports, strict=True):
        labelled = (
            {} if task == "summarization" else {"label": "MultiLabelQuestion" if multi_label else "LabelQuestion"}
        )
        rewriting = {} if task == "classification" else {"right": "LabelQuestion", "better": "TextQuestion"}
        assert loaded_export["questions"] == labelled | rewriting
        assert [record["id"] for record in loaded_export["records"]] == [letter * 16 for letter in "abc"]
        assert loaded_export["records"][0]["metadata"]["confidence"] == 0.75
        if labelled:
            value = ["refund", "delivery"] if multi_label else "refund"
            assert loaded_export["records"][0]["suggestions"]["label"] == [value, [0.75, 0.75] if multi_label else 0.75]
        suggested = sorted([*labelled, *(["better"] if rewriting else [])])
        assert loaded_export["sent"] == [[letter * 16, *suggested] for letter in "abc"]


def test_label_studio_takes_the_interface_and_every_prediction(python: str, tmp_path: Path) -> None:
    exports = loaded(python, "load_label_studio.py", "label-studio", tmp_path)
    for (task, _), loaded_export in zip(KINDS, exports, strict=True):
        labelled = {} if task == "summarization" else {"label": ["refund", "delivery"]}
        rewriting = {} if task == "classification" else {"right": ["yes", "no"], "better": []}
        assert loaded_export["valid"] is True
        assert loaded_export["controls"] == labelled | rewriting
        assert (loaded_export["tasks"], loaded_export["errors"]) == ([True] * 3, [])
        if labelled:
            assert loaded_export["scores"] == [0.75, 0.5, None]
            assert loaded_export["errors_of_invalid"]
