"""Identical data sets at 1, 16 and 256 requests in flight and after twenty `kill -9`: bank intents, a mock server.

    python eval/kills.py SEEDS.csv [--kills 20] [--latency-ms 800]

The completions of each label are words drawn from its own prompt, so that some pass the classifier of the seeds and
some do not. The mock counts the requests; the journal is read after every kill: requests that were sent and are not in
it were in flight. Exits with 1 where the data sets differ, or where other requests were sent twice than those in
flight.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.mock import MODEL
from tests.server import RunningServer, serving

RECIPE = Path(__file__).parent.parent / "recipes" / "bank_intents.yaml"
IN_FLIGHT = 16  # during the run that is killed


def words_of_the_prompt(body: dict[str, Any], use: int) -> str:
    """Return four numbered lines of words from the last message, the same for the same prompt and use."""
    prompt = body["messages"][-1]["content"]
    generator = random.Random(f"{prompt}:{use}")
    words = prompt.split()
    starts = [generator.randrange(len(words)) for _ in range(8)]
    spans = [words[start : start + generator.randint(3, 5)] for start in starts]
    return "\n".join(f"{n + 1}. {' '.join([*spans[2 * n], *spans[2 * n + 1]])}" for n in range(4))


def run_command(server: RunningServer, seeds: Path, out: Path, in_flight: int) -> list[str]:
    """Return the command of one run."""
    model = {"http": {"base_url": server.url, "model": MODEL, "concurrency": in_flight}}
    settings = [f"models.generator={json.dumps(model)}", f"sources.seeds={seeds}", "budget.patience=20"]
    options = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "-m", "textsynth", "run", str(RECIPE), "--out", str(out), "--quiet", *options]


def complete_run(server: RunningServer, seeds: Path, out: Path, in_flight: int) -> int:
    """Run to the end; return the exit status. Raises SystemExit with the output where it is neither 0 nor 3."""
    command = run_command(server, seeds, out, in_flight)
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode not in (0, 3):
        raise SystemExit(process.stdout + process.stderr)
    return process.returncode


def dataset_digest(out: Path) -> str:
    """Return the sha256 of the names and bytes of the data set's files."""
    digest = hashlib.sha256()
    for path in sorted((out / "dataset").rglob("*")):
        if path.is_file() and path.name != "README.md":
            digest.update(str(path.relative_to(out)).encode() + path.read_bytes())
    return digest.hexdigest()


def journal_answers(out: Path) -> int:
    """Return how many answers the journal has."""
    if not (out / "journal.sqlite").exists():
        return 0
    with sqlite3.connect(out / "journal.sqlite") as journal:
        (count,) = journal.execute("SELECT count(*) FROM answers").fetchone()
    return int(count)


def kill_once(server: RunningServer, seeds: Path, out: Path, generator: random.Random) -> tuple[int, bool]:
    """Start a run and kill it at a random moment.

    Returns how many requests were sent whose answers are not in the journal, and whether the run had ended before.
    """
    answers, sent = journal_answers(out), server.stats()["requests"]
    process = subprocess.Popen(
        run_command(server, seeds, out, IN_FLIGHT), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(generator.uniform(0.3, 18.0))
    had_ended = process.poll() is not None
    if not had_ended:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.2)
    return (server.stats()["requests"] - sent) - (journal_answers(out) - answers), had_ended


def main() -> None:
    """Measure and print; exit with 1 where a condition does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--latency-ms", type=float, default=800)
    arguments = parser.parse_args()
    seeds = arguments.seeds.resolve()
    generator = random.Random(1)
    with tempfile.TemporaryDirectory() as name, serving(answer=words_of_the_prompt, latency=0.02) as server:
        complete, killed = Path(name, "complete"), Path(name, "killed")
        digests, requests = [], 0
        for in_flight in (256, 16, 1):
            server.mock.reset()
            status = complete_run(server, seeds, complete, in_flight)
            digests.append(dataset_digest(complete))
            requests = server.stats()["requests"]
            print(f"{in_flight} in flight: exit {status}, {requests} requests, {digests[-1][:12]}", flush=True)
            shutil.rmtree(complete)
        server.mock.reset(latency=arguments.latency_ms / 1000)
        lost = []
        for turn in range(arguments.kills):
            in_flight_lost, had_ended = kill_once(server, seeds, killed, generator)
            lost.append(in_flight_lost)
            print(
                f"kill {turn + 1}: {in_flight_lost} in flight lost, {journal_answers(killed)} in the journal"
                f"{', had ended' * had_ended}",
                flush=True,
            )
        complete_run(server, seeds, killed, IN_FLIGHT)
        digests.append(dataset_digest(killed))
        stats = server.stats()
    sent_twice = stats["requests"] - requests
    print(
        f"after {arguments.kills} kills: {sent_twice} requests sent twice, {sum(lost)} were in flight, "
        f"{digests[-1][:12]}"
    )
    passed = len(set(digests)) == 1 and sent_twice == sum(lost) and max(lost) <= IN_FLIGHT
    print("passed" if passed else "FAILED")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
