from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textsynth.export.card.markdown import details, escape, fenced, table


def test_escaping_keeps_a_text_readable_on_one_line() -> None:
    assert escape("two\nlines & a <b>") == "two lines &amp; a &lt;b&gt;"
    assert escape("a_b*c") == r"a\_b\*c"


@given(st.text())
def test_no_text_leaves_its_cell_or_its_block(text: str) -> None:
    row = table(("a", "b"), [(escape(text), 1)]).split("\n")[2]
    assert row.count("|") - row.count("\\|") == 3
    block = fenced(text, "yaml").split("\n")
    fence = block[0].removesuffix("yaml")
    assert set(fence) == {"`"}
    assert all(fence not in line for line in block[1:-1])


def test_a_summary_is_text() -> None:
    assert details("a <b>", "inside").startswith("<details><summary>a &lt;b&gt;</summary>\n\n")
