"""The bundled embedder for filters that need one, loaded once."""

from __future__ import annotations

import pytest

from tests.contexts import MemoryStore
from tests.filter.filtering import Embed
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder


@pytest.fixture(scope="session")
def embed() -> Embed:
    return Embedder(BUNDLED_EMBEDDER, MemoryStore()).embed
