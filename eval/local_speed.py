"""Decoding speed of `local` relative to a plain `generate` loop: tokens per CPU second, alternating, on equal prompts.

    python eval/local_speed.py                          512 prompts of 48 new tokens, 5 turns; required: 0.85
    python eval/local_speed.py --prompts 64 --turns 3   a quick measurement

Both sort by length, decode 64 at once, ignore end tokens and use the same sampling (temperature 0.8, top_p 0.95; with
--greedy neither samples). `local` is measured as in a run: texts in, completions out. Seconds are CPU seconds of the
process over all threads, so that other work on the machine hardly affects the ratio. In a real run `local` gains more:
completions that end early leave the batch.
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
MIN_RATIO = 0.85
TOPICS = ("a lost card", "a late parcel", "the weather in March", "a broken lamp", "a recipe for soup", "a train")
LINES = ("It was there yesterday.", "Nobody could help me so far, and I have asked twice.", "What should I do now?")


def make_prompts(count: int) -> list[str]:
    """Return `count` different list prompts of about 30 to 120 tokens."""
    generator = random.Random("prompts")
    prompts = []
    for number in range(count):
        lines = [f"{line}. {generator.choice(LINES)}" for line in range(1, generator.randint(2, 8))]
        topic = generator.choice(TOPICS)
        prompts.append(f"Message {number} about {topic}:\n" + "\n".join(lines) + f"\n{len(lines) + 1}.")
    return prompts


def generate(loaded: LoadedModel, prompts: Sequence[str], sampling: Sampling) -> int:
    """Decode with the `generate` method of transformers; return the number of new tokens."""
    import torch

    model, tokenizer = loaded.model, loaded.tokenizer
    ordered = sorted(prompts, key=lambda prompt: len(tokenizer(prompt)["input_ids"]))
    options = {"do_sample": False}
    if sampling.temperature:
        options = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    tokens = 0
    for start in range(0, len(ordered), BATCH):
        inputs = tokenizer(ordered[start : start + BATCH], return_tensors="pt", padding=True, padding_side="left")
        with torch.inference_mode():
            outputs = model.generate(**inputs, max_new_tokens=NEW_TOKENS, eos_token_id=None, pad_token_id=0, **options)
        new_tokens = outputs[:, inputs["input_ids"].shape[1] :]
        tokenizer.batch_decode(new_tokens)
        tokens += new_tokens.numel()
    return tokens


def complete(loaded: LoadedModel, prompts: Sequence[str], sampling: Sampling) -> int:
    """Decode as a run does; return the number of new tokens."""
    requests = [
        ModelRequest(hashlib.sha256(prompt.encode()).hexdigest(), RenderedPrompt("speed", "", text=prompt), sampling)
        for prompt in prompts
    ]
    completions: list[Completion] = []

    async def on_completion(_: ModelRequest, completion: Completion) -> None:
        completions.append(completion)

    async def complete_all() -> None:
        model = TransformersModel(lambda: loaded, batch_size=BATCH)
        await model.complete(requests, on_completion)
        await model.close()

    asyncio.run(complete_all())
    return sum(completion.completion_tokens for completion in completions)


def tokens_per_second(decode: Callable[[], int], expected: int) -> float:
    """Return the tokens per CPU second of one call. Raises SystemExit for another number of tokens than expected."""
    start = time.process_time()
    tokens = decode()
    seconds = time.process_time() - start
    if tokens != expected:
        raise SystemExit(f"{tokens} tokens were decoded, but {expected} expected: the two sides are not comparable")
    return tokens / seconds


def main() -> None:
    """Measure in turns and print the ratio with its range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=512)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0 lets torch decide")
    parser.add_argument("--greedy", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "textsynth")
    arguments = parser.parse_args()
    loaded = load_model(ModelSpec(BUNDLED_MODEL, bundled_model_folder(arguments.cache, print)), print)
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    without_end = dataclasses.replace(loaded, ends=frozenset())
    prompts = make_prompts(arguments.prompts)
    sampling = Sampling(temperature=0.0 if arguments.greedy else 0.8, top_p=0.95, max_tokens=NEW_TOKENS)
    print(f"{arguments.prompts} prompts, {torch.get_num_threads()} threads, {loaded.model.dtype}, {sampling}")
    print(f"load average {os.getloadavg()[0]:.1f}")
    generate(loaded, prompts[:8], sampling)
    complete(without_end, prompts[:8], sampling)
    sides = {
        "generate": lambda: generate(loaded, prompts, sampling),
        "local": lambda: complete(without_end, prompts, sampling),
    }
    ratios = []
    for turn in range(arguments.turns):
        order = list(sides) if turn % 2 == 0 else list(reversed(sides))
        rates = {side: tokens_per_second(sides[side], arguments.prompts * NEW_TOKENS) for side in order}
        ratios.append(rates["local"] / rates["generate"])
        summary = ", ".join(f"{side} {rates[side]:.1f}" for side in sides)
        print(f"turn {turn + 1}: tokens per CPU second: {summary}, ratio {ratios[-1]:.3f}", flush=True)
    print(
        f"ratio: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}; "
        f"required {MIN_RATIO}"
    )


if __name__ == "__main__":
    main()
