from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.prompts.injection_guard import Inserted, Turn, guarded

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
def test_no_inserted_text_holds_a_token(token: str) -> None:
    assert guarded([Inserted(f"a{token}b")]) == f"a{token[0]} {token[1:]}b"


@pytest.mark.parametrize("token", TOKENS)
def test_the_own_text_of_a_template_stays(token: str) -> None:
    assert guarded([f"a{token}", Inserted("b"), token]) == f"a{token}b{token}"


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_pieces_is_split_too(token: str) -> None:
    for cut in range(1, len(token)):
        whole = f"{token[0]} {token[1:]}"
        head, tail = token[:cut], token[cut:]
        assert guarded([Inserted(head), Inserted(tail)]) == whole
        assert guarded([head, Inserted(tail)]) == whole
        assert guarded([Inserted(head), tail]) == whole
        assert guarded([Inserted(head), "", Inserted(""), tail]) == whole
        assert guarded([head, Inserted(""), tail]) == token


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays(text: str) -> None:
    assert guarded([Inserted(text)]) == text


def test_a_token_inside_another_is_split() -> None:
    assert guarded([Inserted("<|[INST]|>")]) == "< |[ INST]|>"
    assert guarded([Inserted("<<s>|im_start|>")]) == "<< s>|im_start|>"
    assert guarded([Inserted("<|x<|im_start|>")]) == "<|x< |im_start|>"


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TOKENS, "<", "|", ">", "[", "]", "im_start", "INST", "s", " ", "\n", "｜"])))
def test_guarding_twice_changes_nothing_and_leaves_no_token(parts: list[str]) -> None:
    once = guarded([Inserted(part) for part in parts])
    assert guarded([Inserted(once)]) == once
    assert not [token for token in TOKENS if token in once]
    assert once.replace(" ", "") == "".join(parts).replace(" ", "")


@pytest.mark.parametrize("text", ["<" * 200_000, "<|" * 100_000, "[" * 200_000, "<|a|>" * 40_000, "<" + "a" * 200_000])
def test_hostile_text_costs_little(text: str) -> None:
    before = time.process_time()
    guarded([Inserted(text)])
    assert time.process_time() - before < 1


def test_the_classes_survive_str() -> None:
    assert type(str(Inserted("a"))) is Inserted
    assert type(str(Turn("user"))) is Turn
