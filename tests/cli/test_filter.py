from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli
from tests.sharded.passes import write_set

TEXTS = ("where is my parcel now", "Where is my parcel, now?", "refund", "I want all of my money back")


def test_texts_are_filtered_from_files_to_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path, [[{"text": text}] for text in TEXTS])
    result = run_cli(capsys, "filter", tmp_path / "recipe.yaml", "--shards", "2")
    assert result.code == 0
    assert "2 of 4 texts selected, in 2 shards" in result.out
    assert "exact_duplicate" in result.out
    assert "step 1 of 9: reading 4 files" in result.err
    assert sorted(path.name for path in Path("runs/sets-filtered").iterdir()) == [
        "README.md", "data", "dropped", "filter.json", "provenance",
    ]  # fmt: skip
    again = run_cli(capsys, "filter", tmp_path / "recipe.yaml", "--shards", "2", "--json")
    summary = json.loads(again.out)
    assert (summary["texts"], summary["selected"], summary["shards"]) == (4, 2, 2)
    assert "nothing has changed since the last pass here" in again.err
    quiet = run_cli(capsys, "filter", tmp_path / "recipe.yaml", "--out", "other", "--work", "tables", "--quiet")
    assert (quiet.out, quiet.err) == ("2 of 4 texts selected, in 1 shard\n", "")
    assert not Path("tables").exists()


@pytest.mark.parametrize(
    ("args", "phrase"),
    [
        (["--shards", "0"], "0 is not in the range"),
        (["--on", "nowhere"], "--on names no cluster, found 'nowhere'"),
        (["--set", "filter=[semantic_duplicate]"], "semantic_duplicate compares texts with accepted ones"),
        (["--out", "nowhere://a"], "nowhere://a: cannot be opened"),
    ],
)
def test_user_errors_are_sentences(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, args: list[str], phrase: str
) -> None:
    write_set(tmp_path, [[{"text": text} for text in TEXTS]])
    result = run_cli(capsys, "filter", tmp_path / "recipe.yaml", *args)
    assert (result.code, phrase in result.err) == (2, True), result.err
