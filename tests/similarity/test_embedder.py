"""The embedder with its real model and an in-memory vector store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from textsynth.core.errors import UsageError
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder

TEXTS = ["Where is my card?", "My card has not come yet.", "I like the new app", "Where is my card?"]


class CountingStore(dict[bytes, bytes]):
    """A vector store in memory that records the size of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.put_sizes: list[int] = []

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        self.put_sizes.append(len(vectors))
        self.update(vectors)


@pytest.fixture(scope="module")
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture(scope="module")
def embedder(store: CountingStore) -> Embedder:
    return Embedder(BUNDLED_EMBEDDER, store)


def test_texts_become_unit_vectors_in_order_and_each_is_computed_once(embedder: Embedder, store: CountingStore) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0].tobytes() == vectors[3].tobytes()
    assert vectors[0] @ vectors[1] > 0.6 > vectors[0] @ vectors[2]
    assert store.put_sizes == [3]
    embedder.embed(TEXTS[:2])
    assert store.put_sizes == [3]


def test_stored_vectors_are_not_computed_again_and_have_the_same_bytes(
    embedder: Embedder, store: CountingStore
) -> None:
    first = embedder.embed(TEXTS)
    second = Embedder(BUNDLED_EMBEDDER, store)
    assert second.embed(TEXTS).tobytes() == first.tobytes()
    assert second._encoder._model is None


def test_no_texts_load_no_model() -> None:
    embedder = Embedder("no/such-model", CountingStore())
    assert embedder.embed([]).shape == (0, 0)


@pytest.mark.parametrize("text", ["", " ", "NUL \x00", "half \ud83d", "🐢" * 300, "x" * 5000])
def test_any_text_has_a_vector(embedder: Embedder, text: str) -> None:
    vector = embedder.embed([text])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_keys_differ_between_models() -> None:
    keys = {Embedder(name, CountingStore())._key("a text") for name in (BUNDLED_EMBEDDER, "acme/other", "acme/third")}
    assert len(keys) == 3


def test_a_missing_model_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "nowhere"), "acme/not-in-the-cache"):
        with pytest.raises(UsageError, match=r"cannot be loaded: .+; the default 'all-MiniLM-L6-v2' needs no network"):
            Embedder(name, CountingStore()).embed(["a text"])
