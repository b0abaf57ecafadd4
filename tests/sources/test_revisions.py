"""What is asked of a Hub before a data set is loaded; the answers of one are tested in test_hub.py."""

from __future__ import annotations

import pytest

from textsynth.core.errors import SourceError
from textsynth.sources.revisions import commit_of, is_offline, network_fault


def test_tests_are_offline() -> None:
    assert is_offline()


def test_no_name_is_told_before_anything_is_asked() -> None:
    with pytest.raises(SourceError, match=r"it is no name on the Hub, which is owner/name"):
        commit_of("a/b/c", None)


def test_every_fault_of_the_network_is_of_one_kind() -> None:
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    assert issubclass(HfHubHTTPError, network_fault())
    assert issubclass(GatedRepoError, network_fault())
