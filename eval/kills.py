"""The same bytes at 1, 16 and 256 in flight, and after twenty `kill -9`: the bank-intents recipe and a mock server.

    python eval/kills.py SEEDS.csv [--kills 20] [--latency-ms 800]

Each label's answers are words drawn from its own prompt, so that some pass the seeds' classifier and some do not. The
mock counts; the journal is read after every kill: what was sent and is not in it was in flight. Exits with 1 where a
bar does not hold.
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


def words_of_the_prompt(body: dict[str, Any], use: int) -> str:
    """Return four numbered lines of words drawn from the last turn, the same for the same prompt and use."""
    asked = body["messages"][-1]["content"]
    draw = random.Random(f"{asked}:{use}")
    words = asked.split()
    starts = [draw.randrange(len(words)) for _ in range(8)]
    spans = [words[start : start + draw.randint(3, 5)] for start in starts]
    return "\n".join(f"{n + 1}. {' '.join([*spans[2 * n], *spans[2 * n + 1]])}" for n in range(4))


def command(server: RunningServer, seeds: Path, out: Path, in_flight: int) -> list[str]:
    """Return the command of one run."""
    model = {"http": {"base_url": server.url, "model": MODEL, "concurrency": in_flight}}
    settings = [f"models.generator={json.dumps(model)}", f"sources.seeds={seeds}", "budget.patience=20"]
    told = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "-m", "textsynth", "run", str(RECIPE), "--out", str(out), "--quiet", *told]


def whole_run(server: RunningServer, seeds: Path, out: Path, in_flight: int) -> int:
    """Run to the end; return the exit status. Raises SystemExit with what was printed where it is neither 0 nor 3."""
    done = subprocess.run(command(server, seeds, out, in_flight), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    return done.returncode


def digest(out: Path) -> str:
    """Return one sha256 over the names and bytes of the data set's files."""
    told = hashlib.sha256()
    for path in sorted((out / "dataset").rglob("*")):
        if path.is_file() and path.name != "README.md":
            told.update(str(path.relative_to(out)).encode() + path.read_bytes())
    return told.hexdigest()


def committed(out: Path) -> int:
    """Return how many answers the journal holds."""
    if not (out / "journal.sqlite").exists():
        return 0
    with sqlite3.connect(out / "journal.sqlite") as journal:
        found: tuple[int] = journal.execute("SELECT count(*) FROM answers").fetchone()
    return found[0]


def kill_once(server: RunningServer, seeds: Path, out: Path, in_flight: int, draw: random.Random) -> tuple[int, bool]:
    """Start, kill at a random moment; return how many answers sent are not in the journal, and whether it had ended."""
    kept, sent = committed(out), server.stats()["requests"]
    process = subprocess.Popen(
        command(server, seeds, out, in_flight), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(draw.uniform(0.3, 18.0))
    ended = process.poll() is not None
    if not ended:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.2)
    return (server.stats()["requests"] - sent) - (committed(out) - kept), ended


def main() -> None:
    """Measure, print, and exit with 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--latency-ms", type=float, default=800)
    asked = parser.parse_args()
    seeds = asked.seeds.resolve()
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as place, serving(answer=words_of_the_prompt, latency=0.02) as server:
        folder, digests, sent = Path(place), [], 0
        for in_flight in (256, 16, 1):
            server.mock.reset()
            status = whole_run(server, seeds, folder / "whole", in_flight)
            digests.append(digest(folder / "whole"))
            sent = server.stats()["requests"]
            print(f"{in_flight} in flight: exit {status}, {sent} requests, {digests[-1][:12]}", flush=True)
            shutil.rmtree(folder / "whole")
        server.mock.reset(latency=asked.latency_ms / 1000)
        lost = []
        for turn in range(asked.kills):
            one, ended = kill_once(server, seeds, folder / "killed", 16, draw)
            lost.append(one)
            kept = committed(folder / "killed")
            print(f"kill {turn + 1}: {one} in flight lost, {kept} in the journal{', had ended' * ended}", flush=True)
        whole_run(server, seeds, folder / "killed", 16)
        digests.append(digest(folder / "killed"))
        stats = server.stats()
    again = stats["requests"] - sent
    print(f"after {asked.kills} kills: {again} requests sent again, {sum(lost)} were in flight, {digests[-1][:12]}")
    holds = len(set(digests)) == 1 and again == sum(lost) and max(lost) <= 16
    print("holds" if holds else "DOES NOT HOLD")
    sys.exit(not holds)


if __name__ == "__main__":
    main()
