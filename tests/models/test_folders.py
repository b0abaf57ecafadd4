"""Which names of models mean a folder, and what tells two contents apart."""

from __future__ import annotations

from pathlib import Path

from textsynth.models.folders import SMALL_BYTES, fingerprint, folder_named


def test_a_path_is_a_folder_and_a_hub_name_is_one_where_a_model_lies_there(tmp_path: Path) -> None:
    assert folder_named("./small", tmp_path) == tmp_path / "small"
    assert folder_named("/models/small", tmp_path) == Path("/models/small")
    assert folder_named("acme/small", tmp_path) is None
    (tmp_path / "acme" / "small").mkdir(parents=True)
    (tmp_path / "acme" / "small" / "config.json").touch()
    assert folder_named("acme/small", tmp_path) == tmp_path / "acme" / "small"


def test_a_fingerprint_follows_small_contents_and_large_sizes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "weights").write_bytes(b"a" * SMALL_BYTES)
    first = fingerprint(tmp_path)
    assert len(first) == 12
    assert fingerprint(tmp_path) == first
    (tmp_path / "config.json").write_text("[]")
    second = fingerprint(tmp_path)
    (tmp_path / "weights").write_bytes(b"a" * (SMALL_BYTES + 1))
    assert len({first, second, fingerprint(tmp_path)}) == 3
