"""From nothing to the first answer: an empty cache folder, `textsynth serve`, one request. The install stands aside.

    python eval/first_answer.py [--python /path/to/python] [--turns 3]

Each turn gets and converts the embedded model, starts vLLM on it, asks once, and ends it with Ctrl-C. Exits with 1
where the median takes more than 90 s.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from textsynth.core.paths import cache_folder
from textsynth.models.local.bundled import BUNDLED_MODEL
from textsynth.models.vllm_server.environment import find_environment

ROOT = Path(__file__).parent.parent
BAR_SECONDS = 90.0


def ask(url: str, key: str) -> str:
    """Return one answer."""
    body = json.dumps({"model": BUNDLED_MODEL, "prompt": "1. Where is my card?\n2.", "max_tokens": 20}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/completions", body, headers)) as said:
        return str(json.loads(said.read())["choices"][0]["text"])


def turn(python: Path) -> tuple[float, float]:
    """Return the seconds until the server was ready, and until its first answer."""
    with tempfile.TemporaryDirectory(prefix="first-answer-") as cache:
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "textsynth", "serve", BUNDLED_MODEL, "--python", str(python), "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)},
        ) as serving:
            assert serving.stdout is not None
            told = ""
            while not told.endswith("}\n"):
                line = serving.stdout.readline()
                if not line:
                    raise SystemExit(serving.wait())
                told += line
            ready = time.perf_counter() - started
            found = json.loads(told)
            ask(found["base_url"], Path(found["key_file"]).read_text())
            answered = time.perf_counter() - started
            serving.send_signal(signal.SIGINT)
            serving.wait()
        while any(Path(cache).rglob("supervisor.lock")) and not _ended(Path(cache)):
            time.sleep(0.2)
    return ready, answered


def _ended(cache: Path) -> bool:
    return all('"stopped"' in path.read_text() for path in cache.rglob("state.json"))


def main() -> None:
    """Measure; leave with 1 where the bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="an interpreter that has vLLM; left out: the installed one")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    python = find_environment(cache_folder(), given.python).python
    turns = [turn(python) for _ in range(given.turns)]
    for ready, answered in turns:
        print(f"ready after {ready:.1f} s, first answer after {answered:.1f} s")
    median = statistics.median(answered for _, answered in turns)
    print(f"median {median:.1f} s (bar {BAR_SECONDS:.0f} s)")
    sys.exit(0 if median <= BAR_SECONDS else 1)


if __name__ == "__main__":
    main()
