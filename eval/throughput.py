"""The speed of a whole `textsynth run` relative to a plain aiohttp loop over the same requests, and the cost of a row.

    python eval/throughput.py                                   # mocks: 20 ms × 64 and 256, 200 ms × 1,000 in flight
    python eval/throughput.py --memory                          # also KB a row, without and with near-duplicates
    python eval/throughput.py --server http://127.0.0.1:8000/v1 --model NAME --requests 1000 --in-flight 64 128
    … --prompts completion --bench /path/to/python              # also `vllm bench serve` of that interpreter

A forwarder records the request bodies of a first run; the loop sends the same ones. Then, in turns, one after the other
on the same machine: the loop (with a server given by --server at each of --in-flight, of which the best counts), `vllm
bench serve` where --bench names an interpreter that has it, a short run, and a long run with length, exact and near
duplicates and the journal. With the mock, speed is requests a second from the first to the last request as the mock
counted them; with vLLM it is the tokens a second of vLLM's own metrics. The CPU time of a row is the slope between the
short and the long run, which excludes start-up. Prints a line a turn, then medians with the range.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import vllm_bench

HERE = Path(__file__).parent
TOKENS = re.compile(r"^vllm:generation_tokens_total(?:\{.*\})? (\S+)$", re.MULTILINE)
FILTERS = "[length, exact_duplicate, near_duplicate]"
RECIPE = """\
version: 1
name: cost
models:
  generator: {{http: {{base_url: "{url}", model: {model}, concurrency: {in_flight}, mode: {mode},
                      batch_n: false{key}}}}}
labels:
  card: asks about a card
  transfer: asks about a transfer
  app: asks about the app
sources: {{seeds: seeds.csv}}
generate:
  - labelled: {{source: seeds, per_request: 1}}
filter: {filters}
select: []
want: {{total: 1000000}}
budget: {{requests: {requests}, patience: 1000000}}
"""
SEEDS = "text,label\n" + "".join(
    f"{text} number {n},{label}\n"
    for label, text in (("card", "my card is lost"), ("transfer", "the transfer is late"), ("app", "the app crashes"))
    for n in range(6)
)
LOOP = """
import asyncio, json, os, sys, aiohttp
url, path, in_flight, key_env = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
headers = {"content-type": "application/json"}
if key_env:
    headers["authorization"] = "Bearer " + os.environ[key_env]
requests = [json.loads(line) for line in open(path)]
async def main():
    todo = iter(requests)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight),
                                     timeout=aiohttp.ClientTimeout(total=3600)) as session:
        async def worker():
            for endpoint, body in todo:
                data = json.dumps(body).encode()
                async with session.post(url + endpoint, data=data, headers=headers) as r:
                    json.loads(await r.read())["choices"][0]
        await asyncio.gather(*(worker() for _ in range(in_flight)))
asyncio.run(main())
"""


@dataclass(frozen=True)
class Bench:
    """The server, the settings of the recipe, and the folder of all files.

    `mock` says that the server is the mock; `bench` is an interpreter that has `vllm bench serve`.
    """

    url: str
    model: str
    mode: str
    folder: Path
    mock: bool
    key_env: str = ""
    bench: str | None = None

    @property
    def host(self) -> str:
        """The address of the server without `/v1`."""
        return self.url.removesuffix("/v1")


@dataclass(frozen=True)
class Cost:
    """The cost of one process, and what the server saw of it.

    Wall and CPU seconds, peak memory in KB, the time of its start; requests (or tokens) a second, the time of the first
    request, and the peak of requests in flight.
    """

    seconds: float
    cpu: float
    memory: int
    start: float
    rate: float
    first: float
    peak: int


def get(url: str) -> str:
    """Return the body of a GET request."""
    with urllib.request.urlopen(url, timeout=10) as response:
        body: str = response.read().decode()
    return body


class ServerMonitor:
    """What a server sees while a process works: the mock's own counts, or vLLM's metrics, read every 0.2 s."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._samples: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read_metrics, daemon=True)
        if bench.mock:
            get(f"{bench.host}/reset")
        else:
            self._thread.start()

    def _read_metrics(self) -> None:
        while not self._ended.wait(0.2):
            tokens = sum(float(value) for value in TOKENS.findall(get(f"{self._bench.host}/metrics")))
            self._samples.append((time.monotonic(), tokens))

    def end(self) -> tuple[float, float, int]:
        """Return requests (or tokens) a second, the time of the first, and the peak in flight (0 for vLLM)."""
        if self._bench.mock:
            stats = json.loads(get(f"{self._bench.host}/stats"))
            return stats["requests"] / max(stats["last"] - stats["first"], 1e-9), stats["first"], stats["peak"]
        self._ended.set()
        self._thread.join()
        growing = [(before, after) for before, after in pairwise(self._samples) if after[1] > before[1]]
        if not growing:
            return 0.0, 0.0, 0
        (start, tokens_before), (end, tokens_after) = growing[0][0], growing[-1][1]
        return (tokens_after - tokens_before) / (end - start), start, 0


def measure_process(command: Sequence[str], bench: Bench, variables: Mapping[str, str] | None = None) -> Cost:
    """Run one process to its end. Raises SystemExit with its output where it fails."""
    monitor, start = ServerMonitor(bench), time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=variables)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):
            output.seek(0)
            raise SystemExit(output.read())
    seconds = time.monotonic() - start
    rate, first, peak = monitor.end()
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, start, rate, first, peak)


def measure_run(bench: Bench, requests: int, in_flight: int | str, *, url: str = "", filters: str = FILTERS) -> Cost:
    """Measure `textsynth run` in a new folder."""
    (bench.folder / "seeds.csv").write_text(SEEDS)
    recipe = bench.folder / f"cost-{requests}.yaml"
    recipe.write_text(
        RECIPE.format(
            url=url or bench.url, model=bench.model, mode=bench.mode, in_flight=in_flight, requests=requests,
            filters=filters, key=f", api_key_env: {bench.key_env}" if bench.key_env else "",
        )
    )  # fmt: skip
    out = bench.folder / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"]
    return measure_process(command, bench)


def measure_loop(bench: Bench, bodies: Path, in_flight: int) -> Cost:
    """Measure the aiohttp loop on the recorded requests."""
    command = [sys.executable, "-c", LOOP, bench.host, str(bodies), str(in_flight), bench.key_env]
    return measure_process(command, bench)


def measure_vllm_bench(bench: Bench, bodies: Path, in_flight: int) -> Cost:
    """Measure `vllm bench serve` on the recorded prompts."""
    assert bench.bench is not None
    key = os.environ[bench.key_env] if bench.key_env else ""
    command = vllm_bench.command(bench.bench, bench.host, bench.model, key, bodies, in_flight)
    cost = measure_process(command, bench, vllm_bench.environment(key))
    vllm_bench.check(bodies.parent, len(bodies.read_text().splitlines()))
    return cost


@contextmanager
def forwarder(bench: Bench, bodies: Path) -> Iterator[str]:
    """Forward the requests of a run to the server and record them in `bodies`; yields the address to use."""
    from aiohttp import ClientSession, ClientTimeout, web

    loop = asyncio.new_event_loop()
    recorded: list[tuple[str, Any]] = []

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "POST":
            recorded.append((request.path, json.loads(body)))
        headers = {"content-type": "application/json"}
        if bench.key_env:
            headers["authorization"] = f"Bearer {os.environ[bench.key_env]}"
        url = bench.host + request.path
        async with session.request(request.method, url, data=body or None, headers=headers) as response:
            return web.Response(body=await response.read(), status=response.status, content_type="application/json")

    async def start() -> tuple[ClientSession, web.AppRunner, int]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return ClientSession(timeout=ClientTimeout(total=3600)), runner, runner.addresses[0][1]

    session, runner, port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(session.close())
        loop.run_until_complete(runner.cleanup())
        bodies.write_text("".join(json.dumps(request) + "\n" for request in recorded))


@contextmanager
def mock(latency_ms: float) -> Iterator[str]:
    """Run the mock server in a process of its own; yields its address."""
    server = subprocess.Popen(
        [sys.executable, str(HERE.parent / "tests" / "server.py"), "0", "--lines", "1", "--varies",
         "--latency-ms", str(latency_ms)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline().split()[-1])}/v1"
    finally:
        server.kill()
        server.communicate()


def measure_turns(bench: Bench, requests: int, levels: Sequence[int], in_flight: int | str, turns: int) -> None:
    """Measure in turns, and print; `levels` are the requests in flight of the loop, `in_flight` those of the run."""
    few = max(64, requests // 10)
    bodies = bench.folder / "bodies.jsonl"
    with forwarder(bench, bodies) as url:
        measure_run(bench, requests, in_flight, url=url)
    rows: list[dict[str, float]] = []
    unit = "requests_a_second" if bench.mock else "tokens_a_second"
    for turn in range(turns):
        loops = [measure_loop(bench, bodies, level) for level in levels]
        best = max(loops, key=lambda cost: cost.rate)
        vllm_costs = [measure_vllm_bench(bench, bodies, level) for level in levels if bench.bench is not None]
        short, long = (measure_run(bench, size, in_flight) for size in (few, requests))
        row = {
            "share_of_loop": long.rate / best.rate if best.rate else 0.0,
            unit: long.rate,
            f"loop_{unit}": best.rate,
            "cpu_ms_a_row": 1000 * (long.cpu - short.cpu) / (requests - few),
            "loop_cpu_ms_a_row": 1000 * best.cpu / requests,
            "first_request_seconds": long.first - long.start if long.first else 0.0,
            "whole_run_seconds": long.seconds,
            "peak_in_flight": long.peak,
        }
        if vllm_costs:
            row[f"vllm_bench_{unit}"] = max(cost.rate for cost in vllm_costs)
            row["share_of_vllm_bench"] = long.rate / row[f"vllm_bench_{unit}"]
        rows.append(row)
        print(f"turn {turn + 1}: " + ", ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True)
    print("median (range): " + ", ".join(f"{name} {median_range([row[name] for row in rows])}" for name in rows[0]))


def median_range(values: Sequence[float]) -> str:
    """Return the median with the range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def measure_memory(bench: Bench, turns: int) -> None:
    """Print KB a row for several lists of filters: the slope of the peak memory between two lengths of run.

    The short run is long enough to contain all memory that is allocated once: torch's heap grows over the first 4,000
    texts until its blocks fit any batch, and at most 2,000 vectors are held besides the journal.
    """
    choices = {
        "exact duplicates": ("[length, exact_duplicate]", 4_000, 24_000),
        "near duplicates too": (FILTERS, 4_000, 24_000),
        "vectors too": ("[length, exact_duplicate, near_duplicate, semantic_duplicate]", 4_000, 12_000),
    }
    for name, (filters, few, many) in choices.items():
        slopes = []
        for _ in range(turns):
            short, long = (measure_run(bench, size, 64, filters=filters).memory for size in (few, many))
            slopes.append((long - short) / (many - few))
        print(f"KB a row with {name}: {median_range(slopes)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="also measure KB a row")
    parser.add_argument("--server", help="the address of a vLLM, /v1 included; default: mocks")
    parser.add_argument("--model", default="mock-small")
    parser.add_argument("--key-env", default="", help="the environment variable with its key, where it needs one")
    parser.add_argument("--prompts", default="chat", choices=("chat", "completion"))
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64], help="the levels that the loop tries")
    parser.add_argument(
        "--bench", metavar="PYTHON", help="an interpreter with vLLM and pandas: `vllm bench serve` too, with --server"
    )
    arguments = parser.parse_args()
    if arguments.bench and (not arguments.server or arguments.prompts != "completion"):
        parser.error("--bench needs --server and --prompts completion: it sends raw prompts to a vLLM")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.server:
            bench = Bench(
                arguments.server,
                arguments.model,
                arguments.prompts,
                folder,
                mock=False,
                key_env=arguments.key_env,
                bench=arguments.bench,
            )
            measure_turns(bench, arguments.requests, arguments.in_flight, "auto", arguments.turns)
            return
        for latency_ms, in_flight in ((20, 64), (20, 256), (200, 1000)):
            with mock(latency_ms) as url:
                bench = Bench(url, arguments.model, arguments.prompts, folder, mock=True)
                print(f"mock of {latency_ms} ms, {in_flight} in flight, {arguments.requests} requests:", flush=True)
                measure_turns(bench, arguments.requests, [in_flight], in_flight, arguments.turns)
        if arguments.memory:
            with mock(0) as url:
                bench = Bench(url, arguments.model, arguments.prompts, folder, mock=True)
                measure_memory(bench, min(arguments.turns, 3))


if __name__ == "__main__":
    main()
