"""The embedder with its real model; a store that is a dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from textsynth.core.errors import UsageError
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder

TEXTS = ["Where is my card?", "My card has not come yet.", "I like the new app", "Where is my card?"]


class Kept(dict[bytes, bytes]):
    """A store in memory that counts what it is asked to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[int] = []

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        self.puts.append(len(vectors))
        self.update(vectors)


@pytest.fixture(scope="module")
def store() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def embedder(store: Kept) -> Embedder:
    return Embedder(BUNDLED_EMBEDDER, store)


def test_texts_become_unit_vectors_in_order_each_computed_once(embedder: Embedder, store: Kept) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0].tobytes() == vectors[3].tobytes()
    assert vectors[0] @ vectors[1] > 0.6 > vectors[0] @ vectors[2]
    assert store.puts == [3]
    embedder.embed(TEXTS[:2])
    assert store.puts == [3]


def test_what_is_kept_is_never_computed_again_and_comes_back_byte_for_byte(embedder: Embedder, store: Kept) -> None:
    first = embedder.embed(TEXTS)
    again = Embedder(BUNDLED_EMBEDDER, store)
    assert again.embed(TEXTS).tobytes() == first.tobytes()
    assert again._model is None


def test_no_texts_load_nothing() -> None:
    embedder = Embedder("no/such-model", Kept())
    assert embedder.embed([]).shape == (0, 0)


@pytest.mark.parametrize("text", ["", " ", "NUL \x00", "half \ud83d", "🐢" * 300, "x" * 5000])
def test_any_text_has_a_vector(embedder: Embedder, text: str) -> None:
    vector = embedder.embed([text])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_another_model_has_other_keys() -> None:
    keys = {Embedder(name, Kept())._key("a text") for name in (BUNDLED_EMBEDDER, "acme/other", "acme/third")}
    assert len(keys) == 3


def test_a_model_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "nowhere"), "acme/not-in-the-cache"):
        with pytest.raises(UsageError, match=r"cannot be loaded: .+; the default 'all-MiniLM-L6-v2' needs no network"):
            Embedder(name, Kept()).embed(["a text"])
