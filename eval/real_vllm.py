"""Tokens a second of a whole run on a real vLLM, beside a bare aiohttp loop at its best concurrency.

    python eval/real_vllm.py SEEDS.csv [--python /path/to/python] [--turns 5] [--requests 512]

Serves the embedded model once. A turn is a run of the bank-intents recipe, cut to so many requests, with length, exact
and near duplicates and the journal on, from the start of the command to its end; and the loop, which sends the very
bodies that the run sent, in the same order, and does nothing with the answers. Each starts with an empty prefix cache.
The concurrency of the loop is the best of `--concurrency`, tried once before. Exits with 1 where the median of the
turns' ratios is below 0.90.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parent.parent))

from eval.prefix_cache import NOTED, ROOT, ask, emptied, noted
from textsynth.models import Place
from textsynth.models.embedded import NAME
from textsynth.models.vllm import Vllm
from textsynth.records import Rendered, Request, Sampling
from textsynth.run.stage import cache_folder
from textsynth.serve.shared import folder_in, running

BAR = 0.90
FILTERS = "filter=[length, exact_duplicate, near_duplicate]"


def whole_run(given: argparse.Namespace, options: dict[str, Any], work: Path) -> tuple[float, dict[str, Any]]:
    """Return the seconds that a run took as a command, and its manifest."""
    (work / "noted.py").write_text(NOTED)
    (work / "notes").unlink(missing_ok=True)
    recipe = Path(shutil.copy(ROOT / "recipes" / "bank_intents.yaml", work))
    settings = [
        f"models={json.dumps({'generator': {'./noted.py': options}})}",
        f"sources.seeds={Path(given.seeds).resolve()}",
        FILTERS,
        f"budget={{requests: {given.requests}}}",
        "want={label: 1000}",
    ]
    told = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(work / "run"), "--quiet", "--fresh"]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, *told],
        env={**os.environ, "NOTES": str(work / "notes"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 3):
        raise SystemExit(done.returncode)
    return seconds, json.loads((work / "run" / "manifest.json").read_text())


async def bare(url: str, key: str, bodies: list[tuple[str, bytes]], concurrency: int) -> tuple[float, int]:
    """Return the seconds of a bare loop over the bodies, and the tokens that came."""
    waiting = iter(bodies)
    tokens = 0
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers=headers, timeout=aiohttp.ClientTimeout(total=None)
    ) as session:

        async def work() -> None:
            nonlocal tokens
            for path, body in waiting:
                async with session.post(url + path, data=body) as answer:
                    tokens += json.loads(await answer.read())["usage"]["completion_tokens"]

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return time.perf_counter() - started, tokens


async def measure(given: argparse.Namespace, work: Path) -> bool:
    """Print every turn and the median ratio; return whether the bar holds."""
    options: dict[str, Any] = {"model": NAME, "python": given.python, "flags": json.loads(given.flags)}
    asked = Vllm.model_validate(options)
    place = Place(work, cache_folder(), lambda said: print(said, file=sys.stderr))
    model = asked.open(place)
    try:
        await ask(model, [Request("0", Rendered("", "", messages=(), text="Hello"), Sampling(max_tokens=1), None)])
        folder, state = next(pair for pair in running(folder_in(place.cache)).items() if pair[1].name == NAME)
        address, key = state.url[:-3], (folder / "key").read_text()
        emptied(address)
        await asyncio.to_thread(whole_run, given, options, work)  # the first one warms the disk, and gives the prompts
        lines = [asked.line(request) for request in noted(work / "notes")]
        bodies = [(str(line["url"]).removeprefix("/v1"), json.dumps(line["body"]).encode()) for line in lines]
        speeds: dict[int, float] = {}
        for concurrency in map(int, given.concurrency.split(",")):
            emptied(address)
            seconds, tokens = await bare(state.url, key, bodies, concurrency)
            speeds[concurrency] = tokens / seconds
            print(f"bare loop, {concurrency} in flight: {tokens} tokens in {seconds:.1f} s, {tokens / seconds:.0f}/s")
        best = max(speeds, key=lambda one: speeds[one])
        ratios: list[float] = []
        for turn in range(given.turns):
            emptied(address)
            seconds, told = await asyncio.to_thread(whole_run, given, options, work)
            came = told["tokens"]["completion"]
            emptied(address)
            loop_seconds, tokens = await bare(state.url, key, bodies, best)
            ours, theirs = came / seconds, tokens / loop_seconds
            ratios.append(ours / theirs)
            print(
                f"turn {turn + 1}: run {ours:.0f} tokens/s ({came} in {seconds:.1f} s), bare loop at {best}"
                f" {theirs:.0f} ({tokens} in {loop_seconds:.1f} s): {ratios[-1]:.3f}",
                flush=True,
            )
    finally:
        await model.close()
    median = statistics.median(ratios)
    print(f"median {median:.3f} ({min(ratios):.3f}–{max(ratios):.3f}), {len(bodies)} requests (bar {BAR:.2f})")
    return median >= BAR


def main() -> None:
    """Measure; leave with 1 where the bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", help="a csv with text and label")
    parser.add_argument("--python", help="an interpreter that has vLLM; left out: the installed one")
    parser.add_argument("--flags", default="{}", help="further flags of vLLM, as JSON")
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--concurrency", default="32,64,128", help="tried for the bare loop")
    given = parser.parse_args()
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # has the door that empties the cache
    with tempfile.TemporaryDirectory(prefix="real-vllm-") as work:
        sys.exit(0 if asyncio.run(measure(given, Path(work))) else 1)


if __name__ == "__main__":
    main()
