"""Rows of a file: round trips, the work for a row, and real files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import count_calls
from tests.sources.reading import CSV, JSONL, read, rows_source

MAX_CALLS_PER_ROW = 40
SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_a_limit_reads_the_first_rows_only(tmp_path: Path) -> None:
    assert [record.text for record in read(tmp_path, "f.csv", CSV + b"a,b,c\n", limit=1)] == ["where is my card"]
    assert len(read(tmp_path, "f.jsonl", JSONL * 3 + b"{\n", limit=2)) == 2


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip),
            st.sampled_from(["a", "b, c", 'd "e"']),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_written_rows_are_read_back(rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("rows")
    with (folder / "f.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    (folder / "f.jsonl").write_text(
        "\n".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows), "utf-8"
    )
    for name in ("f.csv", "f.jsonl"):
        records = rows_source(name).read(folder, name="seeds", seed=7)
        assert [(record.text, record.label) for record in records] == rows
        assert len({record.id for record in records}) == len(rows)


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_the_work_for_a_row_is_the_same_in_a_file_of_any_size(tmp_path: Path, name: str) -> None:
    rows = [(f"the parcel with the number {number} has not come", f"label{number % 20}") for number in range(4_000)]

    def calls(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        with (folder / "f.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "label"), *rows[:count]])
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows[:count]]
        (folder / "f.jsonl").write_text("\n".join(lines), "utf-8")
        source = rows_source(name)
        return count_calls(lambda: source.read(folder, name="seeds", seed=7))

    calls(10)  # loads modules
    few, many = calls(400), calls(4_000)
    assert many <= 10.5 * few
    assert many <= MAX_CALLS_PER_ROW * 4_000, f"{many / 4_000:.1f} calls a row"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not available")
def test_real_files_are_read() -> None:
    assert len(rows_source(str(SHARED / "banking77" / "train_5shot.csv")).read(Path(), name="seeds", seed=7)) == 385
    papers = rows_source(str(SHARED / "scitldr" / "train.jsonl"), text="document", label=None, fields=["title"])
    assert len(papers.read(Path(), name="documents", seed=7)) == 600
