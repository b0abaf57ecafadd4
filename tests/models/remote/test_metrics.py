from __future__ import annotations

from textsynth.models.remote.metrics import Load, read_load

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
