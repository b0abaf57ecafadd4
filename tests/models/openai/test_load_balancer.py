from __future__ import annotations

import itertools
from collections import Counter

from textsynth.core.records import Message, RenderedPrompt
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.load_balancer import SPARE_SLOTS, LoadBalancer


def servers(count: int, in_flight: int | None = 64) -> LoadBalancer:
    urls = [f"http://127.0.0.1:{8000 + number}/v1" for number in range(count)]
    return LoadBalancer([Endpoint(url, EndpointConfig((url,), "m"), in_flight=in_flight, say=print) for url in urls])


def prompt(beginning: str, ending: str = "") -> RenderedPrompt:
    return RenderedPrompt("p", "0", (Message("user", beginning * 40 + ending),))


def test_the_same_beginning_goes_to_the_same_server_and_others_spread() -> None:
    mine = servers(3)
    homes = {label: {mine.choose(prompt(f"about {label}: ", tone), 0.0) for tone in "abcd"} for label in range(60)}
    assert all(len(found) == 1 for found in homes.values())
    spread = Counter(next(iter(found)).address.url for found in homes.values())
    assert len(spread) == 3
    assert max(spread.values()) <= 35


def test_an_overloaded_server_is_passed_by_and_a_full_one_too() -> None:
    mine = servers(2)
    home = mine.choose(prompt("x"), 0.0)
    home.in_flight = SPARE_SLOTS
    assert mine.choose(prompt("x"), 0.0) is home
    home.in_flight = SPARE_SLOTS + 1
    assert mine.choose(prompt("x"), 0.0) is not home
    other = mine.choose(prompt("x"), 0.0)
    other.in_flight = home.in_flight = 64
    other.in_flight = 60
    assert mine.choose(prompt("x"), 0.0) is other


def test_a_resting_server_gets_nothing_and_the_last_one_never_rests() -> None:
    mine = servers(2)
    one, other = mine.replicas
    assert mine.eject(one, 0.0)
    assert mine.limit == 64
    assert {mine.choose(prompt(str(n)), 0.0) for n in range(20)} == {other}
    assert not mine.eject(other, 0.0)
    assert mine.readmit(one)
    assert not mine.readmit(one)
    assert mine.limit == 128
    assert len({mine.choose(prompt(str(n)), 0.0) for n in range(20)}) == 2


def test_a_resting_server_is_looked_at_less_and_less_often() -> None:
    mine = servers(2)
    mine.eject(mine.replicas[0], 100.0)
    times = [100.0 + 0.1 * n for n in range(1000) if mine.due_for_check(100.0 + 0.1 * n)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] < 101
    assert 9 < pauses[-1] < 11
    assert 10 < len(times) < 25


def test_a_server_that_wants_quiet_is_left_alone_while_another_is_ready() -> None:
    mine = servers(2)
    home = mine.choose(prompt("x"), 0.0)
    home.quiet_until = 5.0
    assert mine.choose(prompt("x"), 1.0) is not home
    assert mine.choose(prompt("x"), 5.0) is home


def test_one_server_is_always_the_one() -> None:
    mine = servers(1, in_flight=3)
    mine.replicas[0].resting = True
    assert mine.limit == 3
    assert mine.choose(prompt("x"), 0.0) is mine.replicas[0]
