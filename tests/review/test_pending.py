from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.runs import pending_text
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord
from textsynth.review.pending import FILE, PendingText, read_pending, write_pending


def test_pending_texts_are_read_back_in_plan_order_with_their_labels(tmp_path: Path) -> None:
    drops = [pending_text(3, predicted="delivery"), pending_text(1), pending_text(2, ("a", "b"), predicted="b, c")]
    dropped = DroppedRecord(pending_text(9).record, "filter", "length", "too few words")
    write_pending(tmp_path, [drops[0], dropped, *drops[1:]])
    pending = read_pending(tmp_path)
    assert [pending[drop.record.id] for drop in drops] == [
        PendingText(0, "refund", "delivery"),
        PendingText(1, "", ""),
        PendingText(2, "a, b", "b, c"),
    ]
    assert dropped.record.id not in pending


def test_there_is_no_file_without_pending_texts(tmp_path: Path) -> None:
    assert read_pending(tmp_path) == {}
    write_pending(tmp_path, [pending_text(1)])
    assert (tmp_path / FILE).is_file()
    write_pending(tmp_path, [])
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"texts": [{}]}', '{"texts": 3}', "\x00"])
def test_a_damaged_file_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"pending\.json: the file is damaged .*; run the recipe again"):
        read_pending(tmp_path)
