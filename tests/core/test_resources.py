"""What a run has freed goes back to the system, and Arrow keeps no heap of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from textsynth.core.resources import limit_threads

STATUS = Path("/proc/self/status")
POOL = "import pyarrow as pa; print(pa.default_memory_pool().backend_name)"
# 60 MB, freed below a block that stays, and held by a circle
FREED = """
from pathlib import Path
from textsynth.core.resources import release_memory
def resident():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])
release_memory()
blocks = [bytes([number % 256]) * 100_000 for number in range(600)]
above, circle = blocks.pop(), [blocks]
circle.append(circle)
full = resident()
del blocks, circle
release_memory()
print(full - resident())
"""


def test_threads_sleep_while_they_wait_unless_the_user_wants_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, found in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
        if given is None:
            monkeypatch.delenv("OMP_WAIT_POLICY")
        limit_threads()
        assert os.environ["OMP_WAIT_POLICY"] == found


def told(code: str, given: dict[str, str]) -> str:
    """Return what a fresh process prints that has shared memory and then runs `code`."""
    without = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    begin = "from textsynth.core.resources import limit_malloc_arenas; limit_malloc_arenas()\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + code], env={**without, **given}, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.mark.parametrize(("given", "pool"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_arrow_shares_memory_unless_the_user_says_otherwise(given: dict[str, str], pool: str) -> None:
    assert told(POOL, given) == pool


@pytest.mark.skipif(not STATUS.is_file(), reason="only Linux tells how much memory a process holds")
def test_freed_memory_goes_back_also_from_below_what_stays() -> None:
    assert int(told(FREED, {})) > 50_000
