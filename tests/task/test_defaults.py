"""The defaults and the chat examples of the bundled tasks."""

from __future__ import annotations

import pytest

from tests.export.outcomes import bundled_task
from textsynth.core.registry import component_names
from textsynth.core.task import Example, RecipeFacts, StepSpec, Task, label_instruction
from textsynth.task import Classification, Paraphrasing, Summarization

TASKS = [bundled_task(name) for name in component_names("task")]
LABELS = {"refund": "wants money back", "delivery": "asks where a parcel is"}


def step_names(steps: list[StepSpec]) -> list[str]:
    return [step if isinstance(step, str) else next(iter(step)) for step in steps]


@pytest.mark.parametrize("task", TASKS)
def test_a_chat_example_begins_with_the_instruction_and_answers_with_a_text_or_label_of_the_row(task: Task) -> None:
    row = {column: f"the {column}" for column in task.columns}
    instruction = task.instruction(LABELS, multi_label=False)
    question, answer = task.chat_example(Example(row, ("refund",)), instruction, list(LABELS))
    assert question.startswith(f"{instruction}\n\n")
    assert answer in {*row.values(), "refund"}
    assert answer not in question.removeprefix(instruction)


def test_an_instruction_lists_labels_and_leaves_out_descriptions_that_say_nothing_new() -> None:
    text = label_instruction("Which?", {"way": "way", "food": "asks about meals", "bills": ""})
    assert text == "Which?\n\n- way\n- food: asks about meals\n- bills"


# ---- defaults of recipes


def test_classification_from_labelled_seeds_gets_every_filter() -> None:
    task = Classification()
    facts = RecipeFacts(("seeds", "test"), labels=3, seeds="seeds", seeds_labelled=True)
    assert task.default_generate(facts) == [{"labelled": {"source": "seeds"}}]
    assert step_names(task.default_filters(facts)) == [
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
    assert task.default_select(facts, by_label=True) == ["diverse"]
    assert task.default_select(facts, by_label=False) == []
    assert task.default_want(facts) == {"label": 100}


@pytest.mark.parametrize(
    "facts",
    [
        RecipeFacts(("seeds",), labels=1, seeds="seeds", seeds_labelled=True),
        RecipeFacts(("seeds",), labels=3, seeds="seeds"),
        RecipeFacts(labels=3),
    ],
)
def test_agreement_needs_labelled_seeds_and_two_labels(facts: RecipeFacts) -> None:
    assert "agreement" not in step_names(Classification().default_filters(facts))


def test_filters_that_compare_with_a_source_need_it() -> None:
    names = step_names(Classification().default_filters(RecipeFacts(labels=3)))
    assert not {"copies_source", "leak"} & set(names)


def test_paraphrases_are_compared_with_their_originals_and_summaries_with_their_documents() -> None:
    paraphrases = RecipeFacts(("seeds",), seeds="seeds")
    summaries = RecipeFacts(("papers",), seeds="papers")
    assert step_names(Paraphrasing().default_filters(paraphrases))[-1] == "same_meaning"
    assert step_names(Summarization().default_filters(summaries))[-1] == "faithfulness"
    assert Paraphrasing().default_select(paraphrases, by_label=True) == []
    assert Summarization().default_want(summaries) == {"total": 100}


def test_generators_write_from_the_only_source_but_never_from_the_test_set_or_gold_rows() -> None:
    assert Summarization().default_generate(RecipeFacts(("papers", "test"))) == [{"summary": {"source": "papers"}}]
    assert Paraphrasing().default_generate(RecipeFacts(("test",))) == ["paraphrase"]
    assert Paraphrasing().default_generate(RecipeFacts(("a", "b"))) == ["paraphrase"]
    assert Paraphrasing().default_generate(RecipeFacts(("a", "checked"), gold=("checked",))) == [
        {"paraphrase": {"source": "a"}}
    ]
    assert Classification().default_generate(RecipeFacts()) == ["labelled"]


def test_rows_that_are_only_passed_on_have_no_quota() -> None:
    facts = RecipeFacts(("raw",), labels=3, only_existing=True)
    assert Classification().default_want(facts) == {}
    assert Classification().default_select(facts, by_label=True) == []


# ---- labels


def test_only_a_classification_is_evaluated_and_a_summarization_has_no_labels() -> None:
    assert [task.evaluates for task in (Classification(), Paraphrasing(), Summarization())] == [True, False, False]
    assert [task.has_labels(LABELS) for task in (Classification(), Paraphrasing(), Summarization())] == [
        True, True, False,
    ]  # fmt: skip
    assert not Paraphrasing().has_labels({})


def test_several_labels_are_answered_in_the_recipe_s_order_and_unknown_ones_last() -> None:
    example = Example({"text": "both"}, ("unknown", "delivery", "refund"))
    _, answer = Classification().chat_example(example, "Label it.", list(LABELS))
    assert answer == "refund, delivery, unknown"
