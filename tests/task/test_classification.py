from __future__ import annotations

from textsynth.core.records import Provenance, Record
from textsynth.core.task import Example, RecipeFacts, StepSpec
from textsynth.task.classification import Classification

TASK = Classification()
LABELS = {"refund": "asks for money back", "delay": "delay", "other": ""}


def names(specs: list[StepSpec]) -> list[str]:
    return [spec if isinstance(spec, str) else next(iter(spec)) for spec in specs]


def test_a_row_is_a_text_with_a_label() -> None:
    record = Record("where is it", Provenance("labelled"), ("delay",), {"source_text": "x"})
    assert TASK.column_texts(record) == {"text": "where is it"}
    assert TASK.texts(record) == ("where is it",)
    assert TASK.context_texts(record) == {}
    assert (TASK.has_labels(LABELS), TASK.has_labels({})) == (True, False)
    assert (TASK.needs_labels, TASK.evaluates, TASK.review_question) == (True, True, None)


def test_with_labelled_seeds_every_safe_filter_is_used() -> None:
    facts = RecipeFacts(("seeds", "test"), labels=3, seeds="seeds", seeds_labelled=True)
    assert names(TASK.default_filters(facts)) == [
        "length",
        "refusal",
        "personal_data",
        "language",
        "exact_duplicate",
        "near_duplicate",
        "copies_source",
        "leak",
        "semantic_duplicate",
        "agreement",
    ]
    assert TASK.default_filters(facts)[6:8] == [{"copies_source": {"source": "seeds"}}, {"leak": {"source": "test"}}]
    assert TASK.default_select(facts, by_label=True) == ["diverse"]
    assert TASK.default_select(facts, by_label=False) == []
    assert TASK.default_want(facts) == {"label": 100}
    assert TASK.default_want(RecipeFacts(("raw",))) == {"total": 100}


def test_agreement_needs_labelled_seeds_and_two_labels() -> None:
    for facts in (
        RecipeFacts(("seeds",), labels=1, seeds="seeds", seeds_labelled=True),
        RecipeFacts(("seeds",), labels=3, seeds="seeds"),
        RecipeFacts(labels=3),
    ):
        assert "agreement" not in names(TASK.default_filters(facts))
    assert "copies_source" not in names(TASK.default_filters(RecipeFacts(labels=3)))


def test_the_words_depend_on_the_number_of_labels_per_text() -> None:
    assert TASK.hub_category == "text-classification"
    assert TASK.hub_task_ids(multi_label=False) == ["multi-class-classification"]
    assert TASK.hub_task_ids(multi_label=True) == ["multi-label-classification"]
    assert TASK.description(multi_label=False) == "Texts with a label each, to train a classifier on."
    assert TASK.description(multi_label=True) == "Texts with one label or more each, to train a classifier on."


def test_a_chat_example_asks_for_the_label() -> None:
    instruction = TASK.instruction(LABELS, multi_label=False)
    assert instruction == (
        "Which of these labels fits the text best? Answer with the label only.\n\n"
        "- refund: asks for money back\n- delay\n- other"
    )
    example = Example({"text": "give it back"}, ["other", "refund"])
    assert TASK.chat_example(example, instruction, list(LABELS)) == (
        f"{instruction}\n\nText: give it back",
        "refund, other",
    )
    assert "separated by commas" in TASK.instruction(LABELS, multi_label=True)


def test_labels_that_are_not_listed_come_last_in_the_answer() -> None:
    example = Example({"text": "x"}, ["unlisted", "delay"])
    assert TASK.chat_example(example, "Which?", list(LABELS))[1] == "delay, unlisted"
