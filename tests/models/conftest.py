from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import tiny
from textsynth.models.local.loading import LoadedModel, ModelSpec, load_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that contains a tiny model."""
    pytest.importorskip("transformers", reason="needs textsynth[local]")
    return tiny.save_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def loaded(tiny_folder: Path) -> LoadedModel:
    """The tiny model, loaded."""
    return load_model(ModelSpec("tiny", tiny_folder), [].append)
