"""Files that cannot be opened, decompressed or decoded, and the supported file types."""

from __future__ import annotations

import gzip
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth import count_calls
from tests.sources.reading import CSV, JSONL, parquet, read, read_error, rows_source
from textsynth.core.errors import SourceError
from textsynth.sources import files
from textsynth.sources.files import read_table

INVALID = {
    "not_utf8.csv": (b"text,label\ngood,a\ncaf\xe9,b\n", "not_utf8.csv:3: not UTF-8, found the byte b'\\xe9'"),
    "utf16.csv": ("text,label\nx,a\n".encode("utf-16-le"), "utf16.csv:1: contains a NUL character"),
    "odd_utf16.csv": (b"\xff\xfet\0e", "odd_utf16.csv: the file starts like UTF-16, but is not valid UTF-16 at byte 4"),
    "utf32.csv": ("text,label\nx,a\n".encode("utf-32"), "utf32.csv: the encoding is UTF-32"),
    "workbook.csv": (b"PK\x03\x04\x14", "workbook.csv: the file is an Excel workbook or another zip archive, not text"),
    "old_workbook.csv": (b"\xd0\xcf\x11\xe0\xa1", "old_workbook.csv: the file is an Excel workbook of an old version"),
    "parquet.csv": (parquet({"text": ["x"]}), "parquet.csv: the file is a parquet file; name it .parquet"),
    "zstd.jsonl": (b"\x28\xb5\x2f\xfd\0", "zstd.jsonl: the file is compressed with zstd; decompress it"),
    "paper.txt": (b"%PDF-1.7", "paper.txt: the file is a PDF; copy its text into a file of rows"),
    "nul.csv": (b"text,label\ngood,a\nb\0d,b\n", "nul.csv:3: contains a NUL character"),
    "empty.csv": (b"", "empty.csv: the file is empty (0 bytes)"),
    "blank.csv": (b"\n \n", "blank.csv: the file is empty (3 bytes)"),
    "only_bom.csv": (b"\xef\xbb\xbf", "only_bom.csv: the file is empty (3 bytes)"),
    "sheet.xlsx": (b"PK", "sheet.xlsx: unknown file type '.xlsx'; the supported types are .csv, .tsv"),
    "plain": (b"x", "plain: unknown file type ''"),
    "packed.parquet.gz": (b"x", "packed.parquet.gz: unknown file type"),
    "truncated.csv.gz": (gzip.compress(CSV)[:-12], "truncated.csv.gz: not a complete gzip file"),
    "twice.csv.gz": (
        gzip.compress(gzip.compress(CSV)),
        "twice.csv.gz: the file is compressed twice; decompress it once",
    ),
    "several_lines.jsonl": (b'{\n "text": "x"\n}\n', "several_lines.jsonl:1: invalid JSON at column 2"),
    "lines_of_objects.jsonl": (b'{\n "text": "x"\n}\n', "write the objects in one line each, or as one list"),
    "commas.jsonl": (b'{"text": "x"},\n{"text": "y"}\n', "each line must be an object without a comma behind it"),
    "no_gzip.csv.gz": (CSV, "no_gzip.csv.gz: the file is not compressed; remove .gz from its name"),
    "pointer.csv": (b"version https://git-lfs.github.com/spec/v1\n", "pointer.csv: the file is a pointer of Git LFS"),
    "pointer.parquet": (b"version https://git-lfs.github.com/spec/v1\n", "pointer.parquet: the file is a pointer"),
    "no_mark.csv": ("text,label\n".encode("utf-16-le"), "no_mark.csv:1: contains a NUL character, which is not valid"),
    "damaged.csv.gz": (gzip.compress(CSV * 50)[:30] + b"\0" * 40, "damaged.csv.gz: not a complete gzip file"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_one_sentence_with_the_position(name: str, tmp_path: Path) -> None:
    data, message = INVALID[name]
    assert message in read_error(tmp_path, name, data)


def test_a_missing_file_is_reported_with_the_nearest_name_without_reading(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_bytes(CSV)
    assert rows_source("seeds.csv").missing_file(tmp_path) is None
    message = rows_source("seed.csv").missing_file(tmp_path)
    assert message is not None
    assert message.endswith("; did you mean 'seeds.csv'?")
    with pytest.raises(SourceError, match="no such file"):
        rows_source("seed.csv").read(tmp_path, name="seeds", seed=7)
    assert "no folder" in (rows_source("nowhere/seed.csv").missing_file(tmp_path) or "")
    assert rows_source("x" * 400 + ".csv").missing_file(tmp_path) is not None


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "seeds.csv")
    with pytest.raises(SourceError, match=r"seeds\.csv: is not a regular file"):
        rows_source("seeds.csv").read(tmp_path, name="seeds", seed=7)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_bytes(CSV)
    (tmp_path / "seeds.csv").chmod(0)
    with pytest.raises(SourceError, match=r"seeds\.csv: cannot be read: Permission denied"):
        rows_source("seeds.csv").read(tmp_path, name="seeds", seed=7)


EQUAL_FILES = {
    "plain.csv": CSV,
    "bom.csv": b"\xef\xbb\xbf" + CSV,
    "crlf.csv": CSV.replace(b"\n", b"\r\n"),
    "old_mac.csv": CSV.replace(b"\n", b"\r"),
    "no_end.csv": CSV.rstrip(),
    "blank_lines.csv": CSV.replace(b"\n", b"\n\n"),
    "quoted.csv": b'"text","label"\n"where is my card","card_arrival"\n"I lost it","lost_card"\n',
    "PLAIN.CSV": CSV,
    "tabs.tsv": CSV.replace(b",", b"\t"),
    "packed.csv.gz": gzip.compress(CSV),
    "packed_without_a_name.csv": gzip.compress(CSV),
    "unicode.csv": CSV.decode().encode("utf-16"),
    "unicode_big_endian.csv": b"\xfe\xff" + CSV.decode().encode("utf-16-be"),
    "separator.csv": b"sep=;\r\n" + CSV.replace(b",", b";"),
    "quoted_separator.csv": b'"sep=\t"\n' + CSV.replace(b",", b"\t"),
    "empty_rows.csv": CSV + b",\n , \n,,,\n",
    "lines.json": JSONL + b'{"label": "lost_card", "text": "I lost it"}\n',
    "list.jsonl": b"[\n" + JSONL.strip() + b', {"text": "I lost it", "label": "lost_card"}]',
    "lines.jsonl": JSONL + b'\n{"label": "lost_card", "text": "I lost it"}',
    "crlf.jsonl": JSONL.replace(b"\n", b"\r\n") + b'{"label": "lost_card", "text": "I lost it"}\r\n',
    "list.json": b"[" + JSONL.strip() + b', {"text": "I lost it", "label": "lost_card"}]',
    "p.parquet": parquet({"text": ["where is my card", "I lost it"], "label": ["card_arrival", "lost_card"]}),
}


@pytest.mark.parametrize("name", EQUAL_FILES)
def test_every_file_type_gives_the_same_records(name: str, tmp_path: Path) -> None:
    records = read(tmp_path, name, EQUAL_FILES[name])
    assert [(record.text, record.labels) for record in records] == [
        ("where is my card", ("card_arrival",)),
        ("I lost it", ("lost_card",)),
    ]
    assert records == read(tmp_path, "same.csv", CSV)
    assert {record.provenance.step for record in records} == {"seeds"}


def test_a_text_file_has_one_text_per_line_and_no_labels(tmp_path: Path) -> None:
    records = read(tmp_path, "raw.txt", "one\r\n\n  two \n\u2028three".encode())
    assert [(record.text, record.labels) for record in records] == [("one", ()), ("  two ", ()), ("\u2028three", ())]


def test_a_file_that_unpacks_to_more_than_the_limit_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED_BYTES", 1_000_000)
    with gzip.open(tmp_path / "bomb.txt.gz", "wb") as file:
        for _ in range(100):
            file.write(b"a line of text\n" * 7_000)
    assert (tmp_path / "bomb.txt.gz").stat().st_size < 50_000
    with pytest.raises(SourceError, match=r"bomb\.txt\.gz: unpacks to more than 1,000,000 bytes"):
        read_table(tmp_path / "bomb.txt.gz", where="bomb.txt.gz")


@pytest.mark.parametrize(
    ("name", "content"), [("raw.txt", "{}\r{}\r"), ("raw.jsonl", '{{"text": "{}"}}\r{{"text": "{}"}}')]
)
def test_lines_that_end_in_carriage_returns_alone_are_lines(name: str, content: str, tmp_path: Path) -> None:
    texts = [record.text for record in read(tmp_path, name, content.format("first one", "second one").encode())]
    assert texts == ["first one", "second one"]


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_file_name_in_another_unicode_form_is_the_same_name(forms: tuple[str, str], tmp_path: Path) -> None:
    stored, written = (unicodedata.normalize(form, "données.csv") for form in forms)
    (tmp_path / stored).write_bytes(CSV)
    source = rows_source(path=written)
    assert source.missing_file(tmp_path) is None
    assert source.read(tmp_path, name="seeds", seed=0)
    assert rows_source(path="donnees.csv").missing_file(tmp_path) is not None


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "seeds.csv")
    assert files.content_hash(tmp_path / "seeds.csv") is None
    with pytest.raises(SourceError, match="is not a regular file"):
        read_table(tmp_path / "seeds.csv", where="seeds.csv")


LINES = st.lists(st.sampled_from(["one", " two ", "", " ", "\u2028", "three\x85", "\x0b", "\rfour"]), min_size=1)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.none() | st.integers(1, 4))
def test_the_rows_of_a_text_file_are_its_lines_that_are_not_blank(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, ended: bool, limit: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes(("first" + end + end.join(lines) + end * ended).encode())
    rows = [(number, line) for number, line in enumerate(["first", *lines], 1) if line.strip()][:limit]
    table = read_table(path, where="lines.txt", limit=limit)
    assert table.column("text") == [line for _, line in rows]
    assert [table.position(row) for row in range(len(rows))] == [f"lines.txt:{number}" for number, _ in rows]


def test_a_text_file_is_read_without_a_call_for_each_line(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("".join(f"line {number}\n" for number in range(20_000)))
    source = rows_source("lines.txt")
    assert count_calls(lambda: source.rows(tmp_path, name="lines", seed=1)) < 1_000
    assert count_calls(lambda: read_table(tmp_path / "lines.txt", where="lines.txt", limit=1)) < 100
