from __future__ import annotations

import pytest

from textsynth.core.errors import RecipeError
from textsynth.recipe.issues import AFTER_LAST_LINE, IssueCollector, Position


def test_issues_are_sorted_by_line_and_listed_once() -> None:
    issues = IssueCollector()
    issues.add(Position(AFTER_LAST_LINE, "--set 'a=b'"), "last")
    issues.add(Position(10, "r:10"), "third")
    issues.add(Position(2, "r:2"), "first")
    issues.add(Position(2, "r:2"), "second")
    issues.add(Position(2, "r:2"), "first")
    assert len(issues) == 4
    assert [issue.sentence for issue in issues.sorted_issues()] == ["first", "second", "third", "last"]


def test_an_issue_is_one_line_that_does_not_repeat_its_position() -> None:
    issues = IssueCollector()
    issues.add(Position(1, "r:1"), "r:1: one\ntwo")
    assert issues.sorted_issues()[0].sentence == "one two"


def test_an_error_is_raised_only_where_there_is_an_issue() -> None:
    issues = IssueCollector()
    issues.raise_if_any()
    issues.add(Position(1, "r:1"), "wrong")
    with pytest.raises(RecipeError, match=r"^r:1: wrong\nr:2: the end$"):
        issues.fail(Position(2, "r:2"), "the end")
    with pytest.raises(RecipeError):
        issues.raise_if_any()
