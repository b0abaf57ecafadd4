"""Rows that were read in the wrong encoding are noted before and after a run, with a count."""

from __future__ import annotations

from pathlib import Path

from textsynth.recipe import read_recipe
from textsynth.runner import run

RECIPE = """\
version: 1
name: notes
labels: {a: one, b: two}
sources: {seeds: seeds.csv}
generate: [existing: {source: seeds}]
filter: [exact_duplicate]
select: []
export: {splits: {train: 1.0}}
"""


def test_rows_in_the_wrong_encoding_are_noted_with_a_count(tmp_path: Path) -> None:
    rows = "text,label\nthe cafÃ© is closed,a\nitâ€™s late now,b\nall is well here,a\na bell \x07 rings,b\n"
    (tmp_path / "seeds.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    lines: list[str] = []
    run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "out", log=lines.append)
    assert (
        "sources.seeds: 2 texts look like text that was read in the wrong encoding ('the cafÃ© is c'): save the file "
        "as UTF-8 from its original"
    ) in lines
    assert "sources.seeds: 1 of the texts has control characters" in lines
