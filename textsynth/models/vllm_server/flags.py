"""The command-line flags of a server: defaults that suit TextSynth, overridden by the flags that the user gives.

The defaults make log-probabilities exact (`--logprobs-mode raw_logprobs`), keep a model's own generation_config from
changing the sampling, and disable the access log. On a CPU they also reduce the start from two minutes to half a minute
and limit the memory to what most machines have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.core.errors import UsageError
from textsynth.models.vllm_server.environment import VllmEnvironment, process_variables

FlagValue = bool | int | float | str | list[object] | dict[str, object] | None

CPU_CONTEXT_LENGTH = 2048
# The prefix cache matches whole blocks of a prompt only. vLLM's default of 128 is longer than many prompts here; its
# attention on a CPU does not support blocks below 32 ("No common block size for 16").
CPU_BLOCK_SIZE = "32"
CPU_VARIABLES = {"VLLM_CPU_KVCACHE_SPACE": "2"}  # GB; vLLM's default is most of the machine's memory
# The flags that TextSynth sets itself, and what to use instead.
MANAGED_FLAGS = {
    "model": "use the option model",
    "served-model-name": "use the option model",
    "revision": "use the option revision",
    "host": "the server listens on this machine only",
    "port": "use the option port",
    "api-key": "each server has a random key",
    "uds": "use the option port",
}
# Flags that change the answers of a model, so that they are part of its identity.
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
    """Return a recipe's flags as command-line arguments.

    True becomes `--x`, false `--no-x`, a list several arguments, a map JSON; a null flag is left out.
    """
    arguments: list[str] = []
    for key, value in flags.items():
        name = normalize_name(key)
        if value is None:
            continue
        if isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, list):
            arguments += [f"--{name}", *map(str, value)]
        else:
            arguments += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return arguments


def normalize_name(name: str) -> str:
    """Return a flag's name in vLLM's form: `max_model_len` and `--max-model-len` are both `max-model-len`."""
    return name.strip().removeprefix("--").replace("_", "-")


def flag_names(arguments: Sequence[str]) -> set[str]:
    """Return the names of the flags among command-line arguments; `--no-x` counts as `no-x` and as `x`."""
    names = {normalize_name(argument.partition("=")[0]) for argument in arguments if argument.startswith("--")}
    return names | {name.removeprefix("no-") for name in names}


def check_flags(names: Sequence[str]) -> None:
    """Raise UsageError for a flag that TextSynth sets itself, with what to use instead."""
    for name in names:
        advice = MANAGED_FLAGS.get(normalize_name(name))
        if advice is not None:
            raise UsageError(f"the flag {name!r} is set by textsynth: {advice}")


def merge_flags(
    environment: VllmEnvironment, source: Path | str, arguments: Sequence[str], omitted: Sequence[str]
) -> list[str]:
    """Return the default flags, without those in `arguments` or `omitted` (names), followed by `arguments`."""
    defaults: dict[str, str | None] = {
        "logprobs-mode": "raw_logprobs",
        "generation-config": "vllm",
        "disable-uvicorn-access-log": None,
    }
    if environment.is_cpu:
        context_length = min(CPU_CONTEXT_LENGTH, model_context_length(source) or CPU_CONTEXT_LENGTH)
        defaults |= {
            "dtype": "bfloat16",
            "enforce-eager": None,
            "max-num-seqs": "128",
            "block-size": CPU_BLOCK_SIZE,
            "max-model-len": str(context_length),
        }
    overridden = flag_names(arguments) | {normalize_name(name) for name in omitted}
    merged: list[str] = []
    for name, value in defaults.items():
        if name not in overridden:
            merged += [f"--{name}"] if value is None else [f"--{name}", value]
    return [*merged, *arguments]


def environment_variables(environment: VllmEnvironment) -> dict[str, str]:
    """Return the environment variables that belong to the default flags, without those that are already set."""
    if not environment.is_cpu:
        return {}
    inherited = process_variables(environment.python)
    return {name: value for name, value in CPU_VARIABLES.items() if name not in inherited}


def model_context_length(source: Path | str) -> int | None:
    """Return the context length in the config.json of a model's folder; None where it is not known."""
    if not isinstance(source, Path):
        return None
    try:
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    length = config.get("max_position_embeddings") if isinstance(config, dict) else None
    return length if isinstance(length, int) and length > 0 else None
