"""Loading a transformers model and its tokenizer: from the user's caches first, from the network only then."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.core.errors import ModelError

if TYPE_CHECKING:
    import torch

UNKNOWN_CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to decode: `context` tokens fit it, `ends` are the token ids that end an answer."""

    name: str
    model: Any
    tokenizer: Any
    context_length: int
    end_token_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What to load: `source` is a folder or a Hub name, `name` what messages call it."""

    name: str
    source: Path | str
    revision: str | None = None
    dtype: str = "auto"
    trust_remote_code: bool = False


def load_model(wanted: ModelSpec, say: Callable[[str], None]) -> LoadedModel:
    """Return the model. Raises ModelError with one sentence when it cannot be had."""
    with warnings.catch_warnings():
        # Third-party start-up chatter; what concerns the user comes as an error.
        warnings.simplefilter("ignore")
        _wait_quietly()
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        say(f"loading {wanted.name}")
        if isinstance(wanted.source, Path):
            if not (wanted.source / "config.json").is_file():
                raise ModelError(f"the folder {wanted.source} holds no model: there is no config.json in it")
            return _read(wanted, local_files_only=True)
        try:
            return _read(wanted, local_files_only=True)
        except ModelError:
            say(f"getting {wanted.name} from the Hugging Face Hub")
            return _read(wanted, local_files_only=False)


def _wait_quietly() -> None:
    # Threads that spin while they wait cost several times the work itself as soon as anything else wants the
    # processor, such as the checks of the same run: 5.3 against 1.1 CPU s a decoding step, measured with the machine
    # busy. Works only before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _read(wanted: ModelSpec, *, local_files_only: bool) -> LoadedModel:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    known: dict[str, Any] = {
        "revision": wanted.revision,
        "trust_remote_code": wanted.trust_remote_code,
        "local_files_only": local_files_only,
    }
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tokenizer = AutoTokenizer.from_pretrained(wanted.source, **known)
        model: Any = AutoModelForCausalLM.from_pretrained(wanted.source, dtype=_dtype(wanted.dtype, device), **known)
    except (OSError, ValueError, ImportError, KeyError, AttributeError) as fault:
        raise ModelError(_sentence(wanted, fault)) from fault
    model.to(device).eval()
    for weights in model.parameters():
        # Weights mapped from the file are not aligned, and matrix products on them ten times slower.
        weights.data = weights.data.clone()
    return LoadedModel(wanted.name, model, tokenizer, _context(model.config), _ends(model, tokenizer))


def _sentence(wanted: ModelSpec, fault: Exception) -> str:
    told = " ".join(str(fault).split())
    if "gated" in told:
        return (
            f"the model {wanted.name!r} is gated: accept its terms at https://huggingface.co/{wanted.source}"
            " and log in with `hf auth login`"
        )
    if "trust_remote_code" in told:
        return (
            f"the model {wanted.name!r} comes with code of its own: read it, then write trust_remote_code: true,"
            " or take another model"
        )
    found = f"{type(fault).__name__}: {told[:300]}"
    return f"the model {wanted.name!r} cannot be loaded ({found}); wanted: a Hub name or a folder"


def _dtype(asked: str, device: str) -> torch.dtype:
    import torch

    if asked != "auto":
        return torch.bfloat16 if asked == "bfloat16" else torch.float32
    return torch.bfloat16 if device == "cuda" or supports_bfloat16() else torch.float32


def supports_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 itself; where it does not, float32 is several times faster."""
    if not (sys.platform == "linux" and cpuinfo.is_file()):
        return False
    flags = cpuinfo.read_text("utf-8", "replace")
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "svebf16"))


def _context(config: Any) -> int:  # noqa: ANN401
    text = config.get_text_config(decoder=True)
    return int(getattr(text, "max_position_embeddings", None) or UNKNOWN_CONTEXT)


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    named = model.generation_config.eos_token_id
    ends = set(named if isinstance(named, list) else [named])
    return frozenset(ends | {tokenizer.eos_token_id} | set(tokenizer.all_special_ids)) - {None}


MAX_HASHED_BYTES = 100_000


def local_folder(model: str, recipe: Path) -> Path | None:
    """Return the folder that a model's name means, beside the recipe's (./…) or not; None for a name of the Hub.

    What begins like a path is one, whether it exists or not; another name is one where a model lies there.
    """
    path = recipe / Path(model).expanduser()
    named = model.startswith((".", "/", "~"))
    return path if named or (path / "config.json").is_file() else None


def fingerprint(folder: Path) -> str:
    """Return twelve hex digits for the contents of a model's folder: its small files, and the sizes of the large."""
    told = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file():
            size = path.stat().st_size
            told.update(f"{path.name}\x1f{size}\x1f".encode())
            if size < MAX_HASHED_BYTES:
                told.update(path.read_bytes())
    return told.hexdigest()[:12]
