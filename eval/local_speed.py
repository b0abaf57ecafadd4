"""How fast `local` decodes beside a bare `generate` loop: tokens per CPU second, in turns, on the same prompts.

    python eval/local_speed.py                          512 prompts of 48 new tokens, 5 turns: the bar is 0.85
    python eval/local_speed.py --prompts 64 --turns 3   a quick look

Both sort by length, decode 64 at once, know no end token and sample alike (temperature 0.8, top_p 0.95; --greedy:
neither samples). `local` goes the whole way of a run: texts in, completions out. Seconds are CPU seconds of the
process, all threads, so that other work on the machine disturbs the ratio little. In a real run `local` gains more:
answers that end early leave the batch.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from textsynth.core.records import Completion, ModelRequest, RenderedPrompt, Sampling
from textsynth.models.local import TransformersModel
from textsynth.models.local.bundled import BUNDLED_MODEL, bundled_model_folder
from textsynth.models.local.loading import LoadedModel, ModelSpec, load_model

NEW_TOKENS = 48
BATCH = 64
TOPICS = ("a lost card", "a late parcel", "the weather in March", "a broken lamp", "a recipe for soup", "a train")
LINES = ("It was there yesterday.", "Nobody could help me so far, and I have asked twice.", "What should I do now?")


def prompts_of(count: int) -> list[str]:
    """Return `count` different list prompts of about 30 to 120 tokens."""
    draw = random.Random("prompts")
    found = []
    for number in range(count):
        shown = [f"{at}. {draw.choice(LINES)}" for at in range(1, draw.randint(2, 8))]
        found.append(f"Message {number} about {draw.choice(TOPICS)}:\n" + "\n".join(shown) + f"\n{len(shown) + 1}.")
    return found


def bare(loaded: LoadedModel, prompts: Sequence[str], sampling: Sampling) -> int:
    """Decode with transformers' generate; return the new tokens."""
    import torch

    model, tokenizer = loaded.model, loaded.tokenizer
    ordered = sorted(prompts, key=lambda prompt: len(tokenizer(prompt)["input_ids"]))
    drawing = {"do_sample": False}
    if sampling.temperature:
        drawing = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    new = 0
    for start in range(0, len(ordered), BATCH):
        inputs = tokenizer(ordered[start : start + BATCH], return_tensors="pt", padding=True, padding_side="left")
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=NEW_TOKENS, eos_token_id=None, pad_token_id=0, **drawing)
        written = out[:, inputs["input_ids"].shape[1] :]
        tokenizer.batch_decode(written)
        new += written.numel()
    return new


def ours(loaded: LoadedModel, prompts: Sequence[str], sampling: Sampling) -> int:
    """Decode as a run does; return the new tokens."""
    requests = [
        ModelRequest(hashlib.sha256(prompt.encode()).hexdigest(), RenderedPrompt("speed", "", text=prompt), sampling)
        for prompt in prompts
    ]
    got: list[Completion] = []

    async def arrived(_: ModelRequest, completion: Completion) -> None:
        got.append(completion)

    async def go() -> None:
        model = TransformersModel(lambda: loaded, batch_size=BATCH)
        await model.complete(requests, arrived)
        await model.close()

    asyncio.run(go())
    return sum(completion.completion_tokens for completion in got)


def rate(decode: Callable[[], int], expected: int) -> float:
    """Return tokens per CPU second of one call."""
    start = time.process_time()
    new = decode()
    seconds = time.process_time() - start
    if new != expected:
        raise SystemExit(f"{new} tokens came, {expected} were to come: the two sides are not alike")
    return new / seconds


def main() -> None:
    """Measure in turns and print the ratio with its spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=512)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0 lets torch decide")
    parser.add_argument("--greedy", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "textsynth")
    given = parser.parse_args()
    loaded = load_model(ModelSpec(BUNDLED_MODEL, bundled_model_folder(given.cache, print)), print)
    import torch

    if given.threads:
        torch.set_num_threads(given.threads)
    endless = dataclasses.replace(loaded, ends=frozenset())
    prompts = prompts_of(given.prompts)
    sampling = Sampling(temperature=0.0 if given.greedy else 0.8, top_p=0.95, max_tokens=NEW_TOKENS)
    print(f"{given.prompts} prompts, {torch.get_num_threads()} threads, {loaded.model.dtype}, {sampling}")
    print(f"load average {os.getloadavg()[0]:.1f}")
    warm = prompts[:8]
    bare(loaded, warm, sampling)
    ours(endless, warm, sampling)
    ratios = []
    for turn in range(given.turns):
        sides = {"bare": lambda: bare(loaded, prompts, sampling), "ours": lambda: ours(endless, prompts, sampling)}
        order = list(sides) if turn % 2 == 0 else list(reversed(sides))
        rates = {side: rate(sides[side], given.prompts * NEW_TOKENS) for side in order}
        ratios.append(rates["ours"] / rates["bare"])
        told = ", ".join(f"{side} {rates[side]:.1f}" for side in ("bare", "ours"))
        print(f"turn {turn + 1}: tokens per CPU second: {told}, ratio {ratios[-1]:.3f}", flush=True)
    print(f"ratio: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}; bar 0.85")


if __name__ == "__main__":
    main()
