"""The time from an empty cache folder to the first completion of `textsynth serve`, without the installation of vLLM.

    python eval/first_answer.py [--python /path/to/python] [--turns 3]

Each turn downloads and converts the embedded model, starts vLLM on it, sends one request, and stops it with Ctrl-C.
Exits with 1 where the median is above 90 s.
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
MAX_SECONDS = 90.0


def complete(url: str, key: str) -> str:
    """Return one completion."""
    body = json.dumps({"model": BUNDLED_MODEL, "prompt": "1. Where is my card?\n2.", "max_tokens": 20}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/completions", body, headers)) as response:
        return str(json.loads(response.read())["choices"][0]["text"])


def measure(python: Path) -> tuple[float, float]:
    """Return the seconds until the server was ready, and until its first completion."""
    with tempfile.TemporaryDirectory(prefix="first-answer-") as cache:
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "textsynth", "serve", BUNDLED_MODEL, "--python", str(python), "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout is not None
            output = ""
            while not output.endswith("}\n"):
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(process.wait())
                output += line
            ready = time.perf_counter() - started
            server = json.loads(output)
            complete(server["base_url"], Path(server["key_file"]).read_text())
            completed = time.perf_counter() - started
            process.send_signal(signal.SIGINT)
            process.wait()
        while any(Path(cache).rglob("supervisor.lock")) and not has_stopped(Path(cache)):
            time.sleep(0.2)
    return ready, completed


def has_stopped(cache: Path) -> bool:
    """Return whether all servers of a cache folder have stopped."""
    return all('"stopped"' in path.read_text() for path in cache.rglob("state.json"))


def main() -> None:
    """Measure and print; exit with 1 where the median is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="an interpreter that has vLLM; default: the installed one")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    python = find_environment(cache_folder(), arguments.python).python
    turns = [measure(python) for _ in range(arguments.turns)]
    for ready, completed in turns:
        print(f"ready after {ready:.1f} s, first completion after {completed:.1f} s")
    median = statistics.median(completed for _, completed in turns)
    print(f"median {median:.1f} s (limit {MAX_SECONDS:.0f} s)")
    sys.exit(0 if median <= MAX_SECONDS else 1)


if __name__ == "__main__":
    main()
