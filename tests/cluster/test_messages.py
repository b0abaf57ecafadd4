from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from textsynth.cluster.messages import WorkerReply, decode_reply, decode_units, encode_reply, encode_units
from textsynth.core.records import Completion, Constraint, Message, ModelRequest, OptionScores, RenderedPrompt, Sampling

TEXTS = st.text(max_size=8)
PROMPTS = st.builds(
    RenderedPrompt,
    name=TEXTS,
    fingerprint=TEXTS,
    messages=st.lists(st.builds(Message, role=TEXTS, content=TEXTS), max_size=3).map(tuple),
    text=TEXTS,
)
REQUESTS = st.builds(
    ModelRequest,
    key=TEXTS,
    prompt=PROMPTS,
    sampling=st.builds(Sampling, temperature=st.floats(0, 5), stop=st.lists(TEXTS, max_size=2).map(tuple)),
    constraint=st.none() | st.builds(Constraint, kind=st.just("regex"), value=TEXTS, in_prompt=st.booleans()),
    options=st.lists(TEXTS, max_size=3).map(tuple),
)
SCORES = st.builds(
    OptionScores,
    logprobs=st.dictionaries(TEXTS, st.floats(-99, 0), max_size=3),
    upper_bound=st.none() | st.floats(-99, 0),
    exact=st.booleans(),
)
COMPLETIONS = st.builds(
    Completion,
    text=TEXTS,
    finish=TEXTS,
    prompt_tokens=st.integers(0),
    completion_tokens=st.integers(0),
    failure=st.none() | TEXTS,
    scores=st.none() | SCORES,
    engine=TEXTS,
)


@given(st.lists(st.tuples(st.integers(0), st.lists(REQUESTS, max_size=4)), max_size=4))
def test_requests_arrive_as_they_were_sent(units: list[tuple[int, list[ModelRequest]]]) -> None:
    assert decode_units(encode_units(units)) == units


@given(
    st.lists(st.tuples(st.integers(0), st.integers(0), COMPLETIONS), max_size=4),
    st.lists(st.integers(0), max_size=3),
    st.lists(st.tuples(st.integers(0), TEXTS, TEXTS), max_size=3),
    st.lists(TEXTS, max_size=3),
    st.none() | st.integers(0),
)
def test_a_reply_arrives_as_it_was_sent(
    answers: list[tuple[int, int, Completion]],
    ended: list[int],
    errors: list[tuple[int, str, str]],
    lines: list[str],
    in_flight: int | None,
) -> None:
    reply = WorkerReply(answers, ended, errors, lines, in_flight)
    assert decode_reply(encode_reply(reply)) == reply


def test_a_prompt_of_several_requests_goes_once() -> None:
    prompt = RenderedPrompt("a", "b", messages=(Message("user", "a long prompt " * 100),))
    request = ModelRequest("0", prompt, Sampling())
    equal = replace(request, prompt=RenderedPrompt("a", "b", messages=(Message("user", "a long prompt " * 100),)))
    alone = len(encode_units([(0, [request])]))
    assert len(encode_units([(0, [replace(request, key=str(n)) for n in range(10)])])) < 1.5 * alone
    assert len(encode_units([(0, [request, equal])])) < 1.5 * alone
    [(_, [first, second])] = decode_units(encode_units([(0, [request, replace(request, key="1")])]))
    assert first.prompt is second.prompt  # by which clients see that they may be sent as one
