from __future__ import annotations

import re
from pathlib import Path

import pytest

from textsynth.core.errors import UsageError
from textsynth.store.evaluation import delete_evaluation, read_evaluation, write_evaluation


def test_an_evaluation_is_read_as_written_until_it_is_forgotten(tmp_path: Path) -> None:
    assert read_evaluation(tmp_path) is None
    write_evaluation(tmp_path, {"version": 1, "notes": ["é 亀"]})
    assert read_evaluation(tmp_path) == {"version": 1, "notes": ["é 亀"]}
    delete_evaluation(tmp_path)
    delete_evaluation(tmp_path)
    assert read_evaluation(tmp_path) is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "the evaluation is damaged (Expecting"),
        ("[]", "the evaluation is damaged (no map but list)"),
        ("[" * 100_000, "the evaluation is damaged"),
        ('{"version": 2}', "the evaluation has form 2, this version reads form 1"),
    ],
)
def test_an_evaluation_that_cannot_be_read_is_one_sentence(told: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(told)
    with pytest.raises(UsageError, match=re.escape(f"evaluation.json: {said}")) as fault:
        read_evaluation(tmp_path)
    assert str(fault.value).endswith("run `textsynth evaluate` again")
