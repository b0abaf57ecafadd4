"""What a path of a recipe may name: a file, a folder, a pattern, and the same at a URL of fsspec."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.sources.reading import CSV, JSONL, rows_source
from textsynth.core.errors import SourceError
from textsynth.sources.locations import missing_files, source_files


def write(base: Path, *names: str, data: bytes = CSV) -> None:
    for name in names:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(data)


def names(path: str, base: Path) -> list[str]:
    return [file.name for file in source_files(path, base)]


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder in memory, as a URL."""
    url = f"memory://{uuid.uuid4().hex}"
    filesystem = fsspec.filesystem("memory")
    for name, data in {"b.csv": CSV, "a.jsonl": JSONL, "notes/read.txt": b"one\n", ".hidden": b"x"}.items():
        filesystem.pipe(f"{url}/rows/{name}", data)
    yield url
    filesystem.rm(url, recursive=True)


def test_a_pattern_names_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "rows/part-2.csv", "rows/part-1.csv", "rows/b/part-0.csv", "rows/a/part-9.csv", "rows/_SUCCESS")
    assert names("rows/part-*.csv", tmp_path) == ["rows/part-1.csv", "rows/part-2.csv"]
    assert names("rows/part-[2-9].csv", tmp_path) == ["rows/part-2.csv"]
    assert names("rows/**/*.csv", tmp_path) == [
        "rows/a/part-9.csv",
        "rows/b/part-0.csv",
        "rows/part-1.csv",
        "rows/part-2.csv",
    ]
    assert names(f"{tmp_path}/rows/*.csv", Path("/")) == [f"{tmp_path}/rows/part-{number}.csv" for number in (1, 2)]
    assert [file.size for file in source_files("rows/*.csv", tmp_path)] == [len(CSV)] * 2


def test_the_rows_of_a_pattern_are_those_of_its_files(tmp_path: Path) -> None:
    write(tmp_path, "rows/b.csv")
    write(tmp_path, "rows/a.jsonl", data=JSONL)
    write(tmp_path, "rows/notes.md", data=b"# not rows")
    records = rows_source("rows/*.[cj]s*").read(tmp_path, name="seeds", seed=7)
    assert [record.text for record in records] == ["where is my card", "where is my card", "I lost it"]
    write(tmp_path, "rows/a.txt", data=b"one\n")
    with pytest.raises(SourceError, match=r"^rows/a\.txt: no column 'label', which rows/a\.jsonl has; every file must"):
        rows_source("rows/a.*").read(tmp_path, name="seeds", seed=7)


def test_a_file_whose_name_looks_like_a_pattern_is_read(tmp_path: Path) -> None:
    write(tmp_path, "rows[1].csv", "rows1.csv")
    assert names("rows[1].csv", tmp_path) == ["rows[1].csv"]
    assert rows_source("rows[1].csv").content_hash(tmp_path) == rows_source("rows1.csv").content_hash(tmp_path)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("rows/part-*.parquet", "rows/part-*.parquet: no file matches this pattern in '{base}/rows'"),
        ("nowhere/*.csv", "nowhere/*.csv: no file matches this pattern in '{base}/nowhere'"),
        ("row*", "row*: only folders match this pattern, and files are read; end it with /*.parquet"),
        ("empty", "empty: is an empty folder; at least one file is needed"),
        ("nested", "nested: contains the folder 'rows', and only files are read; use its path, or a pattern"),
        ("s4://bucket/rows", "s4://bucket/rows: cannot be opened: Protocol not known: s4"),
        ("memory://nowhere/rows", "memory://nowhere/rows: no such file or folder"),
        ("memory://nowhere/*.csv", "memory://nowhere/*.csv: no file matches this pattern"),
    ],
)
def test_a_path_that_names_no_file_is_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    write(tmp_path, "rows/a.csv", "nested/rows/a.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError) as raised:
        source_files(path, tmp_path)
    assert str(raised.value).startswith(sentence.replace("{base}", str(tmp_path)))
    assert "\n" not in str(raised.value)


def test_before_anything_is_read_a_pattern_without_files_and_an_unknown_protocol_are_found(tmp_path: Path) -> None:
    assert "no file matches" in str(missing_files("*.csv", tmp_path))
    assert "Protocol not known" in str(missing_files("s4://bucket/rows", tmp_path))
    assert missing_files("memory://nowhere/rows", tmp_path) is None  # it is opened when it is read


def test_a_url_names_a_file_a_folder_or_a_pattern(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"^{bucket}/rows: contains the folder 'notes'"):
        source_files(f"{bucket}/rows", tmp_path)
    fsspec.filesystem("memory").rm(f"{bucket}/rows/notes", recursive=True)
    for path in (f"{bucket}/rows", f"{bucket}/rows/", f"{bucket}/rows/*.*"):
        assert [name.rsplit("/", 1)[1] for name in names(path, tmp_path)] == ["a.jsonl", "b.csv"]
        records = rows_source(path).read(tmp_path, name="seeds", seed=7)
        assert [record.text for record in records] == ["where is my card", "where is my card", "I lost it"]
    assert names(f"{bucket}/rows/b.csv", tmp_path) == [f"{bucket}/rows/b.csv"]
    assert len(rows_source(f"{bucket}/rows/b.csv", limit=1).read(tmp_path, name="seeds", seed=7)) == 1


def test_an_error_in_a_file_at_a_url_names_the_url_and_the_line(bucket: str, tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe(f"{bucket}/bad.csv", b"text,label\n,x\n")
    with pytest.raises(SourceError, match=rf"^{bucket}/bad\.csv:2: 'text' is blank"):
        rows_source(f"{bucket}/bad.csv").read(tmp_path, name="seeds", seed=7)


def test_a_change_of_a_file_that_matches_changes_the_hash_and_a_url_has_none(bucket: str, tmp_path: Path) -> None:
    write(tmp_path, "rows/a.csv", "rows/b.csv")
    source = rows_source("rows/*.csv")
    first = source.content_hash(tmp_path)
    assert first == source.content_hash(tmp_path) is not None
    write(tmp_path, "rows/b.csv", data=JSONL)
    second = source.content_hash(tmp_path)
    write(tmp_path, "rows/c.csv")
    assert len({first, second, source.content_hash(tmp_path)}) == 3
    assert rows_source(f"{bucket}/rows").content_hash(tmp_path) is None


def test_a_local_path_is_written_in_one_way_and_a_url_as_it_is() -> None:
    assert rows_source("./rows//a.csv").path == "rows/a.csv"
    assert rows_source("file:///data/a.csv").path == "/data/a.csv"
    assert rows_source("s3://bucket//a.csv").path == "s3://bucket//a.csv"
