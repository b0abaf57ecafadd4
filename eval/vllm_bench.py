"""vLLM's own `vllm bench serve` on the prompts of a run, for `eval/throughput.py --bench PYTHON`.

It sends the same raw prompts in the same order, each with its own limit of tokens, the sampling and the stop texts of
the run, and the same number of requests in flight. One difference remains: it requests streamed completions, a chunk a
token, where the run and the aiohttp loop request whole ones. It measures time itself; its speed is read from the
engine's metrics as for the others.

Needs vLLM and pandas (vLLM's extra `bench`) in the environment of that interpreter. It is called as a function, because
the command `vllm` requires a distribution of that name, which the CPU build lacks.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPT = """\
import argparse
from vllm.benchmarks.serve import add_cli_args, main
parser = argparse.ArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""
REQUEST_KEYS = ("model", "prompt", "max_tokens", "n", "stream")  # the keys that are not part of the common sampling


def write_prompts(bodies: Path, folder: Path) -> tuple[Path, dict[str, Any], int]:
    """Write the prompts as `vllm bench serve` reads them; return the file, the common sampling, and their number.

    Raises SystemExit for a body without a raw prompt, and for bodies that differ in more than prompt and limit.
    """
    requests = [body for _, body in map(json.loads, bodies.read_text().splitlines())]
    samplings = [{key: value for key, value in body.items() if key not in REQUEST_KEYS} for body in requests]
    if any(not isinstance(body.get("prompt"), str) for body in requests):
        raise SystemExit("--bench sends raw prompts: add --prompts completion")
    if any(sampling != samplings[0] for sampling in samplings):
        raise SystemExit("--bench sends one sampling to all, but these requests differ in theirs")
    prompts = folder / "bench.jsonl"
    lines = [json.dumps({"prompt": body["prompt"], "output_tokens": body["max_tokens"]}) for body in requests]
    prompts.write_text("\n".join(lines) + "\n")
    return prompts, samplings[0], len(requests)


def command(python: str, host: str, model: str, key: str, bodies: Path, in_flight: int) -> list[str]:
    """Return the command that sends all of the bodies to the server at `host` (without /v1)."""
    folder = bodies.parent
    prompts, sampling, count = write_prompts(bodies, folder)
    words = [
        f"--backend=openai --base-url={host} --endpoint=/v1/completions --request-rate=inf",
        f"--max-concurrency={in_flight} --num-prompts={count} --ready-check-timeout-sec=0",
        "--dataset-name=custom --custom-output-len=-1 --skip-chat-template --disable-shuffle --disable-tqdm",
        "--save-result --result-filename=bench.json",
    ]
    options = [
        f"--model={model}",
        f"--tokenizer={tokenizer_of(host, model, key)}",
        f"--dataset-path={prompts}",
        f"--result-dir={folder}",
        f"--extra-body={json.dumps(sampling)}",
    ]
    return [str(Path(python).expanduser()), "-c", SCRIPT, *" ".join(words).split(), *options]


def environment(key: str) -> dict[str, str]:
    """Return the environment of the command, with the key where vLLM's client looks for one."""
    return {**os.environ, "OPENAI_API_KEY": key} if key else dict(os.environ)


def check(folder: Path, count: int) -> None:
    """Raise SystemExit where not all requests were completed."""
    result = json.loads((folder / "bench.json").read_text())
    if result["completed"] != count:
        raise SystemExit(f"vllm bench serve completed {result['completed']} of {count} requests")


def tokenizer_of(host: str, model: str, key: str) -> str:
    """Return the folder or Hub name that the server loaded for a model, which holds its tokenizer."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with urllib.request.urlopen(urllib.request.Request(f"{host}/v1/models", headers=headers), timeout=10) as response:
        models: Sequence[dict[str, Any]] = json.load(response)["data"]
    return next(str(entry.get("root") or model) for entry in models if entry["id"] == model)
