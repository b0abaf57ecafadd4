"""Which server gets a request, and how servers that are down are left out."""

from __future__ import annotations

import itertools
from collections import Counter

from textsynth.core.records import Message, RenderedPrompt
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.load_balancer import OVERLOAD_MARGIN, LoadBalancer


def balancer_of(count: int, concurrency: int | None = 64) -> LoadBalancer:
    urls = [f"http://127.0.0.1:{8000 + number}/v1" for number in range(count)]
    return LoadBalancer(
        [Endpoint(url, EndpointConfig((url,), "m"), concurrency=concurrency, log=print) for url in urls]
    )


def prompt(beginning: str, ending: str = "") -> RenderedPrompt:
    return RenderedPrompt("p", "0", (Message("user", beginning * 40 + ending),))


def test_prompts_with_one_beginning_go_to_one_server_and_different_ones_spread() -> None:
    balancer = balancer_of(3)
    selected = {
        label: {balancer.select(prompt(f"about {label}: ", ending), 0.0) for ending in "abcd"} for label in range(60)
    }
    assert all(len(endpoints) == 1 for endpoints in selected.values())
    counts = Counter(next(iter(endpoints)).url for endpoints in selected.values())
    assert len(counts) == 3
    assert max(counts.values()) <= 35


def test_an_overloaded_server_and_a_full_one_are_passed_over() -> None:
    balancer = balancer_of(2)
    preferred = balancer.select(prompt("x"), 0.0)
    preferred.in_flight = OVERLOAD_MARGIN
    assert balancer.select(prompt("x"), 0.0) is preferred
    preferred.in_flight = OVERLOAD_MARGIN + 1
    assert balancer.select(prompt("x"), 0.0) is not preferred
    second = balancer.select(prompt("x"), 0.0)
    preferred.in_flight = 64
    second.in_flight = 60
    assert balancer.select(prompt("x"), 0.0) is second


def test_an_ejected_server_gets_nothing_and_the_last_one_is_never_ejected() -> None:
    balancer = balancer_of(2)
    first, second = balancer.endpoints
    assert balancer.eject(first, 0.0)
    assert balancer.limit == 64
    assert {balancer.select(prompt(str(number)), 0.0) for number in range(20)} == {second}
    assert not balancer.eject(second, 0.0)
    assert balancer.readmit(first)
    assert not balancer.readmit(first)
    assert balancer.limit == 128
    assert len({balancer.select(prompt(str(number)), 0.0) for number in range(20)}) == 2


def test_an_ejected_server_is_checked_at_growing_intervals() -> None:
    balancer = balancer_of(2)
    balancer.eject(balancer.endpoints[0], 100.0)
    times = [100.0 + 0.1 * step for step in range(1000) if balancer.due_for_check(100.0 + 0.1 * step)]
    intervals = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] < 101
    assert 9 < intervals[-1] < 11
    assert 10 < len(times) < 25


def test_a_paused_server_gets_nothing_while_another_is_ready() -> None:
    balancer = balancer_of(2)
    preferred = balancer.select(prompt("x"), 0.0)
    preferred.paused_until = 5.0
    assert balancer.select(prompt("x"), 1.0) is not preferred
    assert balancer.select(prompt("x"), 5.0) is preferred


def test_a_single_server_is_always_selected() -> None:
    balancer = balancer_of(1, concurrency=3)
    balancer.endpoints[0].ejected = True
    assert balancer.limit == 3
    assert balancer.select(prompt("x"), 0.0) is balancer.endpoints[0]
