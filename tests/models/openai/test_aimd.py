"""The number in flight, against servers that are sums: capacity, queue, and what they tell."""

from __future__ import annotations

import pytest

from textsynth.models.openai.aimd import LEAST, MOST, START, Load, Pace, read_load


def run_with_metrics(pace: Pace, capacity: int, polls: int = 40, others: int = 0) -> list[int]:
    """Poll a server that works on `capacity` at once; return the queue at each look."""
    queues = []
    for number in range(polls):
        total = pace.limit + others
        load = Load(min(total, capacity), max(0, total - capacity))
        queues.append(load.waiting)
        pace.told(load, pace.limit, 0.5 * number, pressed=True)
    return queues


@pytest.mark.parametrize("capacity", [16, 64, 128, 256, 900])
def test_with_metrics_the_server_is_full_and_its_queue_short(capacity: int) -> None:
    pace = Pace()
    queues = run_with_metrics(pace, capacity)
    assert all(0 < queue <= max(LEAST, capacity // 8) for queue in queues[-20:])


def test_a_server_that_others_use_too_is_left_room() -> None:
    pace = Pace()
    queues = run_with_metrics(pace, 128, others=100)
    assert queues[-1] <= 16
    assert pace.limit >= 28


def test_a_step_that_the_server_has_not_felt_yet_is_waited_for() -> None:
    pace = Pace()
    pace.told(Load(64, 0), 96, 1.0, pressed=True)
    assert pace.limit == START


def test_what_is_not_used_is_not_grown() -> None:
    pace = Pace()
    for number in range(10):
        pace.told(Load(10, 0), 10, float(number), pressed=False)
    assert pace.limit == START


def run_by_answers(pace: Pace, capacity: int, seconds: float = 60.0, service: float = 0.2) -> None:
    """Answer as a server that works on `capacity` at once, each in `service` seconds."""
    now = 0.0
    while now < seconds:
        busy = min(pace.limit, capacity)
        now += service / busy
        pace.answered(100, now, pressed=True)


@pytest.mark.parametrize("capacity", [64, 200, 700])
def test_by_answers_alone_the_number_grows_as_long_as_that_brings_more(capacity: int) -> None:
    pace = Pace()
    run_by_answers(pace, capacity)
    assert 0.65 * capacity <= pace.limit <= 1.6 * max(capacity, START)


def test_answers_that_came_while_few_were_under_way_say_nothing() -> None:
    pace = Pace()
    for number in range(2000):
        pace.answered(100, 0.01 * number, pressed=False)
    assert pace.limit == START


def test_being_pushed_back_halves_once_a_second_and_has_an_end() -> None:
    pace = Pace()
    for _ in range(50):
        pace.pushed_back(5.0)
    assert pace.limit == START // 2
    for now in range(10, 100, 2):
        pace.pushed_back(float(now))
    assert pace.limit == LEAST


def test_after_a_while_it_grows_again() -> None:
    pace = Pace()
    pace.pushed_back(0.0)
    run_by_answers(pace, 400)
    assert pace.limit > 128


def test_it_never_leaves_its_bounds() -> None:
    pace = Pace()
    run_with_metrics(pace, 10**6)
    assert pace.limit == MOST


def test_a_given_number_stays() -> None:
    pace = Pace(7)
    pace.pushed_back(1.0)
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
    assert read_load(PAGE) == Load(22, 3, 0.75)


def test_older_names_are_known_and_other_pages_are_none() -> None:
    old = b"vllm:num_requests_running 1\nvllm:num_requests_waiting 0\nvllm:gpu_cache_usage_perc 0.5\n"
    assert read_load(old) == Load(1, 0, 0.5)
    for page in (b"", b"<html>", b"vllm:num_requests_running nan\n", b"python_gc_objects_collected_total 1\n"):
        assert read_load(page) is None


def test_odd_numbers_are_left_out() -> None:
    page = b'vllm:num_requests_running 2\nvllm:num_requests_waiting 1\nvllm:num_requests_waiting{e="1"} -7\n'
    assert read_load(page + b"vllm:num_requests_running 1e99\nvllm:num_requests_running ...\n") == Load(2, 1)
