"""The real embedder for the filters that need one, loaded once."""

from __future__ import annotations

import pytest

from tests.contexts import Kept
from tests.filter.benches import Embed
from textsynth.similarity.embedder import EMBEDDED, Embedder


@pytest.fixture(scope="session")
def embed() -> Embed:
    return Embedder(EMBEDDED, Kept()).embed
