"""Loads transformers models and their tokenizers, and identifies models in local folders.

A model of the Hub is loaded from the Hub's cache first, and from the network only where the cache lacks it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from textsynth.core.errors import ModelError
from textsynth.models.local.packing import pack_linear_layers

if TYPE_CHECKING:
    import torch

DEFAULT_CONTEXT_LENGTH = 2048  # for a model whose configuration does not say
MAX_HASHED_BYTES = 100_000
# How much of a larger file is read: 1 MB, and 4 KB of each tensor, of which a model has a few hundred.
EVEN_BLOCKS, BLOCK_BYTES = 256, 4096
MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to decode: its context length in tokens, and the ids of the tokens that end an answer."""

    name: str
    model: Any
    tokenizer: Any
    context_length: int
    end_token_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What to load: `source` is a folder or a Hub name, `name` is the model's name in messages."""

    name: str
    source: Path | str
    revision: str | None = None
    dtype: str = "auto"
    trust_remote_code: bool = False


def load_model(spec: ModelSpec, log: Callable[[str], None]) -> LoadedModel:
    """Return the loaded model. Raises ModelError with one sentence where it cannot be loaded."""
    with warnings.catch_warnings():
        # Hides the start-up warnings of third parties; problems that concern the user are raised as errors.
        warnings.simplefilter("ignore")
        _set_passive_threads()
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        log(f"loading {spec.name}")
        if isinstance(spec.source, Path):
            if not (spec.source / "config.json").is_file():
                raise ModelError(f"the folder {spec.source} contains no model: config.json is missing")
            return _load(spec, local_files_only=True)
        try:
            return _load(spec, local_files_only=True)
        except ModelError:
            log(f"downloading {spec.name} from the Hugging Face Hub")
            return _load(spec, local_files_only=False)


def local_folder(model: str, recipe_folder: Path) -> Path | None:
    """Return the folder that a model's name refers to, relative to the recipe's folder; None for a Hub name.

    A name that starts like a path (`./`, `/`, `~`) is a folder, whether it exists or not; any other name is a folder
    where that folder contains a model.
    """
    path = recipe_folder / Path(model).expanduser()
    is_path = model.startswith((".", "/", "~"))
    return path if is_path or (path / "config.json").is_file() else None


def fingerprint(folder: Path) -> str:
    """Return 12 hex digits that identify a model's folder: file names, sizes and contents.

    Of a large file, blocks of 4 KB at even distances are read, and one at the start of each tensor of a safetensors
    file: weights that were trained again have the same size, but no tensor that was trained starts with the same
    values. Weights that differ between the blocks only are not recognized.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file():
            size = path.stat().st_size
            digest.update(f"{path.name}\x1f{size}\x1f".encode())
            if size < MAX_HASHED_BYTES:
                digest.update(path.read_bytes())
            else:
                with path.open("rb") as file:
                    for start in _sampled_offsets(file, size):
                        file.seek(start)
                        digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()[:12]


def _sampled_offsets(file: BinaryIO, size: int) -> list[int]:
    """Return where to read blocks of a large file of `size` bytes, in order."""
    last = size - BLOCK_BYTES
    even = {last * block // (EVEN_BLOCKS - 1) for block in range(EVEN_BLOCKS)}
    return sorted(even | {min(start, last) for start in _tensor_offsets(file, size)})


def _tensor_offsets(file: BinaryIO, size: int) -> list[int]:
    """Return where the tensors of a safetensors file start; [] for any other file."""
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(size - 8, MAX_HEADER_BYTES):
        return []
    try:
        header = json.loads(file.read(length))
        starts = [tensor["data_offsets"][0] for name, tensor in header.items() if name != "__metadata__"]
    except (ValueError, RecursionError, AttributeError, TypeError, LookupError):
        return []
    return [8 + length + start for start in starts if isinstance(start, int) and start >= 0]


def supports_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the CPU has instructions for bfloat16; without them float32 is several times faster."""
    if not (sys.platform == "linux" and cpuinfo.is_file()):
        return False
    flags = cpuinfo.read_text("utf-8", "replace")
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "svebf16"))


def _set_passive_threads() -> None:
    # Threads that spin while they wait multiply the CPU time as soon as anything else uses the CPU, such as the
    # filters of the same run: 5.3 instead of 1.1 CPU seconds a decoding step, measured on a busy machine. Takes effect
    # only before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _load(spec: ModelSpec, *, local_files_only: bool) -> LoadedModel:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    arguments: dict[str, Any] = {
        "revision": spec.revision,
        "trust_remote_code": spec.trust_remote_code,
        "local_files_only": local_files_only,
    }
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tokenizer = AutoTokenizer.from_pretrained(spec.source, **arguments)
        model: Any = AutoModelForCausalLM.from_pretrained(spec.source, dtype=_dtype(spec.dtype, device), **arguments)
    except (OSError, ValueError, ImportError, KeyError, AttributeError) as error:
        raise ModelError(_load_error(spec, error)) from error
    model.to(device).eval()
    for weights in model.parameters():
        # Weights that are memory-mapped from the file are not aligned, which makes matrix products ten times slower.
        weights.data = weights.data.clone()
    pack_linear_layers(model)
    return LoadedModel(spec.name, model, tokenizer, _context_length(model.config), _end_token_ids(model, tokenizer))


def _load_error(spec: ModelSpec, error: Exception) -> str:
    message = " ".join(str(error).split())
    if "gated" in message:
        return (
            f"the model {spec.name!r} is gated: accept its terms at https://huggingface.co/{spec.source}"
            " and log in with `hf auth login`"
        )
    if "trust_remote_code" in message:
        return (
            f"the model {spec.name!r} needs Python code from its own repository: read it, then set"
            " trust_remote_code: true, or use another model"
        )
    reason = f"{type(error).__name__}: {message[:300]}"
    return f"the model {spec.name!r} cannot be loaded ({reason}); expected a Hub name or a folder"


def _dtype(name: str, device: str) -> torch.dtype:
    import torch

    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    return torch.bfloat16 if device == "cuda" or supports_bfloat16() else torch.float32


def _context_length(config: Any) -> int:  # noqa: ANN401
    text_config = config.get_text_config(decoder=True)
    return int(getattr(text_config, "max_position_embeddings", None) or DEFAULT_CONTEXT_LENGTH)


def _end_token_ids(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    configured = model.generation_config.eos_token_id
    ids = set(configured if isinstance(configured, list) else [configured])
    return frozenset(ids | {tokenizer.eos_token_id} | set(tokenizer.all_special_ids)) - {None}
