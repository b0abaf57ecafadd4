"""What holds for every bundled task: its columns, the records they are filled from, and the words for other tools."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.records import JsonValue, Provenance, Record
from textsynth.core.registry import component_class, component_names
from textsynth.core.task import Example, RecipeFacts, StepSpec, Task
from textsynth.export.card.hub_vocabulary import TASKS as HUB_CATEGORIES
from textsynth.export.card.hub_vocabulary import check_category, check_task_id

TASKS = [cast("type[Task]", component_class("task", name))() for name in component_names("task")]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
TEXT = st.text(max_size=20)
LABELS = {"refund": "asks for money back", "delay": "delay"}


def component_of(spec: StepSpec) -> str:
    return spec if isinstance(spec, str) else next(iter(spec))


@each_task
def test_exactly_one_column_holds_the_records_own_text(task: Task) -> None:
    assert list(task.columns.values()).count("") == 1
    assert task.columns[task.text_column] == ""
    assert task.required_fields == tuple(field for field in task.columns.values() if field)


@each_task
@given(text=TEXT, fields=st.dictionaries(st.sampled_from(["source_text", "document", "tone"]), TEXT))
def test_row_fields_is_the_inverse_of_column_texts(task: Task, text: str, fields: dict[str, str]) -> None:
    row = task.column_texts(Record(text, Provenance("step"), fields=cast("dict[str, JsonValue]", fields)))
    assert list(row) == list(task.columns)
    assert row[task.text_column] == text
    assert task.row_fields(row) == {name: fields.get(name, "") for name in task.required_fields}
    again = Record(text, Provenance("step"), fields=cast("dict[str, JsonValue]", task.row_fields(row)))
    assert task.column_texts(again) == row


@each_task
def test_a_field_that_is_missing_or_no_text_is_an_empty_cell(task: Task) -> None:
    record = Record("x", Provenance("step"), fields=dict.fromkeys(task.required_fields, 7))
    assert set(task.column_texts(record).values()) <= {"x", ""}
    assert task.row_fields({}) == dict.fromkeys(task.required_fields, "")
    assert task.context_texts(record) == {}


@each_task
def test_every_text_that_a_record_rewrites_ties_it_to_a_family(task: Task) -> None:
    record = Record("x", Provenance("step"), fields={"source_text": "a", "document": "b", "tone": "c"})
    own = () if task.required_fields else ("x",)
    assert task.family_texts(record) == ("a", "b", *own)
    assert task.family_texts(Record("x", Provenance("step"))) == own


@each_task
def test_the_words_for_the_hub_are_on_its_lists(task: Task) -> None:
    assert task.hub_category in HUB_CATEGORIES
    assert task.hub_categories(LABELS)[0] == task.hub_category
    assert [check_category(name) for name in task.hub_categories(LABELS)] == task.hub_categories(LABELS)
    for multi_label in (False, True):
        assert [check_task_id(name) for name in task.hub_task_ids(multi_label=multi_label)]


@each_task
def test_the_card_and_annotation_tools_have_words_for_every_column(task: Task) -> None:
    assert list(task.fields_shown) == list(task.columns)
    assert set(task.column_notes()) <= set(task.columns)
    assert task.intended_use.endswith(".")
    assert all(task.description(multi_label=multi_label).endswith(".") for multi_label in (False, True))


@each_task
def test_a_chat_example_has_the_instruction_and_the_texts_of_the_row(task: Task) -> None:
    instruction = task.instruction(LABELS, multi_label=False)
    texts = {column: f"the {column}" for column in task.columns}
    message, answer = task.chat_example(Example(texts, ["refund"]), instruction, list(LABELS))
    assert message.startswith(instruction)
    for column, text in texts.items():
        assert text in (answer if column == task.text_column and len(texts) > 1 and not task.evaluates else message)


@each_task
def test_the_defaults_are_components_that_exist(task: Task) -> None:
    facts = RecipeFacts(("seeds", "test"), labels=3, seeds="seeds", seeds_labelled=True)
    assert task.default_generate(facts) == [{task.generator: {"source": "seeds"}}]
    for section, specs in {
        "generate": task.default_generate(facts),
        "filter": task.default_filters(facts),
        "select": task.default_select(facts, by_label=True),
    }.items():
        assert {component_of(spec) for spec in specs} <= set(component_names(section))


@each_task
def test_where_only_existing_rows_are_passed_on_every_text_is_wanted(task: Task) -> None:
    facts = RecipeFacts(("raw",), labels=3, only_existing=True)
    assert task.default_want(facts) == {}
    assert task.default_select(facts, by_label=True) == []


@pytest.mark.parametrize(
    ("sources", "gold", "source"),
    [
        (("papers", "test"), (), "papers"),
        (("seeds", "other"), (), "seeds"),
        (("raw", "checked"), ("checked",), "raw"),
        (("seeds",), ("seeds",), None),
        (("test",), (), None),
        (("a", "b"), (), None),
        ((), (), None),
    ],
)
def test_the_default_source_is_neither_the_test_set_nor_gold(
    sources: tuple[str, ...], gold: tuple[str, ...], source: str | None
) -> None:
    facts = RecipeFacts(sources, gold=gold)
    assert facts.default_source == source
    for task in TASKS:
        expected = task.generator if source is None else {task.generator: {"source": source}}
        assert task.default_generate(facts) == [expected]
