"""How many prompt tokens the engine's prefix cache saves: a whole run, then the same prompts in shuffled order.

    python eval/prefix_cache.py SEEDS.csv [--python /path/to/python] [--flags '{"num-gpu-blocks-override": 300}']

Serves the embedded model with vLLM, runs the bank-intents recipe on it, and sends the same prompts once more in
shuffled order, each time with an empty cache. The computed prompt tokens are the engine's own count: its counters
`vllm:prefix_cache_queries_total` minus `_hits_total`. Exits with 1 where the run computes more than half as many tokens
as the shuffled prompts.
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
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from textsynth.core.paths import cache_folder
from textsynth.core.records import Completion, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.models import Model, ModelRuntime
from textsynth.models.local.bundled import BUNDLED_MODEL
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import running_servers, servers_folder

ROOT = Path(__file__).parent.parent
MAX_RATIO = 0.5
# A model in a file next to the recipe that writes down the requests of the run in plan order.
RECORDER = """\
import json, os
from dataclasses import asdict
from textsynth.models import Model
from textsynth.models.vllm import Vllm

class RecordedVllm(Vllm):
    def open(self, runtime):
        return Recorder(super().open(runtime))

class Recorder(Model):
    def __init__(self, model):
        self.model = model
    async def complete(self, requests, on_completion):
        with open(os.environ["REQUESTS"], "a") as file:
            for request in requests:
                file.write(json.dumps([asdict(request.prompt), asdict(request.sampling)]) + "\\n")
        await self.model.complete(requests, on_completion)
    async def close(self):
        await self.model.close()
"""


class Counters(NamedTuple):
    """Prompt tokens that were looked up in the prefix cache, and those that were found."""

    queries: int
    hits: int

    def since(self, before: Counters) -> Counters:
        """Return the tokens since earlier counters."""
        return Counters(self.queries - before.queries, self.hits - before.hits)

    @property
    def computed(self) -> int:
        """The tokens that the engine computed."""
        return self.queries - self.hits


def read_counters(address: str) -> Counters:
    """Return the engine's counters."""
    text = read_metrics(address)

    def total(name: str) -> int:
        pattern = rf"^vllm:prefix_cache_{name}_total\{{.*\}} (\S+)$"
        return int(sum(float(value) for value in re.findall(pattern, text, re.MULTILINE)))

    return Counters(total("queries"), total("hits"))


def read_metrics(address: str) -> str:
    """Return the engine's metrics page."""
    with urllib.request.urlopen(f"{address}/metrics") as response:
        return str(response.read().decode())


def cache_tokens(address: str) -> str:
    """Return how many tokens fit the engine's cache, running requests included."""
    match = re.search(r'kv_cache_size_tokens="(\d+)"', read_metrics(address))
    return "?" if match is None else match[1]


def empty_cache(address: str) -> Counters:
    """Empty the prefix cache and return the counters."""
    urllib.request.urlopen(urllib.request.Request(f"{address}/reset_prefix_cache", method="POST")).close()
    return read_counters(address)


def recorded_requests(path: Path) -> list[ModelRequest]:
    """Return the requests of a run in plan order."""
    requests: list[ModelRequest] = []
    for number, line in enumerate(path.read_text().splitlines()):
        prompt, sampling = json.loads(line)
        messages = tuple(Message(*turn) if isinstance(turn, list) else Message(**turn) for turn in prompt["messages"])
        rendered = RenderedPrompt(**{**prompt, "messages": messages})
        sampling["stop"] = tuple(sampling["stop"])
        requests.append(ModelRequest(str(number), rendered, Sampling(**sampling)))
    return requests


async def send(model: Model, requests: list[ModelRequest]) -> None:
    """Send all requests and ignore the completions."""

    async def ignore(_: ModelRequest, __: Completion) -> None:
        return None

    await model.complete(requests, ignore)


async def run_recipe(arguments: argparse.Namespace, options: dict[str, Any], folder: Path) -> None:
    """Run the recipe on the recording model. Raises SystemExit where it fails."""
    (folder / "recorder.py").write_text(RECORDER)
    recipe = Path(shutil.copy(ROOT / "recipes" / arguments.recipe, folder))
    settings = [
        f"models={json.dumps({'generator': {'./recorder.py': options}})}",
        f"sources.seeds={Path(arguments.seeds).resolve()}",
        f"want={json.dumps({'label': arguments.want})}",
        *arguments.set,
    ]
    command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(folder / "run"), "--quiet"]
    process = await asyncio.to_thread(
        subprocess.run,
        [*command, *(part for setting in settings for part in ("--set", setting))],
        env={**os.environ, "REQUESTS": str(folder / "requests"), "PYTHONPATH": str(ROOT)},
        check=False,
    )
    if process.returncode not in (0, 3):
        raise SystemExit(process.returncode)


async def measure(arguments: argparse.Namespace, folder: Path) -> bool:
    """Print the prompt tokens of both orders; return whether the ratio is within the limit."""
    flags = json.loads(arguments.flags)
    options: dict[str, Any] = {
        "model": BUNDLED_MODEL,
        "python": arguments.python,
        "flags": flags,
        "concurrency": arguments.in_flight,
        "mode": arguments.prompts,
        "batch_n": False,  # one prompt a request on both sides, else the order would hardly matter
    }
    runtime = ModelRuntime(folder, cache_folder(), lambda line: print(line, file=sys.stderr))
    model = Vllm.model_validate(options).open(runtime)
    try:
        await send(model, [ModelRequest("0", RenderedPrompt("", "", text="Hello"), Sampling(max_tokens=1))])
        servers = running_servers(servers_folder(runtime.cache_folder)).values()
        address = next(state.url for state in servers if state.name == BUNDLED_MODEL).removesuffix("/v1")
        before = empty_cache(address)
        await run_recipe(arguments, options, folder)
        tokens = cache_tokens(address)
        planned = read_counters(address).since(before)
        requests = recorded_requests(folder / "requests")
        random.Random(arguments.seed).shuffle(requests)
        before = empty_cache(address)
        await send(model, requests)
        shuffled = read_counters(address).since(before)
    finally:
        await model.close()
    accepted = json.loads((folder / "run" / "manifest.json").read_text())["counts"]["accepted"]
    prompts = len({request.prompt for request in requests})
    print(f"{len(requests)} requests, {prompts} different prompts, {accepted} texts accepted")
    print(f"  the cache holds {tokens} tokens; {arguments.in_flight} in flight; flags {flags}")
    for name, counters in (("as planned", planned), ("shuffled", shuffled)):
        per_text = counters.computed / accepted
        print(
            f"  {name:10}  {counters.queries} prompt tokens, {counters.hits} from the cache, "
            f"{per_text:.1f} computed a text"
        )
    ratio = planned.computed / shuffled.computed
    print(f"  planned / shuffled: {ratio:.2f} (limit {MAX_RATIO:.2f})")
    return ratio <= MAX_RATIO


def main() -> None:
    """Measure; exit with 1 where the ratio is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", help="a CSV file with the columns text and label")
    parser.add_argument("--recipe", default="bank_intents.yaml")
    parser.add_argument("--python", help="an interpreter that has vLLM")
    parser.add_argument("--flags", default="{}", help="further flags of vLLM, as JSON")
    parser.add_argument("--prompts", choices=("chat", "completion"), help="the form of the prompts")
    parser.add_argument("--set", action="append", default=[], help="another value for the recipe, as in `run --set`")
    parser.add_argument("--want", type=int, default=8, help="texts a label")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # enables the request that empties the cache
    with tempfile.TemporaryDirectory(prefix="prefix-cache-") as folder:
        sys.exit(0 if asyncio.run(measure(arguments, Path(folder))) else 1)


if __name__ == "__main__":
    main()
