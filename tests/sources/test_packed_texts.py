from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.core.errors import SourceError
from textsynth.sources.packed_texts import MIN_PACKED, ROWS_PER_BLOCK, PackedTexts
from textsynth.sources.rows import Rows

TEXTS = st.builds(
    lambda texts, times: texts * times,
    st.lists(st.text(alphabet=st.characters(codec=None)), max_size=5),
    st.sampled_from([1, 400, 900]),
)


@settings(deadline=None, max_examples=40)
@given(TEXTS, TEXTS, st.data())
def test_texts_come_back_at_every_position(first: list[str], second: list[str], data: st.DataObject) -> None:
    expected, packed = [*first, *second], PackedTexts(first)
    packed.extend(second)
    assert (len(packed), list(packed)) == (len(expected), expected)
    assert [text for block in packed.blocks() for text in block] == expected
    bounds = st.integers(-len(expected) - 2, len(expected) + 2)
    for _ in range(5):
        part = slice(data.draw(bounds), data.draw(bounds), data.draw(st.sampled_from([None, 1, -1, 7])))
        assert packed[part] == expected[part]
    if expected:
        index = data.draw(st.integers(-len(expected), len(expected) - 1))
        assert packed[index] == expected[index]
        assert [packed.pop() for _ in expected[:3]] == expected[::-1][:3]
        assert list(packed) == expected[: len(expected) - min(3, len(expected))]


def test_the_rows_of_a_long_file_are_those_of_its_parts(tmp_path: Path) -> None:
    rng = random.Random(1)
    texts = [f"text {rng.randrange(MIN_PACKED)} of\n“two” lines" for _ in range(MIN_PACKED + ROWS_PER_BLOCK // 2)]
    lines = [f'"{text}"\r\n' for text in texts]
    (tmp_path / "long.csv").write_text("".join(["text\r\n", *lines, '" "\r\n']), encoding="utf-8", newline="")
    rows = Rows(path=Path("long.csv")).rows(tmp_path, name="raw", seed=0)
    records = list(rows)
    assert [record.text for record in records] == texts
    seen: dict[str, int] = {}
    for record in records:
        assert record.provenance.index == seen.get(record.text, 0)
        seen[record.text] = record.provenance.index + 1
    assert max(seen.values()) > 1
    assert rows[99_990:100_010] == records[99_990:100_010]


@pytest.mark.parametrize("cell", ["", " \t"])
def test_an_invalid_cell_of_a_long_file_is_reported_with_its_line(tmp_path: Path, cell: str) -> None:
    cells = [f"text {number}" for number in range(MIN_PACKED + 10)]
    cells[MIN_PACKED - 500] = cell
    (tmp_path / "long.csv").write_text("text,other\n" + "".join(f"{each},1\n" for each in cells), encoding="utf-8")
    with pytest.raises(SourceError, match=rf"long\.csv:{MIN_PACKED - 498}: 'text' is blank"):
        Rows(path=Path("long.csv")).rows(tmp_path, name="raw", seed=0)
