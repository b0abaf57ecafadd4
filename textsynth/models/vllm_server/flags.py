"""The flags a server is started with: ours, which suit what TextSynth asks, under whatever one gives oneself.

Ours make log-probabilities exact (`--logprobs-mode raw_logprobs`), keep a model's own generation_config from changing
the sampling, spare the log a line a request, and, on a processor, start in half a minute instead of two and keep to a
memory that most machines have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.core.errors import UsageError
from textsynth.models.vllm_server.environment import VllmEnvironment

FlagValue = bool | int | float | str | list[object] | dict[str, object] | None

CPU_CONTEXT = 2048
# Only whole blocks of a prompt are found again in the prefix cache. vLLM's own 128 is longer than many a prompt here;
# fewer than 32 its attention on a processor does not take («No common block size for 16»).
CPU_BLOCK = "32"
CPU_VARIABLES = {"VLLM_CPU_KVCACHE_SPACE": "2"}  # GB; vLLM's own default is most of the machine's memory
# What the server is told by us, and the option that says it.
MANAGED_FLAGS = {
    "model": "model",
    "served-model-name": "model",
    "revision": "revision",
    "host": "nothing: it listens on this machine only",
    "port": "port",
    "api-key": "nothing: each server has a random key",
    "uds": "port",
}
# Flags that change what a model answers, so that answers of one setting are not taken for those of another.
AFFECTS_ANSWERS = frozenset(
    {
        "chat-template",
        "dtype",
        "enable-lora",
        "hf-config-path",
        "hf-overrides",
        "kv-cache-dtype",
        "load-format",
        "lora-modules",
        "model-impl",
        "override-generation-config",
        "generation-config",
        "quantization",
        "reasoning-parser",
        "rope-scaling",
        "rope-theta",
        "speculative-config",
        "tokenizer",
        "tokenizer-revision",
    }
)


def to_arguments(flags: Mapping[str, FlagValue]) -> list[str]:
    """Return a recipe's flags as words: true `--x`, false `--no-x`, a list several words, a map JSON; null none."""
    words: list[str] = []
    for given, value in flags.items():
        name = normalize_name(given)
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, list):
            words += [f"--{name}", *map(str, value)]
        else:
            words += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def normalize_name(name: str) -> str:
    """Return a flag's name as vLLM writes it: `max_model_len` and `--max-model-len` are `max-model-len`."""
    return name.strip().removeprefix("--").replace("_", "-")


def flag_names(words: Sequence[str]) -> set[str]:
    """Return the names of the flags among the words of a command; `--no-x` names x."""
    names = {normalize_name(word.partition("=")[0]) for word in words if word.startswith("--")}
    return names | {name.removeprefix("no-") for name in names}


def check_flags(names: Sequence[str]) -> None:
    """Raise UsageError for a flag that TextSynth sets itself, with the option that says it."""
    for name in names:
        if normalize_name(name) in MANAGED_FLAGS:
            raise UsageError(
                f"the flag {name!r} is set by textsynth; what says it is {MANAGED_FLAGS[normalize_name(name)]}"
            )


def merge_flags(
    environment: VllmEnvironment, source: Path | str, given: Sequence[str], left_out: Sequence[str]
) -> list[str]:
    """Return ours less what is `given` (words of a command) or `left_out` (names), and what is given after them."""
    ours: dict[str, str | None] = {
        "logprobs-mode": "raw_logprobs",
        "generation-config": "vllm",
        "disable-uvicorn-access-log": None,
    }
    if environment.is_cpu:
        ours |= {
            "dtype": "bfloat16",
            "enforce-eager": None,
            "max-num-seqs": "128",
            "block-size": CPU_BLOCK,
            "max-model-len": str(min(CPU_CONTEXT, model_context_length(source) or CPU_CONTEXT)),
        }
    taken = flag_names(given) | {normalize_name(name) for name in left_out}
    words: list[str] = []
    for name, value in ours.items():
        if name not in taken:
            words += [f"--{name}"] if value is None else [f"--{name}", value]
    return [*words, *given]


def environment_variables(environment: VllmEnvironment) -> dict[str, str]:
    """Return the environment variables that go with our flags; those that are set already stay as they are."""
    inherited = environment.process_variables()
    return {name: value for name, value in CPU_VARIABLES.items() if name not in inherited} if environment.is_cpu else {}


def model_context_length(source: Path | str) -> int | None:
    """Return how many tokens a model in a folder takes at most, by its config.json; None where that is not known."""
    if not isinstance(source, Path):
        return None
    try:
        told = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    most = told.get("max_position_embeddings") if isinstance(told, dict) else None
    return most if isinstance(most, int) and most > 0 else None
