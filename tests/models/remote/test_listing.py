from __future__ import annotations

import json
import time

import pytest

from textsynth.models.remote.listing import Listed, read_listing


def listed(**more: object) -> Listed:
    found = read_listing(json.dumps({"data": [{"id": "m", **more}]}).encode())
    assert found is not None
    return found["m"]


def test_a_listing_is_read_by_name() -> None:
    assert listed(root="org/model", max_model_len=2048, revision="abc") == Listed("org/model", "abc", None, 2048)
    assert listed() == Listed()


@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"object": "list"}'])
def test_what_is_no_listing_is_none(page: bytes) -> None:
    assert read_listing(page) is None


def test_odd_values_tell_nothing() -> None:
    assert listed(root=7, revision="", created="x", max_model_len=-1) == Listed()
    assert listed(max_model_len=True, created=True) == Listed()


def test_the_date_counts_only_where_it_does_not_follow_the_clock() -> None:
    assert listed(created=int(time.time())).created is None
    assert listed(created=1_700_000_000).created == 1_700_000_000


def test_only_what_both_tell_can_differ() -> None:
    plain, other = Listed("org/a"), Listed("org/b")
    assert plain.differs(other)
    assert not plain.differs(Listed("org/a", context=1))
    assert not plain.differs(Listed())
    assert Listed("a", "1").differs(Listed("a", "2"))
    assert Listed(created=1).differs(Listed(created=2))
    assert Listed("a", "1", 5).told() == "'a', revision '1', created 5"
    assert Listed().told() == "nothing but the name"
