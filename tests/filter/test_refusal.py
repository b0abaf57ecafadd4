from __future__ import annotations

import pytest

from tests.contexts import context
from tests.filter.filtering import read_rows, real_data, reason_for, record
from textsynth.core.errors import RecipeError
from textsynth.filter.refusal import LABEL_AT_END, LABEL_IN_COLUMN, LABEL_IN_FRONT, LabelNames, Refusal, reasons_in

BANK = context(labels={"card_arrival": "asks where the card is", "PIN": "asks about the PIN"})

DROPPED = {
    "refuses": [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot assist with that request.",
        "I am unable to fulfill this request.",
        "Unfortunately I won't generate such content.",
    ],
    "speaks as an AI": ["As an AI language model, I have no card.", "Well, I'm just an AI and own nothing."],
    "introduction": [
        "Sure, here are three examples:",
        "Here is a paraphrase: where is it",
        "Certainly! Here's one.",
        "Of course! I can help you with your card.",
        "Below are some possible sentences:\n",
    ],
    "form field": [
        "Q: where is it", "A: on its way", "Example 3: where is it", "Label: refund", "Text 2: hello",
        "**Question:** where is it", "User: hi",
    ],
    "list marker": ["1. Where is it?", "(2) Where is it?", "- Where is it?", "* where is it"],
    "label's name": ["Card arrival: where is it", "card_arrival: where is it", "pin: where is it"],
    "as the recipe spells it": ["this is about card_arrival I think"],
    "placeholder": ["My name is [insert name].", "Dear {customer_name}", "Hello <your name>", "Dear [Company Name],"],
    "special tokens": ["<|im_start|>system", "where is it</s>", "[INST] where is it", "<think> hm",
                       "late [SEP] lost", "a<sep>b"],
    "code fence": ["```\nwhere is it"],
    "bold or heading": ["**Where** is it", "# Delivery\nWhere is it"],
    "several list items": ["Where is it?\n2. And when?", "Where is it\n- here"],
    "remark to the user": [
        "Where is my card? I hope this helps!",
        "Where is it? Let me know if you want me to write more.",
    ],
}  # fmt: skip
KEPT = [
    "I'm sorry, but I lost my card",
    "Sorry, I can't find my card and I am unable to pay",
    "I can't create an account",
    "I cannot generate a virtual card",
    "Let me know if you need anything else",
    "Here is a picture of my broken card",
    "Here's the code: 8SSI6432",
    "Sure, I'll see if I can come by",
    "Okay, my card arrived",
    "3.5 stars from me",
    "20 euros are missing",
    "Text me when it is there",
    "my example is this: http://example.org",
    "Card arrival is late again",
    "is there an AI I can talk to?",
    "I feel free to ask",
    "I <3 this app, 2 < 3 and [sic]",
    "C# or F#?",
    "",
]


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in DROPPED.items() for text in texts])
def test_a_text_with_traces_of_the_model_is_dropped(reason: str, text: str) -> None:
    assert reason in (reason_for(Refusal(), record(text), BANK) or "")


@pytest.mark.parametrize("text", KEPT)
def test_texts_that_people_write_are_kept(text: str) -> None:
    assert reason_for(Refusal(), record(text), BANK) is None


def test_reasons_can_be_allowed() -> None:
    step = Refusal(allow=("contains bold or heading markup",))
    assert reason_for(step, record("**Where** is it")) is None
    assert reason_for(step, record("**Where** is it\n- here")) == "contains several list items"


def test_an_unknown_reason_in_allow_is_an_error() -> None:
    with pytest.raises(
        RecipeError, match="there is no reason 'contains code fence'; did you mean 'contains a code fence'"
    ):
        Refusal(allow=("contains code fence",))


def test_labels_without_letters_are_ignored() -> None:
    assert reason_for(Refusal(), record("! : it"), context(labels={"!": "x", "_": "y"})) is None


@real_data
@pytest.mark.parametrize(
    ("path", "limit"), [("banking77/train.csv", 0), ("trec/train.csv", 0), ("parrot_crowdflower/train.csv", 3)]
)
def test_almost_no_real_texts_are_dropped(path: str, limit: int) -> None:
    session = Refusal().start(BANK)
    verdicts = session.evaluate_batch([record(row["text"]) for row in read_rows(path)])
    assert sum(verdict is not None for verdict in verdicts) <= limit


@pytest.mark.parametrize("text", ["what does <think> mean in my chat?", "why is there </think> in the answer"])
def test_a_text_that_mentions_a_tag_of_reasoning_is_kept(text: str) -> None:
    assert reason_for(Refusal(), record(text)) is None


@pytest.mark.parametrize("text", ["<think>where is it", "where is it</think>", "so I write</think>where is it"])
def test_a_tag_of_reasoning_around_a_text_is_not(text: str) -> None:
    assert reason_for(Refusal(), record(text)) == "contains special tokens of a chat template"


@pytest.mark.parametrize("end", ["(delivery)", "[delivery]", "(label: delivery)", "(Card arrival)", "[card_arrival]."])
def test_a_label_in_brackets_behind_a_text_is_no_part_of_it(end: str) -> None:
    names = LabelNames(["delivery", "card_arrival"])
    assert next(reasons_in(f"where is my parcel {end}", names)) == LABEL_AT_END
    for text in (f"{end} where is it", "where is it (no delivery)", "where is it (delivery today)", "delivery)"):
        assert LABEL_AT_END not in reasons_in(text, names)


@pytest.mark.parametrize(
    "text",
    [
        "where is it\trefund",
        "where is it -> refund",
        "where is it => **Refund**",
        '"where is it","refund"',
        "where is it | refund",
        "| where is it | refund |",
        "where is it → card arrival",
    ],
)
def test_a_label_in_the_last_column_of_a_text_is_named(text: str) -> None:
    assert LABEL_IN_COLUMN in reasons_in(text, LabelNames(["refund", "card_arrival"]))


@pytest.mark.parametrize("text", ["[refund] where is it", "(Card arrival) where is it", "<refund>where is it</refund>"])
def test_a_label_in_brackets_in_front_of_a_text_is_named(text: str) -> None:
    assert LABEL_IN_FRONT in reasons_in(text, LabelNames(["refund", "card_arrival"]))


@pytest.mark.parametrize(
    "text", ["no parcel, refund", "a > b, refund please", "black | white", "[tracking] where is it", "5 -> 6 refunds"]
)
def test_a_label_that_is_a_word_of_the_text_is_no_column(text: str) -> None:
    assert not {LABEL_IN_COLUMN, LABEL_IN_FRONT} & {*reasons_in(text, LabelNames(["refund"]))}
