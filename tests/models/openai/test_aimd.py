"""The adaptive concurrency limit, against simulated servers: by their metrics, by their responses, by 429s."""

from __future__ import annotations

import pytest

from textsynth.models.openai.aimd import INITIAL_LIMIT, MAX_LIMIT, MIN_LIMIT, AimdLimit, EngineLoad, parse_metrics


def poll_repeatedly(limit: AimdLimit, capacity: int, polls: int = 40, other_clients: int = 0) -> list[int]:
    """Poll a server that processes `capacity` requests at once; return the length of its queue at each poll."""
    queues = []
    for number in range(polls):
        total = limit.limit + other_clients
        load = EngineLoad(min(total, capacity), max(0, total - capacity))
        queues.append(load.waiting)
        limit.on_metrics(load, limit.limit, 0.5 * number, saturated=True)
    return queues


def respond_repeatedly(limit: AimdLimit, capacity: int, seconds: float = 60.0, latency: float = 0.2) -> None:
    """Respond as a server that processes `capacity` requests at once, each in `latency` seconds."""
    now = 0.0
    while now < seconds:
        now += latency / min(limit.limit, capacity)
        limit.on_success(100, now, saturated=True)


@pytest.mark.parametrize("capacity", [16, 64, 128, 256, 900])
def test_with_metrics_the_server_is_full_and_its_queue_short(capacity: int) -> None:
    queues = poll_repeatedly(AimdLimit(), capacity)
    assert all(0 < queue <= max(MIN_LIMIT, capacity // 8) for queue in queues[-20:])


def test_a_server_that_has_other_clients_is_not_overloaded() -> None:
    limit = AimdLimit()
    queues = poll_repeatedly(limit, 128, other_clients=100)
    assert queues[-1] <= 16
    assert limit.limit >= 28


def test_the_limit_does_not_grow_before_the_last_step_has_taken_effect() -> None:
    limit = AimdLimit()
    limit.on_metrics(EngineLoad(64, 0), 96, 1.0, saturated=True)
    assert limit.limit == INITIAL_LIMIT


def test_a_limit_that_is_not_reached_does_not_grow() -> None:
    limit = AimdLimit()
    for number in range(10):
        limit.on_metrics(EngineLoad(10, 0), 10, float(number), saturated=False)
    assert limit.limit == INITIAL_LIMIT


@pytest.mark.parametrize("capacity", [64, 200, 700])
def test_without_metrics_the_limit_grows_as_long_as_that_yields_more_text(capacity: int) -> None:
    limit = AimdLimit()
    respond_repeatedly(limit, capacity)
    assert 0.65 * capacity <= limit.limit <= 1.6 * max(capacity, INITIAL_LIMIT)


def test_responses_that_came_while_few_requests_were_in_flight_do_not_count() -> None:
    limit = AimdLimit()
    for number in range(2000):
        limit.on_success(100, 0.01 * number, saturated=False)
    assert limit.limit == INITIAL_LIMIT


def test_backpressure_halves_the_limit_once_a_second_down_to_the_minimum() -> None:
    limit = AimdLimit()
    for _ in range(50):
        limit.on_backpressure(5.0)
    assert limit.limit == INITIAL_LIMIT // 2
    for now in range(10, 100, 2):
        limit.on_backpressure(float(now))
    assert limit.limit == MIN_LIMIT


def test_the_limit_grows_again_a_while_after_backpressure() -> None:
    limit = AimdLimit()
    limit.on_backpressure(0.0)
    respond_repeatedly(limit, 400)
    assert limit.limit > 128


def test_the_limit_has_a_maximum() -> None:
    limit = AimdLimit()
    poll_repeatedly(limit, 10**6)
    assert limit.limit == MAX_LIMIT


def test_a_fixed_limit_never_changes() -> None:
    limit = AimdLimit(7)
    limit.on_backpressure(1.0)
    poll_repeatedly(limit, 900)
    respond_repeatedly(limit, 900, seconds=5.0)
    assert limit.limit == 7


METRICS = b"""\
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


def test_the_metrics_of_several_engines_are_summed_and_the_fullest_cache_counts() -> None:
    assert parse_metrics(METRICS) == EngineLoad(22, 3, 0.75)


def test_older_names_are_read_and_other_pages_are_none() -> None:
    old = b"vllm:num_requests_running 1\nvllm:num_requests_waiting 0\nvllm:gpu_cache_usage_perc 0.5\n"
    assert parse_metrics(old) == EngineLoad(1, 0, 0.5)
    for page in (b"", b"<html>", b"vllm:num_requests_running nan\n", b"python_gc_objects_collected_total 1\n"):
        assert parse_metrics(page) is None


def test_impossible_values_are_ignored() -> None:
    page = b'vllm:num_requests_running 2\nvllm:num_requests_waiting 1\nvllm:num_requests_waiting{e="1"} -7\n'
    assert parse_metrics(page + b"vllm:num_requests_running 1e99\nvllm:num_requests_running ...\n") == EngineLoad(2, 1)
