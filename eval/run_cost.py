"""What `textsynth run` costs beside a bare aiohttp loop, against a mock server of 20 ms: CPU a row, rows/s, start-up.

    python eval/run_cost.py [--requests 5000] [--in-flight 64] [--latency-ms 20] [--turns 3]

Each turn runs, one after the other on the same machine: the bare loop over the same bodies, a run of 500 requests and a
run of --requests requests (length, exact and near duplicates on, journal on). CPU a row is the slope between the two
runs, so that start-up is aside. Prints one line a turn and the medians.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RECIPE = """\
version: 1
name: cost
models:
  generator: {{http: {{base_url: "http://127.0.0.1:{port}/v1", model: mock-small, in_flight: {in_flight}}}}}
labels:
  card: asks about a card
  transfer: asks about a transfer
  app: asks about the app
sources: {{seeds: seeds.csv}}
generate:
  - labelled: {{from: seeds, texts: 1}}
filter: [length, exact_duplicate, near_duplicate]
select: []
want: {{total: 1000000}}
budget: {{requests: {requests}, patience: 1000000}}
"""
SEEDS = "text,label\n" + "".join(
    f"{text} number {n},{label}\n"
    for label, text in (("card", "my card is lost"), ("transfer", "the transfer is late"), ("app", "the app crashes"))
    for n in range(6)
)


def cpu_of_children() -> float:
    """Return the CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def get(port: int, path: str) -> dict[str, Any]:
    """Return a JSON page of the mock."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def run(folder: Path, port: int, *, requests: int, in_flight: int) -> dict[str, float]:
    """Run the recipe once in a fresh folder; return seconds, CPU seconds and the time to the first request."""
    recipe = folder / f"cost-{requests}.yaml"
    recipe.write_text(RECIPE.format(port=port, in_flight=in_flight, requests=requests))
    (folder / "seeds.csv").write_text(SEEDS)
    get(port, "/reset")
    out = folder / f"run-{requests}-{time.monotonic_ns()}"
    before, started = cpu_of_children(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    stats = get(port, "/stats")
    assert stats["requests"] == requests, stats
    return {
        "seconds": time.monotonic() - started,
        "cpu": cpu_of_children() - before,
        "first_request": stats["first"] - started,
        "asking": stats["last"] - stats["first"],
        "peak": stats["peak"],
    }


BARE = """
import asyncio, json, sys, aiohttp
port, requests, in_flight = map(int, sys.argv[1:4])
bodies = [{"model": "mock-small", "messages": [{"role": "user", "content": "Write one text. " * 60 + str(n)}],
           "temperature": 0.9, "top_p": 0.95, "max_tokens": 256} for n in range(requests)]
url, headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"content-type": "application/json"}
async def main():
    todo = iter(bodies)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:
        async def worker():
            for body in todo:
                data = json.dumps(body).encode()
                async with session.post(url, data=data, headers=headers) as r:
                    json.loads(await r.read())["choices"][0]["message"]["content"]
        await asyncio.gather(*(worker() for _ in range(in_flight)))
asyncio.run(main())
"""


def bare(port: int, *, requests: int, in_flight: int) -> dict[str, float]:
    """Send as many requests with nothing but aiohttp."""
    get(port, "/reset")
    before, started = cpu_of_children(), time.monotonic()
    subprocess.run([sys.executable, "-c", BARE, str(port), str(requests), str(in_flight)], check=True)
    stats = get(port, "/stats")
    return {
        "seconds": time.monotonic() - started,
        "cpu": cpu_of_children() - before,
        "asking": stats["last"] - stats["first"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=20)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    few = 500
    server = subprocess.Popen(
        [sys.executable, str(HERE.parent / "tests" / "server.py"), "0", "--lines", "1", "--uses",
         "--latency-ms", str(asked.latency_ms)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    port = int(server.stdout.readline().split()[-1])
    rows = []
    try:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            run(folder, port, requests=few, in_flight=asked.in_flight)  # the second start is what counts
            for turn in range(asked.turns):
                loop = bare(port, requests=asked.requests, in_flight=asked.in_flight)
                small = run(folder, port, requests=few, in_flight=asked.in_flight)
                large = run(folder, port, requests=asked.requests, in_flight=asked.in_flight)
                row = {
                    "cpu_ms_a_row": 1000 * (large["cpu"] - small["cpu"]) / (asked.requests - few),
                    "rows_a_second": asked.requests / large["asking"],
                    "bare_rows_a_second": asked.requests / loop["asking"],
                    "first_request_seconds": large["first_request"],
                    "whole_run_seconds": large["seconds"],
                    "peak_in_flight": large["peak"],
                }
                row["share_of_bare"] = row["rows_a_second"] / row["bare_rows_a_second"]
                rows.append(row)
                print(
                    f"turn {turn + 1}: " + ", ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True
                )
    finally:
        server.kill()
    print("median: " + ", ".join(f"{name} {statistics.median(row[name] for row in rows):.3g}" for name in rows[0]))


if __name__ == "__main__":
    main()
