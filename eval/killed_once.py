"""What is sent twice when a run is killed: `kill -9` when a server has seen 3,000 of 5,000 requests, then once more.

    python eval/killed_once.py [--requests 5000] [--at 3000] [--latency-ms 100] [--in-flight 64] [--turns 5]

The mock counts every request; what it got beyond those of the plan was sent twice. What the journal held at the kill
must not be asked again: then exactly the requests that were missing there follow. Exits with 1 where more was sent
twice than was in flight, or an answer was asked for that the journal had.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from throughput import FILTERS, RECIPE, SEEDS, get, mock


def seen(host: str) -> int:
    """Return how many requests the mock has got."""
    count: int = json.loads(get(f"{host}/stats"))["requests"]
    return count


def kept(out: Path) -> int:
    """Return how many answers the journal has."""
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        count: int = journal.execute("SELECT count(*) FROM answers").fetchone()[0]
    return count


def killed(command: list[str], host: str, at: int) -> None:
    """Start a run and kill it when the mock has seen `at` requests."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        while seen(host) < at:
            if process.poll() is not None:
                said.seek(0)
                raise SystemExit(said.read())
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def turn(place: Path, url: str, asked: argparse.Namespace) -> bool:
    """Kill one run and end it; print what was seen and return whether all is as it should be."""
    host = url.removesuffix("/v1")
    get(f"{host}/reset")
    (place / "seeds.csv").write_text(SEEDS)
    recipe = place / "killed.yaml"
    recipe.write_text(
        RECIPE.format(
            url=url, model="mock-small", prompts="chat", in_flight=asked.in_flight, requests=asked.requests,
            filters=FILTERS, key="",
        )
    )  # fmt: skip
    out = place / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"]
    killed(command, host, asked.at)
    time.sleep(2 * asked.latency_ms / 1000)  # what was under way has arrived there
    before, had = seen(host), kept(out)
    subprocess.run(command, capture_output=True, check=False)
    again = seen(host) - before
    twice = before + again - asked.requests
    print(f"seen at the kill {before}, kept {had}, asked after it {again}: {twice} sent twice", flush=True)
    return kept(out) == asked.requests and again == asked.requests - had and twice <= asked.in_flight


def main() -> None:
    """Kill, go on, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--at", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, mock(asked.latency_ms) as url:
        fine = [turn(Path(place), url, asked) for _ in range(asked.turns)]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
