from __future__ import annotations

import pytest

from textsynth.core.errors import RecipeError
from textsynth.recipe.issues import AFTER_THE_FILE, IssueCollector, Position


def test_mistakes_come_in_the_order_of_their_lines_and_once() -> None:
    mistakes = IssueCollector()
    mistakes.add(Position(AFTER_THE_FILE, "--set 'a=b'"), "last")
    mistakes.add(Position(10, "r:10"), "third")
    mistakes.add(Position(2, "r:2"), "first")
    mistakes.add(Position(2, "r:2"), "second")
    mistakes.add(Position(2, "r:2"), "first")
    assert len(mistakes) == 4
    assert [one.sentence for one in mistakes.listed()] == ["first", "second", "third", "last"]


def test_a_mistake_is_one_line() -> None:
    mistakes = IssueCollector()
    mistakes.add(Position(1, "r:1"), "one\ntwo")
    assert mistakes.listed()[0].sentence == "one two"


def test_stopping_raises_only_where_there_is_something_to_tell() -> None:
    mistakes = IssueCollector()
    mistakes.stop()
    mistakes.add(Position(1, "r:1"), "wrong")
    with pytest.raises(RecipeError, match=r"^r:1: wrong\nr:2: the end$"):
        mistakes.fail(Position(2, "r:2"), "the end")
    with pytest.raises(RecipeError):
        mistakes.stop()
