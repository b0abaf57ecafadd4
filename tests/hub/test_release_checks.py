from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome
from tests.report.folders import manifest
from textsynth.core.errors import UsageError
from textsynth.hub.release_checks import check_release, check_waivers, leak_error, license_error


def evaluation(copies: int, *, beyond_chance: bool = False) -> dict[str, Any]:
    beyond = ["selected-test"] if beyond_chance else []
    return {"contamination": {"counts": {"selected-test": copies}, "above_base_rate": beyond}}


def test_the_leak_check_is_the_filter_or_an_evaluation_without_copies() -> None:
    assert leak_error(["test"], None) is None
    assert leak_error(["test"], evaluation(0)) is None
    assert leak_error(["test"], evaluation(1)) is None, "similar texts at the rate of chance"
    assert leak_error([], evaluation(0)) is None


@pytest.mark.parametrize(
    ("checked_sources", "content", "message"),
    [
        ([], None, "the texts were not compared with a test set"),
        ([], {}, "the texts were not compared with a test set"),
        ([], {"contamination": {"counts": {"raw-test": 0}}}, "the texts were not compared with a test set"),
        ([], evaluation(1), "1 selected text copies a test row"),
        (["test"], evaluation(7, beyond_chance=True), "7 selected texts copy a test row"),
    ],
)
def test_otherwise_the_leak_check_fails(checked_sources: Any, content: Any, message: str) -> None:
    error = leak_error(checked_sources, content)
    assert error is not None
    assert message in error


def test_a_license_must_be_set_and_not_conflict_with_a_source() -> None:
    assert license_error("mit", ()) is None
    assert "no license" in (license_error(None, ()) or "")
    error = license_error("mit", ["the rows of seeds are cc-by-nc-4.0, which mit is not"])
    assert error is not None
    assert error.startswith("the rows of seeds are cc-by-nc-4.0")


def test_all_failed_checks_are_reported_together_and_can_be_waived_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        check_release(tmp_path, manifest(outcome()), None, ())
    leak, license_ = str(caught.value).splitlines()
    assert leak.endswith(", or waive the check with --waive leak")
    assert license_.endswith(", or waive the check with --waive license")
    check_release(tmp_path, manifest(outcome()), None, ("leak", "license"))
    with pytest.raises(UsageError, match=r"--waive licence: there is no such check; did you mean 'license'\?"):
        check_waivers(("licence",))


def test_an_unreadable_evaluation_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text("{")
    with pytest.raises(UsageError, match="the evaluation is damaged"):
        check_release(tmp_path, manifest(outcome()), "mit", ())
