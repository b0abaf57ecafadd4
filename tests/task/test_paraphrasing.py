from __future__ import annotations

from textsynth.core.records import Provenance, Record
from textsynth.core.task import Example, RecipeFacts
from textsynth.task.paraphrasing import Paraphrasing

TASK = Paraphrasing()


def test_a_row_is_a_text_and_its_paraphrase() -> None:
    record = Record("give it back", Provenance("paraphrase"), ("refund",), {"source_text": "I want my money"})
    assert TASK.column_texts(record) == {"text": "I want my money", "paraphrase": "give it back"}
    assert TASK.texts(record) == ("give it back",)
    assert TASK.context_texts(record) == {"original": "I want my money"}
    assert (TASK.has_labels(["refund"]), TASK.has_labels([])) == (True, False)
    assert (TASK.needs_labels, TASK.evaluates) == (False, False)


def test_a_paraphrase_must_keep_the_meaning() -> None:
    facts = RecipeFacts(("seeds",), seeds="seeds")
    assert TASK.default_filters(facts)[-2:] == ["near_duplicate", "same_meaning"]
    assert TASK.default_select(facts, by_label=True) == []
    assert TASK.default_want(facts) == {"total": 100}


def test_labelled_pairs_are_a_classification_too() -> None:
    assert TASK.hub_categories([]) == ["text-generation"]
    assert TASK.hub_categories(["refund"]) == ["text-generation", "text-classification"]


def test_annotators_are_asked_whether_the_meaning_is_kept() -> None:
    assert TASK.review_question.title == "Does the paraphrase mean the same as the original?"
    assert list(TASK.review_question.answers) == ["yes", "no"]
    assert TASK.fields_shown == {"text": "original", "paraphrase": "paraphrase"}


def test_a_chat_example_asks_for_the_paraphrase() -> None:
    example = Example({"text": "I want my money", "paraphrase": "give it back"}, [])
    assert TASK.chat_example(example, "Rewrite.", []) == ("Rewrite.\n\nI want my money", "give it back")
    assert TASK.instruction({}, multi_label=False).startswith("Say this text in other words")
