from __future__ import annotations

from functools import partial
from re import _parser  # type: ignore[attr-defined]

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import count_calls
from textsynth.prompts.injection_guard import _TOKEN_REMAINDER, InsertedText, TurnBoundary, neutralize

TOKENS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|begin_of_text|>",
    "<|user|>",
    "<|assistant|>",
    "<|System|>",
    "<|start|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|turn>",
    "<turn|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<｜User｜>",
    "<｜begin▁of▁sentence｜>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<BOS_TOKEN>",
    "<think>",
    "</think>",
    "<tool_call>",
    "<unused12>",
    "<<SYS>>",
    "<</SYS>>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[/THINK]",
    "[gMASK]",
    "]~b]",
    "]~!b[",
    "[e~[",
]
HARMLESS = [
    "1 < 2 and 3 > 2",
    "a <b> and <i>c</i>",
    "<https://example.org>",
    "me@example.org <me>",
    "[1] [note] [inst] [NAME] [mask]",
    "<|",
    "|>",
    "<| >\n<",
    "if (a|b) > c",
    "<>",
    "array[0]",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_an_inserted_text_is_split(token: str) -> None:
    assert neutralize([InsertedText(f"a{token}b")]) == f"a{token[0]} {token[1:]}b"


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_the_template_is_kept(token: str) -> None:
    assert neutralize([f"a{token}", InsertedText("b"), token]) == f"a{token}b{token}"


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_inserted_in_parts_is_split(token: str) -> None:
    split = f"{token[0]} {token[1:]}"
    for position in range(1, len(token)):
        head, tail = token[:position], token[position:]
        assert neutralize([InsertedText(head), InsertedText(tail)]) == split
        assert neutralize([head, InsertedText(tail)]) == split
        assert neutralize([InsertedText(head), tail]) == split
        assert neutralize([InsertedText(head), "", InsertedText(""), tail]) == split
        assert neutralize([head, InsertedText(""), tail]) == token


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_is_not_changed(text: str) -> None:
    assert neutralize([InsertedText(text)]) == text


def test_a_token_inside_another_is_split() -> None:
    assert neutralize([InsertedText("<|[INST]|>")]) == "< |[ INST]|>"
    assert neutralize([InsertedText("<<s>|im_start|>")]) == "<< s>|im_start|>"
    assert neutralize([InsertedText("<|x<|im_start|>")]) == "<|x< |im_start|>"


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TOKENS, "<", "|", ">", "[", "]", "im_start", "INST", "s", " ", "\n", "｜"])))
def test_neutralizing_twice_changes_nothing_and_leaves_no_token(parts: list[str]) -> None:
    once = neutralize([InsertedText(part) for part in parts])
    assert neutralize([InsertedText(once)]) == once
    assert not [token for token in TOKENS if token in once]
    assert once.replace(" ", "") == "".join(parts).replace(" ", "")


@pytest.mark.parametrize(("start", "pattern"), [("", "<"), ("", "<|"), ("", "["), ("", "<|a|>"), ("<", "a")])
def test_the_work_for_a_hostile_text_grows_linearly(start: str, pattern: str) -> None:
    small, large = (
        count_calls(partial(neutralize, [InsertedText(start + pattern * (size // len(pattern)))]))
        for size in (2_000, 20_000)
    )
    assert large <= 10 * small


def test_every_search_for_a_token_reads_a_limited_number_of_characters() -> None:
    # so that the number of searches, which grows linearly, is the only factor of the work
    for pattern in _TOKEN_REMAINDER.values():
        _, max_width = _parser.parse(pattern.pattern).getwidth()
        assert max_width <= 80


def test_str_keeps_the_classes() -> None:
    assert type(str(InsertedText("a"))) is InsertedText
    assert type(str(TurnBoundary("user"))) is TurnBoundary
