"""The real embedder for the filters that need one, loaded once."""

from __future__ import annotations

import pytest

from tests.contexts import Kept
from tests.filter.benches import Embed
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder


@pytest.fixture(scope="session")
def embed() -> Embed:
    return Embedder(BUNDLED_EMBEDDER, Kept()).embed
