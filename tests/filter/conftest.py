"""The real embedder for the filters that need one, loaded once; a store that is a dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.filter.benches import Embed
from textsynth.embed import EMBEDDED, Embedder


class _Kept(dict[bytes, bytes]):
    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        self.update(vectors)


@pytest.fixture(scope="session")
def embed() -> Embed:
    return Embedder(EMBEDDED, _Kept()).embed
