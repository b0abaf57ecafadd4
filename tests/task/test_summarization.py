from __future__ import annotations

from textsynth.core.records import Provenance, Record
from textsynth.core.task import Example, RecipeFacts
from textsynth.task.summarization import Summarization

TASK = Summarization()


def test_a_row_is_a_document_and_its_summary() -> None:
    record = Record("short", Provenance("summary"), ("news",), {"document": "a long text"})
    assert TASK.column_texts(record) == {"document": "a long text", "summary": "short"}
    assert TASK.texts(record) == ("short",)
    assert TASK.context_texts(record) == {"document": "a long text"}
    assert TASK.has_labels(["news"]) is False
    assert (TASK.needs_labels, TASK.evaluates) == (False, False)


def test_a_summary_must_be_faithful_to_its_document() -> None:
    facts = RecipeFacts(("papers",), seeds="papers")
    assert TASK.default_filters(facts)[-1] == "faithfulness"
    assert TASK.default_select(facts, by_label=True) == []
    assert TASK.default_want(facts) == {"total": 100}


def test_the_category_is_the_hubs_whatever_labels_there_are() -> None:
    assert TASK.hub_categories(["news"]) == ["summarization"]


def test_annotators_are_asked_whether_the_summary_is_right() -> None:
    assert TASK.review_question.title == "Is the summary correct?"
    assert list(TASK.review_question.answers) == ["yes", "no"]


def test_a_chat_example_asks_for_the_summary() -> None:
    example = Example({"document": "a long text", "summary": "short"}, [])
    assert TASK.chat_example(example, "Summarize.", []) == ("Summarize.\n\na long text", "short")
