"""Requests sent twice after a kill: `kill -9` when a server has seen 3,000 of 5,000 requests, then the run again.

    python eval/killed_once.py [--requests 5000] [--at 3000] [--latency-ms 100] [--in-flight 64] [--turns 5]

The mock server counts every request; those beyond the plan were sent twice. Answers in the journal at the kill must not
be requested again: exactly the requests missing there must follow. Exits with 1 where more requests were sent twice
than were in flight, or where an answer in the journal was requested again.
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


def seen_requests(host: str) -> int:
    """Return how many requests the mock has received."""
    count: int = json.loads(get(f"{host}/stats"))["requests"]
    return count


def journal_answers(out: Path) -> int:
    """Return how many answers the journal has."""
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        count: int = journal.execute("SELECT count(*) FROM answers").fetchone()[0]
    return count


def run_until_killed(command: list[str], host: str, at: int) -> None:
    """Start a run and kill it when the mock has seen `at` requests."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        while seen_requests(host) < at:
            if process.poll() is not None:
                output.seek(0)
                raise SystemExit(output.read())
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def kill_and_resume(folder: Path, url: str, arguments: argparse.Namespace) -> bool:
    """Kill one run and resume it; print the counts and return whether they are as expected."""
    host = url.removesuffix("/v1")
    get(f"{host}/reset")
    (folder / "seeds.csv").write_text(SEEDS)
    recipe = folder / "killed.yaml"
    recipe.write_text(
        RECIPE.format(
            url=url, model="mock-small", mode="chat", in_flight=arguments.in_flight, requests=arguments.requests,
            filters=FILTERS, key="",
        )
    )  # fmt: skip
    out = folder / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"]
    run_until_killed(command, host, arguments.at)
    time.sleep(2 * arguments.latency_ms / 1000)  # until requests under way have arrived
    before, in_journal = seen_requests(host), journal_answers(out)
    subprocess.run(command, capture_output=True, check=False)
    after = seen_requests(host) - before
    sent_twice = before + after - arguments.requests
    print(
        f"{before} seen at the kill, {in_journal} in the journal, {after} sent after it: {sent_twice} sent twice",
        flush=True,
    )
    return (
        journal_answers(out) == arguments.requests
        and after == arguments.requests - in_journal
        and sent_twice <= arguments.in_flight
    )


def main() -> None:
    """Kill, resume, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--at", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, mock(arguments.latency_ms) as url:
        passed = [kill_and_resume(Path(folder), url, arguments) for _ in range(arguments.turns)]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
