"""The request before a data set is loaded; the responses of a Hub are tested in test_hub.py."""

from __future__ import annotations

import pytest

from textsynth.core.errors import SourceError
from textsynth.sources.revisions import commit_of, is_offline


def test_tests_are_offline() -> None:
    assert is_offline()


def test_an_invalid_name_is_an_error_without_a_request() -> None:
    with pytest.raises(SourceError, match=r"it is neither a folder nor a name on the Hub, which is owner/name"):
        commit_of("a/b/c", None)
