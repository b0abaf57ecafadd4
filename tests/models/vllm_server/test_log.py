"""Error and stage messages extracted from logs as vLLM writes them (shortened)."""

from __future__ import annotations

from pathlib import Path

import pytest

from textsynth.models.vllm_server.log import MAX_LENGTH, failure_reason, startup_stage, tail

TIME = "11-25 18:38:37"
OUT_OF_MEMORY_LOG = f"""
(Worker pid=26585) ERROR {TIME} [multiproc_executor.py:1063]     raise ValueError(
(Worker pid=26585) ERROR {TIME} [multiproc_executor.py:1063] ValueError: Available memory on node 0 (12.98/15.09 GiB) is
(EngineCore pid=26572) ERROR {TIME} [core.py:1510] RuntimeError: Worker failed with error 'less than requested'
(APIServer pid=1) Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{}}
/lib/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 1 leaked shared_memory objects
  warnings.warn('resource_tracker: There appear to be %d '
"""
INVALID_FLAG_LOG = """usage: api_server.py [-h] [--headless]
                     [--api-server-count API_SERVER_COUNT]
api_server.py: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'abc'
"""
INVALID_LENGTH_LOG = """Traceback (most recent call last):
  File "arg_utils.py", line 1, in create_model_config
pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, User-specified max_model_len (100000) is greater than the derived max_model_len [type=value_error]
    For further information visit https://errors.pydantic.dev/2.12/v/value_error
"""
NO_MODEL_LOG = f"""(A pid=1) WARNING {TIME} [system_utils.py:255] errors like `OSError: [Errno 24] Too many files`
httpx2.ConnectError: [Errno -2] Name or service not known

The above exception was the direct cause of the following exception:

OSError: We couldn't connect to 'https://huggingface.co' to load the files.
Check your internet connection or see how to run the library in offline mode.
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (OUT_OF_MEMORY_LOG, "RuntimeError: Worker failed with error 'less than requested'"),
        (INVALID_FLAG_LOG, "argument --max-model-len: invalid human_readable_int_or_auto value: 'abc'"),
        (INVALID_LENGTH_LOG, "User-specified max_model_len (100000) is greater than the derived max_model_len"),
        (NO_MODEL_LOG, "OSError: We couldn't connect to 'https://huggingface.co' to load the files."),
        (
            "OSError: [Errno 98] Address already in use\nRuntimeError: later",
            "the port is taken: address already in use",
        ),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to", "OutOfMemoryError: CUDA out of memory. Tried to"),
        ("ERROR: No matching distribution found for vllm\n", "No matching distribution found for vllm"),
        (
            f"(A pid=1) INFO {TIME} [a.py:1] fine\n(A pid=1) WARNING {TIME} [a.py:1] a warning\nINFO {TIME} [b.py:1] x",
            "a warning",
        ),
        ("Segmentation fault (core dumped)\n\n", "Segmentation fault (core dumped)"),
        ("ValueError: " + "a" * 5000, "ValueError: " + "a" * (MAX_LENGTH - 12)),
        ("", ""),
    ],
)
def test_the_reason_of_a_failure_is_found_in_a_log(text: str, reason: str) -> None:
    assert failure_reason(text) == reason


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("Loading safetensors checkpoint shards:  40% Completed | 2/5", "loading the weights, 40%"),
        (
            f"(EngineCore pid=1) INFO {TIME} [kv_cache_utils.py:1] CPU KV cache size: 93,184 tokens",
            "the KV cache is allocated",
        ),
        (f"(A pid=1) WARNING {TIME} [vllm.py:1703] Enforce eager set, disabling torch.compile", ""),
        ("Capturing CUDA graphs (decode, FULL):  73%|███", "capturing CUDA graphs, 73%"),
        ("an unknown message", ""),
    ],
)
def test_the_stage_of_a_start_is_found_in_a_log(line: str, stage: str) -> None:
    assert startup_stage(f"a first line\n{line}\n") == stage


def test_the_latest_stage_is_returned() -> None:
    assert (
        startup_stage("Starting to load model x\nLoading weights took 0.8 seconds\nwhatever")
        == "the weights are loaded"
    )


def test_the_tail_of_a_log_starts_at_an_offset(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"an earlier start\n" + b"this one \xff\n")
    assert tail(log, 17) == "this one �\n"
    log.write_bytes(b"a" * 300_000)
    assert len(tail(log)) == 200_000
