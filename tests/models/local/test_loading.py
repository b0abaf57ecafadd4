from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from textsynth.core.errors import ModelError
from textsynth.models.local.loading import (
    MAX_HASHED_BYTES,
    LoadedModel,
    ModelSpec,
    fingerprint,
    load_model,
    local_folder,
    supports_bfloat16,
)


def test_a_loaded_model_knows_its_context_length_and_end_tokens(loaded: LoadedModel) -> None:
    assert loaded.context_length == 256
    assert loaded.end_token_ids == {0, 1, 2}
    assert not loaded.model.training


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"contains no model: config\.json is missing"):
        load_model(ModelSpec("mine", tmp_path), [].append)


def test_an_invalid_model_folder_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such"}))
    with pytest.raises(ModelError, match="the model 'mine' cannot be loaded") as caught:
        load_model(ModelSpec("mine", tmp_path), [].append)
    assert "\n" not in str(caught.value)


def test_a_hub_model_that_is_not_cached_is_an_error_without_a_network() -> None:
    pytest.importorskip("transformers", reason="needs textsynth[local]")
    log: list[str] = []
    with pytest.raises(ModelError, match="the model 'acme/none' cannot be loaded"):
        load_model(ModelSpec("acme/none", "acme/none"), log.append)
    assert log == ["loading acme/none", "downloading acme/none from the Hugging Face Hub"]


def test_the_dtype_can_be_set(tiny_folder: Path) -> None:
    dtypes = [
        str(load_model(ModelSpec("tiny", tiny_folder, dtype=dtype), [].append).model.dtype)
        for dtype in ("float32", "bfloat16")
    ]
    assert dtypes == ["torch.float32", "torch.bfloat16"]


@pytest.mark.parametrize(("flags", "supported"), [("avx2 fma", False), ("avx512_bf16 avx2", True), ("amx_bf16", True)])
def test_bfloat16_support_is_read_from_the_cpu_flags(flags: str, supported: bool, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags\t: fpu {flags}\n")
    assert supports_bfloat16(cpuinfo) is (supported and sys.platform == "linux")
    assert not supports_bfloat16(tmp_path / "none")


def test_loading_sets_passive_threads_and_prints_nothing_else(tiny_folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from textsynth.models.local.loading import ModelSpec, load_model\n"
        "load_model(ModelSpec('tiny', Path(sys.argv[1])), print)\n"
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tiny_folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (result.stdout.split("\n"), result.stderr) == (["loading tiny", "PASSIVE", ""], "")


def test_a_path_is_a_folder_and_a_hub_name_is_one_only_where_it_contains_a_model(tmp_path: Path) -> None:
    assert local_folder("./small", tmp_path) == tmp_path / "small"
    assert local_folder("/models/small", tmp_path) == Path("/models/small")
    assert local_folder("acme/small", tmp_path) is None
    (tmp_path / "acme" / "small").mkdir(parents=True)
    (tmp_path / "acme" / "small" / "config.json").touch()
    assert local_folder("acme/small", tmp_path) == tmp_path / "acme" / "small"


def test_a_fingerprint_covers_the_contents_of_small_files_and_the_sizes_of_large_ones(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "weights").write_bytes(b"a" * MAX_HASHED_BYTES)
    first = fingerprint(tmp_path)
    assert len(first) == 12
    assert fingerprint(tmp_path) == first
    (tmp_path / "config.json").write_text("[]")
    second = fingerprint(tmp_path)
    (tmp_path / "weights").write_bytes(b"a" * (MAX_HASHED_BYTES + 1))
    assert len({first, second, fingerprint(tmp_path)}) == 3


@pytest.mark.parametrize("suffix", ["bin", "safetensors"])
def test_weights_that_were_trained_again_are_another_model(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{suffix}"
    write = torch.save if suffix == "bin" else save_file
    weights = {f"layer{number}": torch.full((300, 300), 0.5) for number in range(5)}
    write(weights, path)
    first, size = fingerprint(tmp_path), path.stat().st_size
    write({name: tensor + 0.01 for name, tensor in weights.items()}, path)
    assert path.stat().st_size == size
    assert fingerprint(tmp_path) != first


def test_one_trained_tensor_among_large_ones_is_another_model(tmp_path: Path) -> None:
    weights = {"head": torch.zeros(2, 2), "embeddings": torch.zeros(3000, 1000), "tail": torch.zeros(4, 4)}
    save_file(weights, tmp_path / "model.safetensors")
    prints = {fingerprint(tmp_path)}
    for name in ("head", "tail"):
        save_file({**weights, name: weights[name] + 0.01}, tmp_path / "model.safetensors")
        prints.add(fingerprint(tmp_path))
    assert len(prints) == 3


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"a": {"data_offsets": ["x"]}}', b'{"a": {"data_offsets": [-9]}}'])
def test_a_large_file_that_is_no_valid_safetensors_file_has_a_fingerprint(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(MAX_HASHED_BYTES))
    first = fingerprint(tmp_path)
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"1" * MAX_HASHED_BYTES)
    assert fingerprint(tmp_path) != first
