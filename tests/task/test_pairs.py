"""The task `pairs`: two texts and a label a row."""

from __future__ import annotations

import pytest

from tests.contexts import context
from tests.evaluate.worlds import embed
from tests.export.outcomes import by_id
from textsynth.core.protocols import Filter
from textsynth.core.records import JsonValue, Provenance, Record, Verdict
from textsynth.core.registry import load_component
from textsynth.core.scope import ScopedFilterSession, scope_of
from textsynth.core.task import Example, RecipeFacts
from textsynth.export.splits import assign_splits
from textsynth.label.choice import Choice
from textsynth.task import Pairs

TASK = Pairs()
LABELS = {"entailment": "text_b follows from text_a", "neutral": "neutral"}
PREMISE = "A man plays the guitar on a stage in the park."
HYPOTHESIS = "Somebody makes music outside the house."


def pair(text_a: str = PREMISE, text_b: JsonValue = HYPOTHESIS, key: str = "", index: int = 0) -> Record:
    return Record(text_a, Provenance("pair", request_key=key, index=index), ("entailment",), {"text_b": text_b})


def test_a_row_is_two_texts_with_a_label() -> None:
    assert TASK.column_texts(pair()) == {"text_a": PREMISE, "text_b": HYPOTHESIS}
    assert TASK.texts(pair()) == (PREMISE, HYPOTHESIS)
    assert TASK.joined(pair()).text == f"{PREMISE}\n{HYPOTHESIS}"
    assert TASK.context_texts(pair()) == {"text_b": HYPOTHESIS}
    assert TASK.required_fields == ("text_b",)
    assert (TASK.needs_labels, TASK.evaluates, TASK.has_labels(LABELS)) == (True, True, True)


def test_rows_of_sources_have_the_columns_of_the_data_set() -> None:
    assert (TASK.source_text_column, TASK.source_fields) == ("text_a", {"text_b": "text_b"})


def test_labellers_see_the_names_of_the_columns() -> None:
    assert TASK.prompt_text(pair()) == f"text_a: {PREMISE}\ntext_b: {HYPOTHESIS}"
    session = Choice(votes=1).start(context(labels=LABELS, task=TASK), "choice")
    ((request,),) = session.build_requests([pair()])
    assert request.prompt is not None
    assert f"Text: text_a: {PREMISE}\ntext_b: {HYPOTHESIS}\nLabel:" in request.prompt.messages[-1].content


def test_default_filters_look_at_both_texts_and_leave_out_what_cannot_see_a_relation() -> None:
    facts = RecipeFacts(("seeds", "test"), labels=2, seeds="seeds", seeds_labelled=True)
    names = [spec if isinstance(spec, str) else next(iter(spec)) for spec in TASK.default_filters(facts)]
    basic = ["length", "refusal", "personal_data", "language", "exact_duplicate", "near_duplicate"]
    assert names == [*basic, "copies_source", "leak"]
    assert [
        spec if isinstance(spec, str) else next(iter(spec)) for spec in TASK.default_filters(RecipeFacts(labels=2))
    ] == basic
    assert TASK.default_select(facts, by_label=True) == ["diverse"]
    assert TASK.default_want(facts) == {"label": 100}
    assert TASK.default_generate(facts) == [{"pair": {"source": "seeds"}}]


def verdicts(name: str, *records: Record, committed: tuple[Record, ...] = (), **options: object) -> list[str | None]:
    """Return the reasons of a filter for pairs, with two seeds and one test row as sources."""
    step = load_component("filter", name)(**options)
    assert isinstance(step, Filter)
    sources = {
        "seeds": [pair("Two children run over the green grass.", "The children are not at home today.")],
        "test": [pair("A woman reads a long newspaper at the station.", "The woman waits there for a late train.")],
    }
    run_context = context(sources=sources, labels=LABELS, task=TASK, embed=embed)
    scope = scope_of(step)
    session = ScopedFilterSession(step.start(run_context.seen_as(scope)), scope, TASK)
    session.commit(committed)
    results: list[Verdict | None] = session.evaluate_batch(records)
    return [None if verdict is None else verdict.reason for verdict in results]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("name", "options", "flawed", "reason"),
    [
        ("length", {}, "Yes.", "has too few words"),
        ("language", {}, "Gestern hat die alte Frau ihren Garten sehr lange gepflegt.", "is in another language"),
        ("refusal", {}, "I'm sorry, but as an AI language model I cannot write this.", "refuses"),
        ("personal_data", {}, "Please write to anna.berg@gmail.com about the guitar.", "e-mail address"),
        ("copies_source", {"source": "seeds"}, "The children are not at home today.", "copies a row of seeds"),
        ("copies_source", {"source": "seeds"}, "Two children run over the green grass.", "copies a row of seeds"),
        ("leak", {"source": "test"}, "The woman waits there for a late train.", "copies a row of test"),
    ],
)
def test_each_text_of_a_pair_is_checked(
    name: str, options: dict[str, object], flawed: str, reason: str, swapped: bool
) -> None:
    record = pair(flawed, HYPOTHESIS) if swapped else pair(PREMISE, flawed)
    good, bad = verdicts(name, pair(), record, **options)
    assert good is None
    assert reason in (bad or "")


@pytest.mark.parametrize("name", ["exact_duplicate", "near_duplicate"])
def test_a_pair_is_a_duplicate_only_with_both_texts(name: str) -> None:
    other = "Nobody at all can hear a single sound there tonight."
    changed = HYPOTHESIS.upper() if name == "exact_duplicate" else HYPOTHESIS.replace("the house", "a house")
    same, first_only, second_only = verdicts(
        name,
        pair(PREMISE, changed, index=1),
        pair(PREMISE, other, index=2),
        pair("Four large dogs sleep below an old wooden table.", HYPOTHESIS, index=3),
        committed=(pair(),),
    )
    assert same is not None
    assert (first_only, second_only) == (None, None)


def test_pairs_that_share_a_text_are_in_one_split() -> None:
    records = [
        pair("premise one", "hypothesis one"),
        pair("premise one", "hypothesis two", index=1),
        pair("premise two", "hypothesis two"),
        pair("hypothesis two", "hypothesis four"),
        pair("premise three", "hypothesis three"),
        pair("premise three", "hypothesis five", index=1),
    ]
    assigned = assign_splits(records, {"train": 0.5, "test": 0.5}, seed=1, family_texts=TASK.family_texts)
    split, family = by_id(records, assigned)
    families = [family[record.id] for record in records]
    assert len(set(families[:4])) == len(set(families[4:])) == 1
    assert len({split[record.id] for record in records}) == 2


def test_the_words_for_card_annotators_and_chats_name_both_texts() -> None:
    assert TASK.hub_category == "text-classification"
    assert TASK.hub_task_ids(multi_label=False) == ["multi-input-text-classification"]
    assert TASK.description(multi_label=False) == "Pairs of texts with a label each."
    assert "one label or more" in TASK.description(multi_label=True)
    assert list(TASK.fields_shown) == list(TASK.column_notes()) == ["text_a", "text_b"]
    assert TASK.review_question.title == "Are both texts clear and natural?"
    instruction = TASK.instruction(LABELS, multi_label=False)
    assert instruction == (
        "Which of these labels fits this pair of texts best? Answer with the label only.\n\n"
        "- entailment: text_b follows from text_a\n- neutral"
    )
    assert "separated by commas" in TASK.instruction(LABELS, multi_label=True)
    example = Example({"text_a": PREMISE, "text_b": HYPOTHESIS}, ["entailment"])
    assert TASK.chat_example(example, instruction, list(LABELS)) == (
        f"{instruction}\n\ntext_a: {PREMISE}\ntext_b: {HYPOTHESIS}",
        "entailment",
    )
