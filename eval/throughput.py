"""How near a whole `textsynth run` comes to a bare aiohttp loop over the same requests, and what a row costs.

    python eval/throughput.py                                   # mocks of 20 ms × 64 and 256, 200 ms × 1,000 in flight
    python eval/throughput.py --memory                          # KB a row as well, without and with near-duplicates
    python eval/throughput.py --server http://127.0.0.1:8000/v1 --model NAME --requests 1000 --in-flight 64 128
    … --prompts completion --bench /path/to/python              # `vllm bench serve` of that interpreter beside it

The bodies of a first run, taken down by a forwarder in between, are what the bare loop sends. Then, in turns, one
after the other on the same machine: the bare loop (with a server of one's own at each of --in-flight, of which the best
counts), `vllm bench serve` where --bench names an interpreter that has it, a short run, and a long run with length,
exact and near duplicates and the journal on. Against the mock the figures are requests a second from the first to the
last request, as it counted them, against a vLLM the tokens a second that its own metrics tell. CPU a row is the slope
between the short and the long run, so that start-up is aside. Prints a line a turn, then medians with the range.
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
  generator: {{http: {{base_url: "{url}", model: {model}, concurrency: {in_flight}, prompts: {prompts},
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
BARE = """
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
    """What is asked: the server, the recipe's settings, and the folder that everything is written to."""

    url: str
    model: str
    prompts: str
    folder: Path
    mock: bool
    key_env: str = ""
    bench: str | None = None

    @property
    def host(self) -> str:
        """The server without its `/v1`."""
        return self.url.removesuffix("/v1")


@dataclass(frozen=True)
class Cost:
    """What one process took: wall and CPU seconds, its largest memory in KB, when it began, and what the server saw."""

    seconds: float
    cpu: float
    memory: int
    began: float
    rate: float
    first: float
    peak: int


def get(url: str) -> str:
    """Return a page."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        page: str = answer.read().decode()
    return page


class Seen:
    """What a server sees while a process works: the mock's own counts, or vLLM's metrics, looked at every 0.2 s."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._looks: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        if bench.mock:
            get(f"{bench.host}/reset")
        else:
            self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            tokens = sum(float(found) for found in TOKENS.findall(get(f"{self._bench.host}/metrics")))
            self._looks.append((time.monotonic(), tokens))

    def end(self) -> tuple[float, float, int]:
        """Return requests (or tokens) a second, when the first came, and the most in flight (0 where nobody tells)."""
        if self._bench.mock:
            stats = json.loads(get(f"{self._bench.host}/stats"))
            return stats["requests"] / max(stats["last"] - stats["first"], 1e-9), stats["first"], stats["peak"]
        self._over.set()
        self._thread.join()
        grew = [
            (earlier, later)
            for earlier, later in zip(self._looks, self._looks[1:], strict=False)
            if later[1] > earlier[1]
        ]  # fmt: skip
        if not grew:
            return 0.0, 0.0, 0
        (began, before), (ended, after) = grew[0][0], grew[-1][1]
        return (after - before) / (ended - began), began, 0


def cost_of(command: Sequence[str], bench: Bench, variables: Mapping[str, str] | None = None) -> Cost:
    """Run one process to its end. Raises SystemExit with what it printed where it fails."""
    seen, began = Seen(bench), time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=variables)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):
            said.seek(0)
            raise SystemExit(said.read())
    took = time.monotonic() - began
    rate, first, peak = seen.end()
    return Cost(took, used.ru_utime + used.ru_stime, used.ru_maxrss, began, rate, first, peak)


def whole_run(bench: Bench, requests: int, in_flight: int | str, *, url: str = "", filters: str = FILTERS) -> Cost:
    """Run `textsynth run` once in a fresh folder."""
    (bench.folder / "seeds.csv").write_text(SEEDS)
    recipe = bench.folder / f"cost-{requests}.yaml"
    recipe.write_text(
        RECIPE.format(
            url=url or bench.url, model=bench.model, prompts=bench.prompts, in_flight=in_flight, requests=requests,
            filters=filters, key=f", api_key_env: {bench.key_env}" if bench.key_env else "",
        )
    )  # fmt: skip
    out = bench.folder / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"]
    return cost_of(command, bench)


def bare(bench: Bench, bodies: Path, in_flight: int) -> Cost:
    """Send the same requests with nothing but aiohttp."""
    return cost_of([sys.executable, "-c", BARE, bench.host, str(bodies), str(in_flight), bench.key_env], bench)


def by_vllm(bench: Bench, bodies: Path, in_flight: int) -> Cost:
    """Send the same prompts with `vllm bench serve`."""
    assert bench.bench is not None
    key = os.environ[bench.key_env] if bench.key_env else ""
    command = vllm_bench.command(bench.bench, bench.host, bench.model, key, bodies, in_flight)
    cost = cost_of(command, bench, vllm_bench.variables(key))
    vllm_bench.check(bodies.parent, len(bodies.read_text().splitlines()))
    return cost


@contextmanager
def forwarder(bench: Bench, bodies: Path) -> Iterator[str]:
    """Stand between a run and the server and take down every request; yields the address to use."""
    from aiohttp import ClientSession, ClientTimeout, web

    loop = asyncio.new_event_loop()
    taken: list[tuple[str, Any]] = []

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "POST":
            taken.append((request.path, json.loads(body)))
        headers = {"content-type": "application/json"}
        if bench.key_env:
            headers["authorization"] = f"Bearer {os.environ[bench.key_env]}"
        async with session.request(
            request.method, bench.host + request.path, data=body or None, headers=headers
        ) as one:
            return web.Response(body=await one.read(), status=one.status, content_type="application/json")

    async def begin() -> tuple[ClientSession, web.AppRunner, int]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return ClientSession(timeout=ClientTimeout(total=3600)), runner, runner.addresses[0][1]

    session, runner, port = loop.run_until_complete(begin())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(session.close())
        loop.run_until_complete(runner.cleanup())
        bodies.write_text("".join(json.dumps(one) + "\n" for one in taken))


@contextmanager
def mock(latency_ms: float) -> Iterator[str]:
    """Serve the mock in a process of its own; yields its address."""
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


def turns(bench: Bench, requests: int, levels: Sequence[int], in_flight: int | str, count: int) -> None:
    """Measure in turns, and print."""
    few = max(64, requests // 10)
    bodies = bench.folder / "bodies.jsonl"
    with forwarder(bench, bodies) as url:
        whole_run(bench, requests, in_flight, url=url)
    rows: list[dict[str, float]] = []
    unit = "requests_a_second" if bench.mock else "tokens_a_second"
    for turn in range(count):
        loops = [bare(bench, bodies, level) for level in levels]
        best = max(loops, key=lambda one: one.rate)
        theirs = [by_vllm(bench, bodies, level) for level in levels if bench.bench is not None]
        small, large = (whole_run(bench, size, in_flight) for size in (few, requests))
        row = {
            "share_of_bare": large.rate / best.rate if best.rate else 0.0,
            unit: large.rate,
            f"bare_{unit}": best.rate,
            "cpu_ms_a_row": 1000 * (large.cpu - small.cpu) / (requests - few),
            "bare_cpu_ms_a_row": 1000 * best.cpu / requests,
            "first_request_seconds": large.first - large.began if large.first else 0.0,
            "whole_run_seconds": large.seconds,
            "peak_in_flight": large.peak,
        }
        if theirs:
            row[f"vllm_bench_{unit}"] = max(one.rate for one in theirs)
            row["share_of_vllm_bench"] = large.rate / row[f"vllm_bench_{unit}"]
        rows.append(row)
        print(f"turn {turn + 1}: " + ", ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True)
    print("median (range): " + ", ".join(f"{name} {spread([row[name] for row in rows])}" for name in rows[0]))


def spread(values: Sequence[float]) -> str:
    """Return the median with the range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def memory(bench: Bench, count: int) -> None:
    """Print KB a row, by what is on: the slope of the largest memory between two lengths of run.

    The short run is long enough that what is taken once is aside: torch's heap grows over the first 4,000 texts until
    its pieces fit any batch, and the vectors beside the journal are 2,000 at most.
    """
    choices = {
        "exact duplicates": ("[length, exact_duplicate]", 4_000, 24_000),
        "and near duplicates": (FILTERS, 4_000, 24_000),
        "and vectors": ("[length, exact_duplicate, near_duplicate, semantic_duplicate]", 4_000, 12_000),
    }
    for name, (filters, few, multi_label) in choices.items():
        slopes = []
        for _ in range(count):
            small, large = (whole_run(bench, size, 64, filters=filters).memory for size in (few, multi_label))
            slopes.append((large - small) / (multi_label - few))
        print(f"KB a row with {name}: {spread(slopes)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="KB a row as well")
    parser.add_argument("--server", help="the address of a vLLM, /v1 included; left out: mocks")
    parser.add_argument("--model", default="mock-small")
    parser.add_argument("--key-env", default="", help="the variable that holds its key, where it wants one")
    parser.add_argument("--prompts", default="chat", choices=("chat", "completion"))
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64], help="what the bare loop tries")
    parser.add_argument(
        "--bench", metavar="PYTHON", help="an interpreter with vLLM and pandas: `vllm bench serve` too, with --server"
    )
    asked = parser.parse_args()
    if asked.bench and (not asked.server or asked.prompts != "completion"):
        parser.error("--bench wants --server and --prompts completion: it sends raw prompts to a vLLM")
    with tempfile.TemporaryDirectory() as place:
        if asked.server:
            bench = Bench(
                asked.server,
                asked.model,
                asked.prompts,
                Path(place),
                mock=False,
                key_env=asked.key_env,
                bench=asked.bench,
            )
            turns(bench, asked.requests, asked.in_flight, "auto", asked.turns)
            return
        for latency_ms, in_flight in ((20, 64), (20, 256), (200, 1000)):
            with mock(latency_ms) as url:
                bench = Bench(url, asked.model, asked.prompts, Path(place), mock=True)
                print(f"mock of {latency_ms} ms, {in_flight} in flight, {asked.requests} requests:", flush=True)
                turns(bench, asked.requests, [in_flight], in_flight, asked.turns)
        if asked.memory:
            with mock(0) as url:
                memory(Bench(url, asked.model, asked.prompts, Path(place), mock=True), min(asked.turns, 3))


if __name__ == "__main__":
    main()
