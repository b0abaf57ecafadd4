from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_folder_is_loaded_with_its_limits(loaded: LoadedModel) -> None:
    assert loaded.context_length == 256
    assert loaded.end_token_ids == {0, 1, 2}
    assert not loaded.model.training


def test_a_folder_without_a_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model: there is no config\.json"):
        load_model(ModelSpec("mine", tmp_path), [].append)


def test_a_broken_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such"}))
    with pytest.raises(ModelError, match="the model 'mine' cannot be loaded") as caught:
        load_model(ModelSpec("mine", tmp_path), [].append)
    assert "\n" not in str(caught.value)


def test_a_hub_name_that_no_cache_has_is_one_sentence_without_a_network() -> None:
    pytest.importorskip("transformers", reason="needs textsynth[local]")
    said: list[str] = []
    with pytest.raises(ModelError, match="the model 'acme/none' cannot be loaded"):
        load_model(ModelSpec("acme/none", "acme/none"), said.append)
    assert said == ["loading acme/none", "getting acme/none from the Hugging Face Hub"]


def test_dtype_can_be_chosen(tiny_folder: Path) -> None:
    chosen = [
        str(load_model(ModelSpec("tiny", tiny_folder, dtype=dtype), [].append).model.dtype)
        for dtype in ("float32", "bfloat16")
    ]
    assert chosen == ["torch.float32", "torch.bfloat16"]


@pytest.mark.parametrize(("flags", "able"), [("avx2 fma", False), ("avx512_bf16 avx2", True), ("amx_bf16", True)])
def test_bfloat16_is_taken_where_the_processor_computes_it(flags: str, able: bool, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags\t: fpu {flags}\n")
    assert supports_bfloat16(cpuinfo) is (able and sys.platform == "linux")
    assert not supports_bfloat16(tmp_path / "none")


def test_threads_sleep_while_they_wait(tiny_folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from textsynth.models.local.loading import ModelSpec, load_model\n"
        "load_model(ModelSpec('tiny', Path(sys.argv[1])), print)\n"
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tiny_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.split("\n"), done.stderr) == (["loading tiny", "PASSIVE", ""], ""), "nothing but our own words"


def test_a_path_is_a_folder_and_a_hub_name_is_one_where_a_model_lies_there(tmp_path: Path) -> None:
    assert local_folder("./small", tmp_path) == tmp_path / "small"
    assert local_folder("/models/small", tmp_path) == Path("/models/small")
    assert local_folder("acme/small", tmp_path) is None
    (tmp_path / "acme" / "small").mkdir(parents=True)
    (tmp_path / "acme" / "small" / "config.json").touch()
    assert local_folder("acme/small", tmp_path) == tmp_path / "acme" / "small"


def test_a_fingerprint_follows_small_contents_and_large_sizes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "weights").write_bytes(b"a" * MAX_HASHED_BYTES)
    first = fingerprint(tmp_path)
    assert len(first) == 12
    assert fingerprint(tmp_path) == first
    (tmp_path / "config.json").write_text("[]")
    second = fingerprint(tmp_path)
    (tmp_path / "weights").write_bytes(b"a" * (MAX_HASHED_BYTES + 1))
    assert len({first, second, fingerprint(tmp_path)}) == 3
