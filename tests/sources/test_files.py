"""Files that cannot be opened, unpacked or decoded, and the kinds of file that can."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.sources.reading import GOOD, PLAIN, parquet, read, refused, source
from textsynth.core.errors import SourceError

BROKEN = {
    "not_utf8.csv": (b"text,label\ngood,a\ncaf\xe9,b\n", "not_utf8.csv:3: not UTF-8, found the byte b'\\xe9'"),
    "utf16.csv": ("text,label\nx,a\n".encode("utf-16"), "utf16.csv: is UTF-16"),
    "nul.csv": (b"text,label\ngood,a\nb\0d,b\n", "nul.csv:3: holds a NUL character"),
    "empty.csv": (b"", "empty.csv: the file is empty (0 bytes)"),
    "blank.csv": (b"\n \n", "blank.csv: the file is empty (3 bytes)"),
    "only_bom.csv": (b"\xef\xbb\xbf", "only_bom.csv: the file is empty (3 bytes)"),
    "sheet.xlsx": (b"PK", "sheet.xlsx: unknown kind of file '.xlsx'; the kinds are .csv, .tsv"),
    "plain": (b"x", "plain: unknown kind of file ''"),
    "packed.parquet.gz": (b"x", "packed.parquet.gz: unknown kind of file"),
    "truncated.csv.gz": (gzip.compress(GOOD)[:-12], "truncated.csv.gz: no whole gzip file"),
    "no_gzip.csv.gz": (GOOD, "no_gzip.csv.gz: no whole gzip file"),
    "damaged.csv.gz": (gzip.compress(GOOD * 50)[:30] + b"\0" * 40, "damaged.csv.gz: no whole gzip file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_that_says_where(name: str, tmp_path: Path) -> None:
    data, told = BROKEN[name]
    assert told in refused(tmp_path, name, data)


def test_a_missing_file_is_told_with_the_nearest_name_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_bytes(GOOD)
    assert source("seeds.csv").missing_file(tmp_path) is None
    told = source("seed.csv").missing_file(tmp_path)
    assert told is not None
    assert told.endswith("; did you mean 'seeds.csv'?")
    with pytest.raises(SourceError, match="no such file"):
        source("seed.csv").read(tmp_path, name="seeds", seed=7)
    assert "no folder" in (source("nowhere/seed.csv").missing_file(tmp_path) or "")
    assert source("x" * 400 + ".csv").missing_file(tmp_path) is not None


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "seeds.csv")
    with pytest.raises(SourceError, match=r"seeds\.csv: is no regular file"):
        source("seeds.csv").read(tmp_path, name="seeds", seed=7)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_bytes(GOOD)
    (tmp_path / "seeds.csv").chmod(0)
    with pytest.raises(SourceError, match=r"seeds\.csv: cannot be read: Permission denied"):
        source("seeds.csv").read(tmp_path, name="seeds", seed=7)


SAME = {
    "plain.csv": GOOD,
    "bom.csv": b"\xef\xbb\xbf" + GOOD,
    "crlf.csv": GOOD.replace(b"\n", b"\r\n"),
    "old_mac.csv": GOOD.replace(b"\n", b"\r"),
    "no_end.csv": GOOD.rstrip(),
    "blank_lines.csv": GOOD.replace(b"\n", b"\n\n"),
    "quoted.csv": b'"text","label"\n"where is my card","card_arrival"\n"I lost it","lost_card"\n',
    "PLAIN.CSV": GOOD,
    "tabs.tsv": GOOD.replace(b",", b"\t"),
    "packed.csv.gz": gzip.compress(GOOD),
    "lines.jsonl": PLAIN + b'\n{"label": "lost_card", "text": "I lost it"}',
    "crlf.jsonl": PLAIN.replace(b"\n", b"\r\n") + b'{"label": "lost_card", "text": "I lost it"}\r\n',
    "list.json": b"[" + PLAIN.strip() + b', {"text": "I lost it", "label": "lost_card"}]',
    "p.parquet": parquet({"text": ["where is my card", "I lost it"], "label": ["card_arrival", "lost_card"]}),
}


@pytest.mark.parametrize("name", SAME)
def test_every_kind_of_file_gives_the_same_records(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, name, SAME[name])
    assert [(one.text, one.labels) for one in found] == [
        ("where is my card", ("card_arrival",)),
        ("I lost it", ("lost_card",)),
    ]
    assert found == read(tmp_path, "same.csv", GOOD)
    assert {one.provenance.step for one in found} == {"seeds"}


def test_a_text_file_has_one_text_a_line_and_no_labels(tmp_path: Path) -> None:
    found = read(tmp_path, "raw.txt", "one\r\n\n  two \n\u2028three".encode())
    assert [(one.text, one.labels) for one in found] == [("one", ()), ("  two ", ()), ("\u2028three", ())]
