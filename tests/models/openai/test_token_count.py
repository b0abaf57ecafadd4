from __future__ import annotations

import pytest

from tests.models.asked import answers, request
from tests.models.openai.test_protocol import client, drawn
from tests.server import Fault, serving


def test_a_server_that_tells_no_counts_is_asked_for_them_once_a_prompt() -> None:
    with serving(tokenizes=True, draws="given", answer=lambda _, use: "word " * (use + 1)) as server:
        found = answers(client(server), [*drawn("three words long", 3), request("two words", chat=False)])
        counted = server.mock.counted
    assert [(one.prompt_tokens, one.completion_tokens) for one in found] == [(3, 1), (0, 2), (0, 3), (2, 1)]
    chats = [body["messages"] for body in counted if "messages" in body]
    assert chats == [[{"role": "user", "content": "three words long"}]]
    assert sum(body.get("prompt") == "two words" for body in counted) == 1
    assert {body["model"] for body in counted} == {"mock-small"}


def test_a_prompt_is_counted_as_it_is_put_together_thinking_and_the_recipes_own_parameters_included() -> None:
    own = {"add_special_tokens": False}
    with serving(tokenizes=True) as server:
        answers(client(server), [request("hello")])
        answers(client(server, thinking={"max_tokens": 8}), [request("hello")])
        answers(client(server, extra_body=own), [request("hello", chat=False)])
        counted = server.mock.counted
    asked = [(body.get("chat_template_kwargs"), body.get("add_special_tokens")) for body in counted[::2]]
    assert asked == [({"enable_thinking": False}, None), ({"enable_thinking": True}, None), (None, False)]


@pytest.mark.parametrize("together", [True, False])
def test_a_prompt_is_counted_once_however_often_it_is_asked(together: bool) -> None:
    with serving(tokenizes=True, draws="given") as server:
        found = answers(client(server, batch_n=together), drawn("hello", 20))
        assert sum("messages" in body for body in server.mock.counted) == 1
    assert sum(one.prompt_tokens for one in found) == (2 if together else 20)


def test_a_server_that_cannot_count_is_asked_no_more_and_that_is_said_once() -> None:
    said: list[str] = []
    with serving(faults=[Fault("usage")]) as server:
        found = answers(client(server, said), drawn("hello", 40))
        assert 1 <= len(server.mock.counted) <= 16
    assert {(one.prompt_tokens, one.completion_tokens) for one in found} == {(0, 0)}
    assert sum("how many tokens" in one for one in said) == 1


def test_a_server_that_tells_counts_is_not_asked() -> None:
    with serving(tokenizes=False) as server:
        found = answers(client(server), drawn("hello", 3))
        assert not server.mock.counted
    assert {(one.prompt_tokens, one.completion_tokens) for one in found} == {(40, 20)}
