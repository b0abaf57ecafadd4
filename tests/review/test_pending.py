from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.runs import waiting
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord
from textsynth.review.pending import FILE, PendingText, read_pending, write_pending


def test_what_waits_is_read_in_plan_order_with_its_labels(tmp_path: Path) -> None:
    drops = [waiting(3, chosen="delivery"), waiting(1), waiting(2, ("a", "b"), chosen="b, c")]
    other = DroppedRecord(waiting(9).record, "filter", "length", "too few words")
    write_pending(tmp_path, [drops[0], other, *drops[1:]])
    found = read_pending(tmp_path)
    assert [found[drop.record.id] for drop in drops] == [
        PendingText(0, "refund", "delivery"),
        PendingText(1, "", ""),
        PendingText(2, "a, b", "b, c"),
    ]
    assert other.record.id not in found


def test_where_nothing_waits_there_is_no_file(tmp_path: Path) -> None:
    assert read_pending(tmp_path) == {}
    write_pending(tmp_path, [waiting(1)])
    assert (tmp_path / FILE).is_file()
    write_pending(tmp_path, [])
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"texts": [{}]}', '{"texts": 3}', "\x00"])
def test_a_damaged_file_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"waiting\.json: the file is damaged .*; run the recipe again"):
        read_pending(tmp_path)
