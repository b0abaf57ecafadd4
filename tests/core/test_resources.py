"""Freed memory is returned to the operating system, and Arrow has no heap of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from textsynth.core.resources import limit_threads

STATUS = Path("/proc/self/status")
PRINT_POOL = "import pyarrow as pa; print(pa.default_memory_pool().backend_name)"
# Prints by how many kB the process shrinks when 60 MB are released that lie below a block in use and hold a cycle.
PRINT_RELEASED = """
from pathlib import Path
from textsynth.core.resources import release_memory
def resident():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])
release_memory()
blocks = [bytes([number % 256]) * 100_000 for number in range(600)]
above, cycle = blocks.pop(), [blocks]
cycle.append(cycle)
full = resident()
del blocks, cycle
release_memory(cycles=True)
print(full - resident())
"""


@pytest.mark.parametrize(("user_setting", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_user_sets_another_policy(
    monkeypatch: pytest.MonkeyPatch, user_setting: str | None, expected: str
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", user_setting or "")
    if user_setting is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    limit_threads()
    assert os.environ["OMP_WAIT_POLICY"] == expected


def output_of(code: str, environment: dict[str, str]) -> str:
    """Return what a fresh process prints that calls `limit_malloc_arenas` and then runs `code`."""
    inherited = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    setup = "from textsynth.core.resources import limit_malloc_arenas; limit_malloc_arenas()\n"
    process = subprocess.run(
        [sys.executable, "-c", setup + code], env={**inherited, **environment}, capture_output=True, check=True
    )
    return process.stdout.decode().strip()


@pytest.mark.parametrize(
    ("environment", "pool"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")]
)
def test_arrow_uses_the_systems_pool_unless_the_user_sets_another(environment: dict[str, str], pool: str) -> None:
    assert output_of(PRINT_POOL, environment) == pool


@pytest.mark.skipif(not STATUS.is_file(), reason="only Linux shows how much memory a process has")
def test_freed_memory_is_returned_even_below_a_block_in_use() -> None:
    assert int(output_of(PRINT_RELEASED, {})) > 50_000
