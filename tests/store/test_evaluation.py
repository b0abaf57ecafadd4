from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.evaluations import DIFFERENCE, VERDICT, evaluation_content
from textsynth.core.errors import UsageError
from textsynth.store.evaluation import FORMAT, delete_evaluation, read_evaluation, write_evaluation


def test_an_evaluation_is_read_as_written_until_it_is_deleted(tmp_path: Path) -> None:
    assert read_evaluation(tmp_path) is None
    content = evaluation_content(notes=["é 亀"])
    write_evaluation(tmp_path, content)
    assert read_evaluation(tmp_path) == content
    delete_evaluation(tmp_path)
    delete_evaluation(tmp_path)
    assert read_evaluation(tmp_path) is None


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    content = evaluation_content(verdict={**VERDICT, "author": {"name": "a person"}}, seconds=12.5)
    write_evaluation(tmp_path, content)
    evaluation = read_evaluation(tmp_path)
    assert evaluation == content
    assert (evaluation["seconds"], evaluation["verdict"]["author"]) == (12.5, {"name": "a person"})


def test_numbers_are_rounded_to_six_decimals() -> None:
    content = evaluation_content(differences=[{**DIFFERENCE, "difference": 1 / 3, "interval": (0.1234567, 2 / 3)}])
    assert content["differences"][0]["difference"] == 0.333333
    assert content["differences"][0]["interval"] == [0.123457, 0.666667]


def read_error(folder: Path, text: str) -> str:
    """Return the message of the error of a file with the given text."""
    path = folder / "evaluation.json"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_evaluation(folder)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("run `textsynth evaluate` again")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the evaluation is damaged (Expecting"),
        ("[]", "the evaluation is damaged (it is a list, not an object)"),
        ("[" * 100_000, "the evaluation is damaged"),
        ('{"version": 1}', f"the evaluation has format version 1, but this version of TextSynth reads {FORMAT}"),
        ("{}", "the evaluation has format version 'missing'"),
    ],
)
def test_a_file_that_is_no_evaluation_is_reported_in_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    assert f"evaluation.json: {message}" in read_error(tmp_path, text)


def remove(*path: str | int) -> Callable[[dict[str, Any]], None]:
    """Return a function that removes a key of a file's content."""

    def change(content: Any) -> None:
        for part in path[:-1]:
            content = content[part]
        del content[path[-1]]

    return change


def replace(value: object, *path: str | int) -> Callable[[dict[str, Any]], None]:
    """Return a function that replaces a value of a file's content."""

    def change(content: Any) -> None:
        for part in path[:-1]:
            content = content[part]
        content[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("verdict"), "verdict is missing"),
        (remove("differences", 0, "interval"), "differences[0].interval is missing"),
        (remove("arms", "seeds", "words", "accuracy"), "arms.seeds.words.accuracy is missing"),
        (
            replace("0.5", "differences", 0, "difference"),
            "differences[0].difference should be a valid number, but is '0.5'",
        ),
        (replace([0.1], "verdict", "interval"), "verdict.interval should have at least 2 items"),
        (replace(float("nan"), "arms", "seeds", "words", "macro_f1"), "arms.seeds.words.macro_f1 should be a finite"),
        (replace(True, "data", "test"), "data.test should be a valid integer, but is True"),
        (replace("wonderful", "verdict", "effect"), "verdict.effect should be 'helps', 'no_difference', 'harms', 'l"),
        (replace({"not sorted": 1}, "notes"), "notes should be a valid list, but is {'not sorted': 1}"),
        (replace([1], "data", "labels"), "data.labels[0] should be a valid string, but is 1"),
    ],
)
def test_a_damaged_value_is_reported_with_its_path(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    content = evaluation_content()
    change(content)
    assert f"the evaluation is damaged ({message}" in read_error(tmp_path, json.dumps(content))


def test_keys_that_are_no_identifiers_are_quoted_in_the_path(tmp_path: Path) -> None:
    content = evaluation_content()
    content["data"]["label_counts"] = {"train": {"lost card": "many"}}
    message = re.escape("(data.label_counts.train['lost card'] should be a valid integer, but is 'many')")
    assert re.search(message, read_error(tmp_path, json.dumps(content)))


def test_half_a_surrogate_pair_is_replaced_when_written(tmp_path: Path) -> None:
    write_evaluation(tmp_path, evaluation_content(notes=["\ud800"], arms={"\ud800": {}}))
    evaluation = read_evaluation(tmp_path)
    assert evaluation is not None
    assert (evaluation["notes"], evaluation["arms"]) == (["?"], {"?": {}})
