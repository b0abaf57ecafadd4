"""The number in flight, against servers that are sums: capacity, queue, and what they tell."""

from __future__ import annotations

import pytest

from textsynth.models.openai.aimd import INITIAL, MAXIMUM, MINIMUM, AimdLimit, EngineLoad, parse_metrics


def run_with_metrics(pace: AimdLimit, capacity: int, polls: int = 40, others: int = 0) -> list[int]:
    """Poll a server that works on `capacity` at once; return the queue at each look."""
    queues = []
    for number in range(polls):
        total = pace.limit + others
        load = EngineLoad(min(total, capacity), max(0, total - capacity))
        queues.append(load.waiting)
        pace.on_metrics(load, pace.limit, 0.5 * number, saturated=True)
    return queues


@pytest.mark.parametrize("capacity", [16, 64, 128, 256, 900])
def test_with_metrics_the_server_is_full_and_its_queue_short(capacity: int) -> None:
    pace = AimdLimit()
    queues = run_with_metrics(pace, capacity)
    assert all(0 < queue <= max(MINIMUM, capacity // 8) for queue in queues[-20:])


def test_a_server_that_others_use_too_is_left_room() -> None:
    pace = AimdLimit()
    queues = run_with_metrics(pace, 128, others=100)
    assert queues[-1] <= 16
    assert pace.limit >= 28


def test_a_step_that_the_server_has_not_felt_yet_is_waited_for() -> None:
    pace = AimdLimit()
    pace.on_metrics(EngineLoad(64, 0), 96, 1.0, saturated=True)
    assert pace.limit == INITIAL


def test_what_is_not_used_is_not_grown() -> None:
    pace = AimdLimit()
    for number in range(10):
        pace.on_metrics(EngineLoad(10, 0), 10, float(number), saturated=False)
    assert pace.limit == INITIAL


def run_by_answers(pace: AimdLimit, capacity: int, seconds: float = 60.0, service: float = 0.2) -> None:
    """Answer as a server that works on `capacity` at once, each in `service` seconds."""
    now = 0.0
    while now < seconds:
        busy = min(pace.limit, capacity)
        now += service / busy
        pace.on_success(100, now, saturated=True)


@pytest.mark.parametrize("capacity", [64, 200, 700])
def test_by_answers_alone_the_number_grows_as_long_as_that_brings_more(capacity: int) -> None:
    pace = AimdLimit()
    run_by_answers(pace, capacity)
    assert 0.65 * capacity <= pace.limit <= 1.6 * max(capacity, INITIAL)


def test_answers_that_came_while_few_were_under_way_say_nothing() -> None:
    pace = AimdLimit()
    for number in range(2000):
        pace.on_success(100, 0.01 * number, saturated=False)
    assert pace.limit == INITIAL


def test_being_pushed_back_halves_once_a_second_and_has_an_end() -> None:
    pace = AimdLimit()
    for _ in range(50):
        pace.on_backpressure(5.0)
    assert pace.limit == INITIAL // 2
    for now in range(10, 100, 2):
        pace.on_backpressure(float(now))
    assert pace.limit == MINIMUM


def test_after_a_while_it_grows_again() -> None:
    pace = AimdLimit()
    pace.on_backpressure(0.0)
    run_by_answers(pace, 400)
    assert pace.limit > 128


def test_it_never_leaves_its_bounds() -> None:
    pace = AimdLimit()
    run_with_metrics(pace, 10**6)
    assert pace.limit == MAXIMUM


def test_a_given_number_stays() -> None:
    pace = AimdLimit(7)
    pace.on_backpressure(1.0)
    run_with_metrics(pace, 900)
    run_by_answers(pace, 900, seconds=5.0)
    assert pace.limit == 7


PAGE = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="small"} 12.0
vllm:num_requests_running{engine="1",model_name="small"} 10.0
vllm:num_requests_waiting{engine="0",model_name="odd {name}"} 3.0
vllm:num_requests_waiting{engine="1",model_name="small"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="small"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="small"} 0.75
vllm:prefix_cache_queries_total{engine="0",model_name="small"} 1000.0
vllm:prefix_cache_queries_created{engine="0",model_name="small"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="small"} 2.5e+02
vllm:external_prefix_cache_hits_total{engine="0"} 77.0
"""


def test_engines_of_one_server_are_summed_and_the_fullest_cache_counts() -> None:
    assert parse_metrics(PAGE) == EngineLoad(22, 3, 0.75)


def test_older_names_are_known_and_other_pages_are_none() -> None:
    old = b"vllm:num_requests_running 1\nvllm:num_requests_waiting 0\nvllm:gpu_cache_usage_perc 0.5\n"
    assert parse_metrics(old) == EngineLoad(1, 0, 0.5)
    for page in (b"", b"<html>", b"vllm:num_requests_running nan\n", b"python_gc_objects_collected_total 1\n"):
        assert parse_metrics(page) is None


def test_odd_numbers_are_left_out() -> None:
    page = b'vllm:num_requests_running 2\nvllm:num_requests_waiting 1\nvllm:num_requests_waiting{e="1"} -7\n'
    assert parse_metrics(page + b"vllm:num_requests_running 1e99\nvllm:num_requests_running ...\n") == EngineLoad(2, 1)
