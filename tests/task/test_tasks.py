"""What holds for every task, and the defaults and words of the bundled ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.outcomes import bundled_task
from textsynth.core.records import Provenance, Record
from textsynth.core.registry import component_names
from textsynth.core.task import Example, RecipeFacts, StepSpec, Task, label_instruction
from textsynth.task import Classification, Paraphrasing, Summarization

TASKS = [bundled_task(name) for name in component_names("task")]
LABELS = {"refund": "wants money back", "delivery": "asks where a parcel is"}


def step_names(steps: list[StepSpec]) -> list[str]:
    return [step if isinstance(step, str) else next(iter(step)) for step in steps]


def rewritten(text: str, **fields: str) -> Record:
    return Record(text, Provenance("step", ("parent",)), (), fields)


# ---- every task


@given(st.sampled_from(TASKS), st.text(), st.dictionaries(st.text(), st.text()), st.data())
def test_a_record_s_text_and_fields_are_read_back_from_its_row(
    task: Task, text: str, other_fields: dict[str, str], data: st.DataObject
) -> None:
    fields = {field: data.draw(st.text()) for field in task.required_fields}
    row = task.column_texts(rewritten(text, **{**other_fields, **fields}))
    assert list(row) == list(task.columns)
    assert row[task.text_column] == text
    assert task.row_fields({**row, "id": "0", "label": 1}) == fields


@given(st.sampled_from(TASKS), st.data())
def test_a_row_s_texts_are_the_column_texts_of_the_record_made_from_it(task: Task, data: st.DataObject) -> None:
    row = {column: data.draw(st.text()) for column in task.columns}
    record = rewritten(row[task.text_column], **task.row_fields(row))
    assert task.column_texts(record) == row


@pytest.mark.parametrize("task", TASKS)
def test_a_missing_field_or_column_is_an_empty_text(task: Task) -> None:
    assert task.column_texts(rewritten("own")) == {**dict.fromkeys(task.columns, ""), task.text_column: "own"}
    assert task.row_fields({}) == dict.fromkeys(task.required_fields, "")


@pytest.mark.parametrize("task", TASKS)
def test_exactly_one_column_holds_the_record_s_own_text_and_every_column_has_a_name_to_show(task: Task) -> None:
    assert list(task.columns.values()).count("") == 1
    assert list(task.fields_shown) == list(task.columns)
    assert len(set(task.fields_shown.values())) == len(task.columns)
    assert set(task.column_notes()) <= set(task.columns)


@pytest.mark.parametrize("task", TASKS)
def test_the_texts_that_a_record_belongs_to_are_shown_by_name_and_connect_its_family(task: Task) -> None:
    fields = {field: f"the text in {field}" for field in task.required_fields}
    record = rewritten("own", **fields)
    names = [task.fields_shown[column] for column, field in task.columns.items() if field]
    assert task.context_texts(record) == dict(zip(names, fields.values(), strict=True))
    assert set(fields.values()) <= set(task.family_texts(record))
    assert task.context_texts(rewritten("own")) == {}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("field", ["source_text", "document"])
def test_records_that_rewrite_the_same_text_are_one_family_in_every_task(task: Task, field: str) -> None:
    assert task.family_texts(rewritten("own", **{field: "the original"})) == ("the original",)
    assert task.family_texts(rewritten("own")) == ()


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
