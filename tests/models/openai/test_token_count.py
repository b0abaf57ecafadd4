"""Token counts from the server's `/tokenize`."""

from __future__ import annotations

import pytest

from tests.models.model_calls import answers, request, samples
from tests.models.openai.test_batch_n import client
from tests.server import Fault, serving
from textsynth.models.openai.token_count import BYTES_PER_TOKEN, estimated_tokens


def test_a_prompt_is_counted_once_and_each_answer_where_the_responses_have_no_counts() -> None:
    with serving(has_tokenize=True, n_support="supported", answer=lambda _, use: "word " * (use + 1)) as server:
        completions = answers(client(server), [*samples("three words long", 3), request("two words", chat=False)])
        bodies = server.mock.tokenize_bodies
    assert [(each.prompt_tokens, each.completion_tokens) for each in completions] == [(3, 1), (0, 2), (0, 3), (2, 1)]
    assert [body["messages"] for body in bodies if "messages" in body] == [
        [{"role": "user", "content": "three words long"}]
    ]
    assert sum(body.get("prompt") == "two words" for body in bodies) == 1
    assert {body["model"] for body in bodies} == {"mock-small"}


def test_a_prompt_is_counted_as_it_is_rendered_with_thinking_and_the_parameters_of_the_recipe() -> None:
    with serving(has_tokenize=True) as server:
        answers(client(server), [request("hello")])
        answers(client(server, thinking={"max_tokens": 8}), [request("hello")])
        answers(client(server, extra_body={"add_special_tokens": False}), [request("hello", chat=False)])
        prompts = server.mock.tokenize_bodies[::2]
    rendering = [(body.get("chat_template_kwargs"), body.get("add_special_tokens")) for body in prompts]
    assert rendering == [({"enable_thinking": False}, None), ({"enable_thinking": True}, None), (None, False)]


@pytest.mark.parametrize("batch_n", [True, False])
def test_a_prompt_is_counted_once_however_often_it_is_sent(batch_n: bool) -> None:
    with serving(has_tokenize=True, n_support="supported") as server:
        completions = answers(client(server, batch_n=batch_n), samples("hello", 20))
        assert sum("messages" in body for body in server.mock.tokenize_bodies) == 1
    assert sum(each.prompt_tokens for each in completions) == (2 if batch_n else 20)


def test_a_server_that_cannot_count_is_not_asked_again_which_is_logged_once() -> None:
    log: list[str] = []
    with serving(faults=[Fault("usage")]) as server:
        completions = answers(client(server, log), samples("hello", 40))
        assert 1 <= len(server.mock.tokenize_bodies) <= 16
    for completion in completions:
        assert completion.completion_tokens == len(completion.text.encode()) // BYTES_PER_TOKEN > 10
    assert sum(completion.prompt_tokens > 0 for completion in completions) >= 2
    assert sum("returns no token counts: they are estimated" in line for line in log) == 1


def test_an_estimate_counts_bytes_so_that_no_script_is_taken_for_free() -> None:
    assert estimated_tokens("") == 1
    assert estimated_tokens("four words are here.") == 5
    assert estimated_tokens("私の荷物はどこですか", "\ud800") == 7


def test_a_server_whose_responses_have_counts_is_not_asked() -> None:
    with serving(has_tokenize=False) as server:
        completions = answers(client(server), samples("hello", 3))
        assert not server.mock.tokenize_bodies
    assert {(each.prompt_tokens, each.completion_tokens) for each in completions} == {(40, 20)}
