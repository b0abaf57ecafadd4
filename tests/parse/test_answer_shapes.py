"""Answers as models of all families write them: every text without what surrounds it, or a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from textsynth.parse import ParseFailure, make_reader, without_thinking

SHAPES = json.loads((Path(__file__).parent / "answer_shapes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("shape", SHAPES, ids=[shape["name"] for shape in SHAPES])
def test_the_texts_of_an_answer_are_read_without_what_surrounds_them(shape: dict[str, object]) -> None:
    answer = without_thinking(str(shape["answer"]))
    if isinstance(answer, ParseFailure):
        assert ([], [answer.reason]) == (shape["texts"], shape["reasons"])
        return
    result = make_reader(shape["reader"], "").read(answer, truncated=bool(shape.get("truncated")))
    reasons = [failure.reason for failure in result.failures]
    assert (list(result.texts), reasons) == (shape["texts"], shape.get("reasons", []))


def test_there_are_enough_shapes_of_every_reader() -> None:
    readers = [shape["reader"] if isinstance(shape["reader"], str) else next(iter(shape["reader"])) for shape in SHAPES]
    assert len(SHAPES) >= 300
    assert {"choice", "json", "list", "regex", "tagged", "text"} == set(readers)
