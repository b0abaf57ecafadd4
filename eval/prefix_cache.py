"""How much of its prompts the engine reads once only: a whole run beside the same prompts in shuffled order.

    python eval/prefix_cache.py SEEDS.csv [--python /path/to/python] [--flags '{"num-gpu-blocks-override": 300}']

Serves the embedded model with vLLM, runs the bank-intents recipe on it, and asks the very same prompts once more in
shuffled order, with an empty cache. Prompt tokens that were computed are the engine's own count: its counters
`vllm:prefix_cache_queries_total` less `_hits_total`. Exits with 1 where the run computes more than half a text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from textsynth.core.paths import cache_folder
from textsynth.core.records import Completion, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.models import Model, ModelRuntime
from textsynth.models.local.bundled import BUNDLED_MODEL
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import running_servers, servers_folder

ROOT = Path(__file__).parent.parent
# A model beside the recipe that notes, in the order of the plan, what the run asks for.
NOTED = """\
import json, os
from dataclasses import asdict
from textsynth.models import Model
from textsynth.models.vllm import Vllm

class Noted(Vllm):
    def open(self, runtime):
        return Noting(super().open(runtime))

class Noting(Model):
    def __init__(self, model):
        self.model = model
    async def complete(self, requests, arrived):
        with open(os.environ["NOTES"], "a") as notes:
            notes.writelines(json.dumps([asdict(one.prompt), asdict(one.sampling)]) + "\\n" for one in requests)
        await self.model.complete(requests, arrived)
    async def close(self):
        await self.model.close()
"""


def counters(address: str) -> tuple[int, int]:
    """Return the engine's prompt tokens looked up in the prefix cache, and those found there."""
    text = metrics(address)
    asked, found = (
        sum(
            float(value) for value in re.findall(rf"^vllm:prefix_cache_{name}_total\{{.*\}} (\S+)$", text, re.MULTILINE)
        )
        for name in ("queries", "hits")
    )
    return int(asked), int(found)


def metrics(address: str) -> str:
    """Return what the engine tells of itself."""
    with urllib.request.urlopen(f"{address}/metrics") as page:
        return str(page.read().decode())


def room(address: str) -> str:
    """Return how many tokens the engine's cache holds, running requests included."""
    found = re.search(r'kv_cache_size_tokens="(\d+)"', metrics(address))
    return "?" if found is None else found[1]


def emptied(address: str) -> tuple[int, int]:
    """Empty the prefix cache and return the counters."""
    urllib.request.urlopen(urllib.request.Request(f"{address}/reset_prefix_cache", method="POST")).close()
    return counters(address)


def noted(path: Path) -> list[ModelRequest]:
    """Return the requests of a run in the order of its plan."""
    found: list[ModelRequest] = []
    for number, line in enumerate(path.read_text().splitlines()):
        prompt, sampling = json.loads(line)
        messages = tuple(Message(*turn) if isinstance(turn, list) else Message(**turn) for turn in prompt["messages"])
        sampling["stop"] = tuple(sampling["stop"])
        found.append(
            ModelRequest(str(number), RenderedPrompt(**{**prompt, "messages": messages}), Sampling(**sampling), None)
        )
    return found


async def ask(model: Model, requests: list[ModelRequest]) -> None:
    """Ask for all answers and forget them."""

    async def arrived(_: ModelRequest, __: Completion) -> None:
        return None

    await model.complete(requests, arrived)


async def measure(given: argparse.Namespace, work: Path) -> bool:
    """Print what both orders cost; return whether the bar holds."""
    flags = json.loads(given.flags)
    options: dict[str, Any] = {
        "model": BUNDLED_MODEL,
        "python": given.python,
        "flags": flags,
        "concurrency": given.in_flight,
    }
    options["mode"] = given.prompts
    options["draws_together"] = False  # a prompt a request on both sides, else the order would hardly matter
    place = ModelRuntime(work, cache_folder(), lambda said: print(said, file=sys.stderr))
    model = Vllm.model_validate(options).open(place)
    try:
        await ask(
            model, [ModelRequest("0", RenderedPrompt("", "", messages=(), text="Hello"), Sampling(max_tokens=1), None)]
        )
        address = next(
            state.url
            for state in running_servers(servers_folder(place.cache_folder)).values()
            if state.name == BUNDLED_MODEL
        )[:-3]
        (work / "noted.py").write_text(NOTED)
        recipe = Path(shutil.copy(ROOT / "recipes" / given.recipe, work))
        settings = [
            f"models={json.dumps({'generator': {'./noted.py': options}})}",
            f"sources.seeds={Path(given.seeds).resolve()}",
            f"want={json.dumps({'label': given.want})}",
            *given.set,
        ]
        command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(work / "run"), "--quiet"]
        before = emptied(address)
        told = [part for setting in settings for part in ("--set", setting)]
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, *told],
            env={**os.environ, "NOTES": str(work / "notes"), "PYTHONPATH": str(ROOT)},
            check=False,
        )
        if done.returncode not in (0, 3):
            raise SystemExit(done.returncode)
        tokens = room(address)
        counts = [[after - start for after, start in zip(counters(address), before, strict=True)]]
        requests = noted(work / "notes")
        random.Random(given.seed).shuffle(requests)
        before = emptied(address)
        await ask(model, requests)
        counts.append([after - start for after, start in zip(counters(address), before, strict=True)])
    finally:
        await model.close()
    accepted = json.loads((work / "run" / "manifest.json").read_text())["counts"]["accepted"]
    different = len({one.prompt for one in requests})
    print(f"{len(requests)} requests, {different} different prompts, {accepted} texts accepted")
    print(f"  the cache holds {tokens} tokens; {given.in_flight} in flight; flags {flags}")
    for name, (asked, found) in zip(("as planned", "shuffled"), counts, strict=True):
        a_text = (asked - found) / accepted
        print(f"  {name:10}  {asked} prompt tokens, {found} from the cache, {a_text:.1f} computed a text")
    planned, shuffled = (asked - found for asked, found in counts)
    print(f"  planned / shuffled: {planned / shuffled:.2f} (bar 0.50)")
    return planned <= 0.5 * shuffled


def main() -> None:
    """Measure; leave with 1 where the bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", help="a csv with text and label")
    parser.add_argument("--recipe", default="bank_intents.yaml")
    parser.add_argument("--python", help="an interpreter that has vLLM")
    parser.add_argument("--flags", default="{}", help="further flags of vLLM, as JSON")
    parser.add_argument("--prompts", choices=("chat", "completion"), help="which form of a prompt the model gets")
    parser.add_argument("--set", action="append", default=[], help="another value for the recipe, as in `run --set`")
    parser.add_argument("--want", type=int, default=8, help="texts a label")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # has the door that empties the cache
    with tempfile.TemporaryDirectory(prefix="prefix-cache-") as work:
        sys.exit(0 if asyncio.run(measure(given, Path(work))) else 1)


if __name__ == "__main__":
    main()
