from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mock import BROKEN, MODEL, TOO_LONG
from tests.models.asked import answers, place, request
from tests.runner.recipes import digest
from tests.server import Fault, Running, serving
from textsynth.core.records import Completion, Constraint, ModelRequest
from textsynth.models.http import Http
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.protocol import parse_choices, split_tokens
from textsynth.recipe import read_recipe
from textsynth.runner import run


def body(one: ModelRequest) -> dict[str, Any]:
    return dict(json.loads(wire.encode(wire.parameters(one, "small"))))


def test_a_chat_goes_as_messages_and_a_raw_prompt_as_a_prompt() -> None:
    chat, raw = request("hello"), request("1. a\n2.", chat=False)
    assert (wire.path_of(chat), wire.path_of(raw)) == ("/chat/completions", "/completions")
    assert body(chat)["messages"] == [{"role": "user", "content": "hello"}]
    assert body(raw)["prompt"] == "1. a\n2."


def test_what_every_server_knows_stands_apart_from_what_a_recipe_sets() -> None:
    assert set(body(request("x"))) == {"model", "messages", "temperature", "top_p", "max_tokens"}
    more = body(request("x", top_k=5, repetition_penalty=1.1, stop=("\n\n",), temperature=0.0))
    assert (more["top_k"], more["repetition_penalty"], more["stop"], more["temperature"]) == (5, 1.1, ["\n\n"], 0.0)


CHOICE = Constraint("choice", '["a", "b"]')


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("structured_outputs", {"structured_outputs": {"choice": ["a", "b"]}}),
        ("guided", {"guided_choice": ["a", "b"]}),
        ("none", {}),
    ],
)
def test_a_constraint_is_sent_in_each_form(form: wire.ConstraintForm, sent: dict[str, object]) -> None:
    assert wire.constraint_parameters(CHOICE, form) == sent


def test_where_only_schemas_are_known_a_choice_and_a_pattern_are_wrapped_in_one() -> None:
    def schema(constraint: Constraint) -> Any:
        sent: Any = wire.constraint_parameters(constraint, "response_format")["response_format"]
        return sent["json_schema"]["schema"]

    assert schema(CHOICE)["properties"]["answer"] == {"type": "string", "enum": ["a", "b"]}
    assert schema(Constraint("regex", "a+"))["properties"]["answer"] == {"type": "string", "pattern": "a+"}
    assert schema(Constraint("json", '{"type": "object"}')) == {"type": "object"}
    assert wire.constraint_parameters(Constraint("grammar", "root ::= 'a'"), "response_format") == {}
    assert wire.constraint_parameters(Constraint("grammar", "root ::= 'a'"), "structured_outputs") == {
        "structured_outputs": {"grammar": "root ::= 'a'"}
    }


@pytest.mark.parametrize("said", ['{"answer": "a"}', ' {"answer":"a"}\n'])
def test_what_was_wrapped_is_unwrapped(said: str) -> None:
    assert wire.unwrap(said, CHOICE) == "a"
    assert wire.unwrap(said, None) == said
    assert wire.unwrap(said, Constraint("json", "{}")) == said


@pytest.mark.parametrize("said", ["a", '{"answer": 3}', '{"answer": "a", "b": 1}', "{", '{"other": "a"}', "{" * 9000])
def test_what_was_not_wrapped_stays(said: str) -> None:
    assert wire.unwrap(said, CHOICE) == said


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thoughts_are_left_behind_and_are_no_answer(name: str) -> None:
    whole = wire.parse_completion(answer(message={"content": "hi", name: "Let me see"}, finish_reason="stop"))
    assert whole == Completion("hi", "stop", 7, 3)
    cut = wire.parse_completion(answer(message={"content": None, name: "Let me see"}, finish_reason="length"))
    assert (cut.text, cut.failure) == ("", wire.STILL_THINKING)


@pytest.mark.parametrize("said", [None, 3, "half \ud83d", "\x1b[31m"])
def test_an_engine_is_told_by_a_plain_name_or_not_at_all(said: object) -> None:
    raw = json.dumps({"choices": [{"text": "x"}], "system_fingerprint": said}).encode()
    assert wire.parse_completion(raw).engine == ""
    assert (
        wire.parse_completion(b'{"choices": [{"text": "x"}], "system_fingerprint": "vllm-0.32.0"}').engine
        == "vllm-0.32.0"
    )


@pytest.mark.parametrize("text", ["ünï", "half \ud83d", "\x00", "<|im_start|>", "\u2028"])
def test_any_text_can_be_sent(text: str) -> None:
    assert body(request("x", stop=(text,)))["stop"] == [text]


def answer(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def test_answers_of_both_kinds_are_read_with_the_engines_counts() -> None:
    expected = Completion("hi", "stop", 7, 3)
    assert wire.parse_completion(answer(message={"content": "hi"}, finish_reason="stop")) == expected
    assert wire.parse_completion(answer(text="hi", finish_reason=None)) == expected
    assert wire.parse_completion(answer(text="hi", finish_reason="length")).finish == "length"
    assert wire.parse_completion(answer(text="hi", finish_reason="tool_calls")).finish == "stop"


def test_null_content_is_an_empty_answer_or_the_refusal() -> None:
    assert wire.parse_completion(answer(message={"content": None}, finish_reason="length")) == Completion(
        "", "length", 7, 3
    )
    assert wire.parse_completion(answer(message={"content": None, "refusal": "I cannot."})).text == "I cannot."


@pytest.mark.parametrize("kind", sorted(set(BROKEN) - {"null"}))
def test_what_is_no_answer_is_broken(kind: str) -> None:
    with pytest.raises(wire.MalformedResponse):
        wire.parse_completion(BROKEN[kind])


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"3", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"choices": {}}', b'{"choices": [{"text": 5}]}']
)
def test_odd_bytes_are_broken_and_never_crash(raw: bytes) -> None:
    with pytest.raises(wire.MalformedResponse):
        wire.parse_completion(raw)


@pytest.mark.parametrize("count", [-5, "many", None, True, float("nan"), float("inf"), [1], 2**40])
def test_a_wrong_token_count_is_zero(count: object) -> None:
    raw = json.dumps({"choices": [{"text": "x"}], "usage": {"prompt_tokens": count, "completion_tokens": 4.0}})
    assert wire.parse_completion(raw.encode()) == Completion("x", "stop", 0, 4)


@pytest.mark.parametrize("usage", [None, [], "x", 4])
def test_missing_counts_are_zero(usage: object) -> None:
    assert wire.parse_completion(json.dumps({"choices": [{"text": "x"}], "usage": usage}).encode()) == Completion("x")


def test_half_a_surrogate_pair_is_replaced_and_whole_ones_stay() -> None:
    assert wire.readable("a \ud83d b") == "a \ufffd b"
    assert wire.readable("\ufeffa 😀 é") == "\ufeffa 😀 é"


def test_error_answers_are_told_in_one_line() -> None:
    assert wire.server_message(b'{"error": {"message": "no\\n  such"}}') == "no such"
    assert wire.server_message(b'{"detail": "gone"}') == "gone"
    assert wire.server_message(b'{"error": {"code": 3}}') == '{"code": 3}'
    assert wire.server_message(b"<html> bad  gateway") == "<html> bad gateway"
    assert len(wire.server_message(b'{"message": "' + b"x" * 999 + b'"}')) == 200
    assert wire.error_code(b'{"error": {"code": "insufficient_quota"}}') == "insufficient_quota"
    assert [wire.error_code(raw) for raw in (b"x", b"[]", b'{"error": "x"}', b'{"error": {}}')] == [""] * 4


@pytest.mark.parametrize(
    "said",
    [
        TOO_LONG,
        "The decoder prompt (length 9000) is longer than the maximum model length of 2048.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Requested tokens (600) exceed context window of 512",
        "the request exceeds the available context size",
    ],
)
def test_too_long_a_prompt_is_known_by_what_servers_say(said: str) -> None:
    assert wire.TOO_LONG.search(said)


def test_other_refusals_are_not_taken_for_too_long_a_prompt() -> None:
    assert not wire.TOO_LONG.search("temperature must be at most 2; unknown parameter top_k")


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given = {"3": 3.0, "0.5": 0.5, "-2": 0.0, "99999": 3600.0, "nan": None, "soon": None, None: None, "": None}
    given["Thu, 01 Jan 2026 00:00:09 GMT"] = 9.0
    given["Wed, 31 Dec 2025 00:00:00 GMT"] = 0.0
    assert {value: wire.retry_after(value, now) for value in given} == given


def drawn(text: str, count: int, **more: object) -> list[ModelRequest]:
    """Return requests that differ in nothing but their key, as those of a journal do."""
    one = request(text, **more)  # type: ignore[arg-type]
    return [replace(one, key=hashlib.sha256(f"{text}{more}{draw}".encode()).hexdigest()) for draw in range(count)]


def client(server: Running, said: list[str] | None = None, **more: object) -> Any:
    options = {"base_url": server.url, "model": MODEL, "timeout_seconds": 5.0, "concurrency": 16, **more}
    return Http.model_validate(options).open(place(said=said))


def numbered(body: dict[str, Any], use: int) -> str:
    """Answer with the prompt and the how-manieth answer to it this is."""
    return f"{body['messages'][0]['content']} #{use}" + "!" * use


def sizes(server: Running) -> list[int]:
    return [body.get("n", 1) for body in server.mock.bodies]


def texts(found: Sequence[Completion]) -> list[str]:
    return [one.text.rstrip("!") for one in found]


def raw(choices: list[Any], usage: object = None) -> bytes:
    return json.dumps({"choices": choices, "usage": usage}).encode()


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1000), min_size=1, max_size=16))
def test_shares_add_up(total: int, lengths: list[int]) -> None:
    parts = split_tokens(total, lengths)
    assert sum(parts) == total
    assert min(parts) >= 0
    assert len(parts) == len(lengths)


def test_choices_are_read_by_their_index_with_the_tokens_split() -> None:
    choices = [{"index": at, "text": "x" * at} for at in (2, 0, 1)]
    found = parse_choices(raw(choices, {"prompt_tokens": 9, "completion_tokens": 10}), request("?", chat=False), 3)
    assert [one and one.text for one in found] == ["", "x", "xx"]
    assert [(one.prompt_tokens, one.completion_tokens) for one in found if one] == [(9, 1), (0, 3), (0, 6)]


@pytest.mark.parametrize("numbers", [[0, 0, 0], [None, 1, 2], ["2", 1, 0]])
def test_choices_without_an_index_of_their_own_come_as_they_are(numbers: list[object]) -> None:
    choices = [{"index": number, "text": text} for number, text in zip(numbers, "abc", strict=True)]
    assert [one and one.text for one in parse_choices(raw(choices), request("?"), 3)] == ["a", "b", "c"]


def test_a_choice_that_is_none_leaves_the_others() -> None:
    found = parse_choices(raw([{"text": "a"}, 7, {"index": 2}, {"text": "b"}, {"text": "c"}]), request("?"), 4)
    assert [one and one.text for one in found] == ["a", None, None, "b"]
    with pytest.raises(wire.MalformedResponse, match="2 choices without a text"):
        parse_choices(raw([7, {}]), request("?"), 2)
    with pytest.raises(wire.MalformedResponse, match="no choices"):
        parse_choices(raw([]), request("?"), 2)


def test_draws_of_a_prompt_leave_together_in_the_plans_order() -> None:
    with serving(draws="given", answer=numbered) as server:
        found = answers(client(server), drawn("hello", 40))
        assert sizes(server) == [16, 16, 8]
        assert server.stats()["peak"] <= 16
    assert texts(found) == [f"hello #{draw}" for draw in range(40)]
    assert [one.prompt_tokens for one in found] == [40 if draw in (0, 16, 32) else 0 for draw in range(40)]
    assert sum(one.completion_tokens for one in found) == 40 * 20


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        (drawn("hello", 6, temperature=0.0), {}),
        (drawn("hello", 6), {"batch_n": False}),
        (drawn("hello", 6), {"extra_body": {"temperature": 0}}),
        (drawn("hello", 6), {"extra_body": {"n": 1}}),
        (drawn("hello", 6), {"concurrency": 1}),
    ],
)
def test_what_is_not_drawn_or_not_wanted_together_goes_alone(asked: list[ModelRequest], more: dict[str, Any]) -> None:
    with serving(draws="given") as server:
        found = answers(client(server, **more), asked)
        assert sizes(server) == [1] * 6
    assert not [one.failure for one in found if one.failure]


def test_what_differs_in_more_than_the_draw_goes_apart() -> None:
    asked = [*drawn("hello", 3), *drawn("hello", 3, max_tokens=9), *drawn("hullo", 3)]
    with serving(draws="given") as server:
        answers(client(server), asked)
        assert sizes(server) == [3, 3, 3]


@pytest.mark.parametrize("kind", ["ignored", "refused", "bluntly"])
def test_a_server_that_takes_none_is_asked_one_by_one_and_that_is_said_once(kind: str) -> None:
    said: list[str] = []
    with serving(draws=kind) as server:
        model = client(server, said)
        asked = [one for text in ("a", "b", "c") for one in drawn(text, 30)]
        found = answers(model, asked)
        together = [size for size in sizes(server) if size > 1]
        assert len(server.mock.bodies) == 90 + (0 if kind == "ignored" else len(together))
    assert len(together) == 1
    assert [one.failure for one in found if one.failure] == []
    assert model.retried == 0
    assert sum("one answer a request" in one for one in said) == 1


def test_a_server_that_breaks_at_several_is_asked_for_fewer_and_then_for_one() -> None:
    with serving(draws="crash") as server:
        found = answers(client(server, retries=0), drawn("a", 60))
        together = [size for size in sizes(server) if size > 1]
    assert together[0] == 16
    assert len(together) < 16
    assert max(together[1:], default=0) <= 8
    assert not [one.failure for one in found if one.failure]


@pytest.mark.parametrize("fault", ["hole", "fewer", "reset", "garbage", "500", "503", "429", "cut", "empty"])
def test_a_fault_in_one_group_costs_no_answer(fault: str) -> None:
    with serving(draws="given", answer=numbered, faults=[Fault(fault, first=1, after="0")]) as server:
        found = answers(client(server), [*drawn("a", 20), *drawn("b", 20)])
    for at, text in ((0, "a"), (20, "b")):
        some = texts(found[at : at + 20])
        assert len(set(some)) == 20
        assert all(one.startswith(f"{text} #") for one in some)
    assert not [one.failure for one in found if one.failure]


@pytest.mark.parametrize(("fault", "spoilt"), [("long", ("hello #2!!", "length")), ("blank", ("", "stop"))])
def test_a_choice_that_is_cut_or_empty_concerns_its_own_request(fault: str, spoilt: tuple[str, str]) -> None:
    with serving(draws="given", answer=numbered, faults=[Fault(fault)]) as server:
        found = answers(client(server), drawn("hello", 5))
        assert sizes(server) == [5]
    assert [(one.text, one.finish) for one in found][2] == spoilt
    assert [one.finish for at, one in enumerate(found) if at != 2] == ["stop"] * 4


def test_a_group_that_hangs_is_asked_one_by_one_and_each_has_its_own_failure() -> None:
    with serving(draws="given", faults=[Fault("hang", contains="bad")]) as server:
        found = answers(client(server, retries=1, timeout_seconds=0.3), [*drawn("bad", 4), *drawn("good", 30)])
    assert all("given up after 2 tries: no answer within" in str(one.failure) for one in found[:4])
    assert not [one.failure for one in found[4:] if one.failure]


@pytest.mark.parametrize("kind", ["toolong", "400"])
def test_a_prompt_that_is_refused_fails_each_of_its_draws(kind: str) -> None:
    with serving(draws="given", faults=[Fault(kind, contains="bad", message="no such thing")]) as server:
        found = answers(client(server), [*drawn("good", 4), *drawn("bad", 5), *drawn("well", 8)])
    assert [one.failure is not None for one in found] == [False] * 4 + [True] * 5 + [False] * 8


def test_several_servers_never_have_more_than_they_may() -> None:
    with (
        serving(draws="given", latency=0.005) as one,
        serving(draws="refused", latency=0.005) as other,
    ):
        model = client(one, base_url=one.url, base_urls=(other.url,), concurrency=3)
        found = answers(model, [each for at in range(8) for each in drawn(f"text {at}", 12)])
        assert max(sizes(one)) == 3
        assert one.stats()["peak"] <= 3
        assert len(set(sizes(other)[4:])) <= 1
    assert not [each.failure for each in found if each.failure]


def test_an_error_while_keeping_one_draw_ends_the_call() -> None:
    async def go(model: Any) -> None:
        async def arrived(one: ModelRequest, _: Completion) -> None:
            if one is asked[3]:
                raise OSError("disk full")

        try:
            await model.complete(asked, arrived)
        finally:
            await model.close()
            assert model.in_flight == 0

    asked = drawn("hello", 20)
    with serving(draws="given") as server, pytest.raises(OSError, match="disk full"):
        asyncio.run(go(client(server)))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60),
    st.sampled_from(["given", "ignored", "refused", "bluntly", "crash"]),
    st.integers(1, 40),
    st.sampled_from(["", "hole", "fewer", "garbage", "429"]),
)
def test_each_request_gets_an_answer_of_its_own_exactly_once(
    letters: list[str], draws: str, in_flight: int, fault: str
) -> None:
    seen: Counter[str] = Counter()
    asked = []
    for letter in letters:
        one = request(letter)
        asked.append(replace(one, key=f"{letter}{seen[letter]}"))
        seen[letter] += 1
    faults = [Fault(fault, every=3, first=9, after="0")] if fault else []
    with serving(draws=draws, answer=numbered, uses=False, faults=faults) as server:
        found = answers(client(server, concurrency=in_flight, retries=30), asked)
    assert not [one.failure for one in found if one.failure]
    for one, completion in zip(asked, found, strict=True):
        assert completion.text.startswith(f"{one.key[0]} #")
    if draws == "given":
        assert len({one.text for one in found}) == len(found)


RECIPE = """\
name: draws
models: {generator: {http: {base_url: "URL", model: mock-small, mode: chat, MORE}}}
labels: {card: asks about a card, transfer: asks about a transfer}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds, per_request: 5}]
filter: [{length: {min_words: 7}}, exact_duplicate, near_duplicate]
select: []
want: {label: 150}
"""


def whole_run(folder: Path, server: Running, more: str) -> dict[str, str]:
    """Run once; return the data set's files with their hashes."""
    folder.mkdir()
    (folder / "draws.yaml").write_text(RECIPE.replace("URL", server.url).replace("MORE", more))
    seeds = [
        f"{text},{label}" for label in ("card", "transfer") for text in (f"my {label} is late", f"where is my {label}")
    ]
    (folder / "seeds.csv").write_text("\n".join(["text,label", *seeds, ""]))
    assert run(read_recipe(folder / "draws.yaml"), out=folder / "run").exit_code == 0
    return digest(folder / "run")


def test_a_whole_run_has_the_same_bytes_with_fewer_requests(tmp_path: Path) -> None:
    with serving(draws="given") as alone:
        found = whole_run(tmp_path / "alone", alone, "batch_n: false, concurrency: 1")
    with serving(draws="given", latency=0.002) as together:
        assert whole_run(tmp_path / "together", together, "concurrency: 16") == found
    assert set(sizes(alone)) == {1}
    assert sum(sizes(together)) == sum(sizes(alone))
    assert len(sizes(together)) < len(sizes(alone)) / 2
