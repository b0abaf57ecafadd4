"""vLLM's own `vllm bench serve` on the prompts of a run, for `eval/throughput.py --bench PYTHON`.

The same raw prompts in the same order, each with its own limit of tokens, the sampling and the stops of the run, the
same number in flight. What cannot be told the same: it asks for streamed answers, a piece a token, where we and the
bare loop ask for whole ones. It has a clock of its own; the engine's metrics are read beside it as for the others.

Wants vLLM and pandas in that interpreter's environment (vLLM's extra `bench`). Called by its function: the command
`vllm` asks for a distribution of that name, which the CPU build has not.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ASK = """\
import argparse
from vllm.benchmarks.serve import add_cli_args, main
parser = argparse.ArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""
OWN = ("model", "prompt", "max_tokens", "n", "stream")


def settings(bodies: Path, folder: Path) -> tuple[Path, dict[str, Any], int]:
    """Return the file of prompts as `vllm bench serve` reads it, what the bodies have in common, and their number.

    Raises SystemExit where a body is no raw prompt, or where they differ in more than prompt and limit.
    """
    asked = [body for _, body in map(json.loads, bodies.read_text().splitlines())]
    others = [{name: value for name, value in body.items() if name not in OWN} for body in asked]
    if any(not isinstance(body.get("prompt"), str) for body in asked):
        raise SystemExit("--bench sends raw prompts: add --prompts completion")
    if any(other != others[0] for other in others):
        raise SystemExit("--bench sends one sampling to all, but these requests differ in theirs")
    prompts = folder / "bench.jsonl"
    lines = [json.dumps({"prompt": body["prompt"], "output_tokens": body["max_tokens"]}) for body in asked]
    prompts.write_text("\n".join(lines) + "\n")
    return prompts, others[0], len(asked)


def command(python: str, host: str, model: str, key: str, bodies: Path, in_flight: int) -> list[str]:
    """Return the command that asks the server at `host` (without /v1) for all of the bodies."""
    folder = bodies.parent
    prompts, sampling, count = settings(bodies, folder)
    words = [
        f"--backend=openai --base-url={host} --endpoint=/v1/completions --request-rate=inf",
        f"--max-concurrency={in_flight} --num-prompts={count} --ready-check-timeout-sec=0",
        "--dataset-name=custom --custom-output-len=-1 --skip-chat-template --disable-shuffle --disable-tqdm",
        "--save-result --result-filename=bench.json",
    ]
    options = [
        f"--model={model}",
        f"--tokenizer={root_of(host, model, key)}",
        f"--dataset-path={prompts}",
        f"--result-dir={folder}",
        f"--extra-body={json.dumps(sampling)}",
    ]
    return [str(Path(python).expanduser()), "-c", ASK, *" ".join(words).split(), *options]


def variables(key: str) -> dict[str, str]:
    """Return the environment of the command: it has the key where vLLM's client looks for one."""
    return {**os.environ, "OPENAI_API_KEY": key} if key else dict(os.environ)


def check(folder: Path, count: int) -> None:
    """Raise SystemExit where not all requests were answered."""
    told = json.loads((folder / "bench.json").read_text())
    if told["completed"] != count:
        raise SystemExit(f"vllm bench serve had answers to {told['completed']} of {count} requests")


def root_of(host: str, model: str, key: str) -> str:
    """Return the folder or Hub name that the server loaded for a model: where its tokenizer is."""
    request = urllib.request.Request(f"{host}/v1/models", headers={"authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(request, timeout=10) as page:
        listed: Sequence[dict[str, Any]] = json.load(page)["data"]
    return next(str(one.get("root") or model) for one in listed if one["id"] == model)
