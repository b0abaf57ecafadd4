from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.run_cli import ANSWERS, RECIPE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "answers.py").write_text(ANSWERS, encoding="utf-8")
    return tmp_path
