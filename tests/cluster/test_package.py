from __future__ import annotations

import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from textsynth.cluster.package import apply_environment, environment_for, pack
from textsynth.core.errors import ClusterError
from textsynth.core.registry import PLUGIN_PREFIX, load_component
from textsynth.models import ModelOptions
from textsynth.models.local import Local
from textsynth.models.scripted import Scripted

PLUGIN = '''
from textsynth.models import ModelOptions

class Fixed(ModelOptions):
    """A model with one answer."""

    answer: str = "a"

    @property
    def identity(self) -> str:
        return f"fixed:{self.answer}"
'''


def test_a_node_that_sees_the_files_uses_the_folder_and_another_gets_them(tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "parts").mkdir(parents=True)
    (here / "parts" / "answer.py").write_text("def answer(request): return 'a'")
    (here / "seeds.csv").write_text("text\n")
    package = pack(Scripted(function="parts/answer.py:answer"), here)
    assert list(package.files) == ["parts/answer.py"]
    options, folder = package.options("node")
    assert folder == here
    moved = pickle.loads(pickle.dumps(replace(package, recipe_folder=str(tmp_path / "nowhere"))))
    options, folder = moved.options("node")
    assert folder != here
    assert (folder / "parts" / "answer.py").read_bytes() == (here / "parts" / "answer.py").read_bytes()
    assert options.identity_at(folder) == package.identity
    (here / "parts" / "answer.py").write_text("def answer(request): return 'b'")  # an old copy of the folder
    _, folder = package.options("node")
    assert "'a'" in (folder / "parts" / "answer.py").read_text()


def test_a_class_beside_the_recipe_goes_along_with_its_options(tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text(PLUGIN)
    options = load_component("models", "./fixed.py", tmp_path)(answer="b")
    assert isinstance(options, ModelOptions)
    package = replace(pack(options, tmp_path), recipe_folder=str(tmp_path / "nowhere"))
    for name in [name for name in sys.modules if name.startswith(PLUGIN_PREFIX)]:
        del sys.modules[name]
    loaded, _ = package.options("node")
    assert loaded.identity == "fixed:b"


def test_a_folder_that_a_node_does_not_see_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    package = replace(pack(Local(model="./model"), tmp_path), recipe_folder="/nowhere")
    with pytest.raises(ClusterError, match=r"the model on the node gpu-1 is .* share the folder among the nodes"):
        package.options("gpu-1")


def test_another_version_is_one_sentence(tmp_path: Path) -> None:
    package = replace(pack(Scripted(), tmp_path), version="0.0.1")
    with pytest.raises(ClusterError, match=r"the node gpu-1 has TextSynth .*, and the run 0\.0\.1; install the same"):
        package.options("gpu-1")


def test_keys_and_named_variables_replace_those_of_a_node_and_others_fill_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE", "of the run")
    monkeypatch.setenv("SOME_API_KEY", "of the run")
    monkeypatch.setenv("HF_HOME_OF_TEST", "of the run")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of the run")
    monkeypatch.setenv("ONLY_HERE", "of the run")
    variables = environment_for({"api_key_env": "MY_SERVICE", "model": "small"})
    assert "RAY_AUTH_TOKEN" not in variables
    for name in ("MY_SERVICE", "SOME_API_KEY", "HF_HOME_OF_TEST", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "of the node")
    monkeypatch.delenv("ONLY_HERE")
    apply_environment(variables, {})

    names = ("MY_SERVICE", "SOME_API_KEY", "HF_HOME_OF_TEST", "ONLY_HERE")
    assert [os.environ[name] for name in names] == ["of the run", "of the run", "of the node", "of the run"]
    assert "OMP_NUM_THREADS" not in os.environ  # Ray sets it to the CPUs that an actor reserves
