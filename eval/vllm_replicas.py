"""Tokens per second of `vllm: {replicas: 2}` on a real vLLM, relative to two servers that are driven by hand.

    PYTHONPATH=. python eval/vllm_replicas.py [--python PYTHON] [--rounds 3] [--requests 192] [--on ray]

By hand: the same two servers, each sent half of the same requests by a plain aiohttp loop with half of the requests in
flight. With --on ray, the servers are started by workers on a Ray cluster and every answer comes through them. The time
is from the first request to the last answer, without the start of the servers; the orders of both alternate. Prints
tokens per second of each round, and the median of the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from tests.models.model_calls import complete, request
from textsynth.cluster.backend import open_backend
from textsynth.core.paths import cache_folder
from textsynth.core.records import ModelRequest
from textsynth.models import Model, ModelRuntime
from textsynth.models.local.bundled import BUNDLED_MODEL
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import running_servers, servers_folder
from textsynth.models.vllm_server.state import API_KEY_FILE

REPLICAS = 2
IN_FLIGHT = 64
MAX_TOKENS = 64
SAMPLING = {"temperature": 0.8, "top_p": 0.95, "max_tokens": MAX_TOKENS}
TOPICS = ("a late bus", "a lost card", "the price of a ticket", "a broken door", "a friendly driver", "a wrong fare")


def prompts(count: int, start: int) -> list[ModelRequest]:
    """Return requests that continue a list of messages; those of other starts have other prompts."""
    texts = [
        f"Messages of passengers about {TOPICS[number % len(TOPICS)]}, day {number}:\n1. I waited for an hour.\n2."
        for number in range(start, start + count)
    ]
    return [request(text, chat=False, **SAMPLING) for text in texts]


async def tokens_of_model(model: Model, requests: Sequence[ModelRequest]) -> int:
    """Answer the requests by the model; return the number of tokens."""
    return sum(completion.completion_tokens for completion in (await complete(model, requests)).values())


async def tokens_by_hand(servers: Sequence[tuple[str, str]], requests: Sequence[ModelRequest]) -> int:
    """Send each server (URL, key) its share of the requests; return the number of tokens."""

    async def drive(url: str, key: str, share: Sequence[ModelRequest]) -> int:
        waiting, tokens = iter(share), 0
        timeout = aiohttp.ClientTimeout(total=3600)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}, timeout=timeout) as session:

            async def work() -> None:
                nonlocal tokens
                for each in waiting:
                    body = {"model": BUNDLED_MODEL, "prompt": each.prompt.text, **SAMPLING}
                    async with session.post(f"{url}/completions", json=body) as response:
                        response.raise_for_status()
                        tokens += json.loads(await response.read())["usage"]["completion_tokens"]

            await asyncio.gather(*(work() for _ in range(IN_FLIGHT // REPLICAS)))
        return tokens

    shares = [requests[number::REPLICAS] for number in range(REPLICAS)]
    return sum(await asyncio.gather(*(drive(*server, share) for server, share in zip(servers, shares, strict=True))))


async def rate(work: Callable[[Sequence[ModelRequest]], Awaitable[int]], requests: Sequence[ModelRequest]) -> float:
    """Return the tokens per second."""
    start = time.monotonic()
    return await work(requests) / (time.monotonic() - start)


async def compare(model: Model, cache: Path, options: argparse.Namespace) -> None:
    """Print the speed of each round."""
    try:
        await complete(model, prompts(2 * IN_FLIGHT, 1_000_000))  # starts both servers and warms them
        states = running_servers(servers_folder(cache))
        servers = [(state.url, (folder / API_KEY_FILE).read_text("ascii")) for folder, state in states.items()]
        assert len(servers) == REPLICAS
        await tokens_by_hand(servers, prompts(IN_FLIGHT, 2_000_000))
        ratios = []
        for number in range(options.rounds):
            works = {
                "replicas": lambda requests: tokens_of_model(model, requests),
                "by hand": lambda requests: tokens_by_hand(servers, requests),
            }
            order = list(works.items())[:: 1 if number % 2 == 0 else -1]
            rates = {
                name: await rate(work, prompts(options.requests, (2 * number + place) * options.requests))
                for place, (name, work) in enumerate(order)
            }
            ratios.append(rates["replicas"] / rates["by hand"])
            line = " · ".join(f"{name} {rates[name]:.0f} tokens/s" for name in works)
            print(f"{line} · {ratios[-1]:.2f}", flush=True)
        print(f"median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    finally:
        await model.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="an interpreter that has vLLM; default: that of `textsynth serve --install`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=192, help="of each arm of a round")
    parser.add_argument("--on", help="the Ray cluster")
    options = parser.parse_args()
    vllm = Vllm.model_validate(
        {
            "model": BUNDLED_MODEL,
            "replicas": REPLICAS,
            "python": options.python,
            "concurrency": IN_FLIGHT,
            "start_minutes": 10,
        }
    )
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        backend = stack.enter_context(open_backend(options.on, None, None, embedder="", folder=Path(name), log=print))
        model = backend.open_model("generator", vllm, ModelRuntime(Path(name), cache_folder(), print))
        asyncio.run(compare(model, cache_folder(), options))


if __name__ == "__main__":
    main()
