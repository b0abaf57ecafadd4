from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome
from tests.report.folders import manifest
from textsynth.core.errors import UsageError
from textsynth.hub.release_checks import check_release, check_waivers, leak_fault, license_fault


def evaluated(copies: int, *, beyond: bool = False) -> dict[str, Any]:
    return {"leaks": {"counts": {"selected-test": copies}, "beyond_chance": ["selected-test"] if beyond else []}}


def test_a_leak_check_is_the_filter_or_an_evaluation_without_copies() -> None:
    assert leak_fault(["test"], None) is None
    assert leak_fault(["test"], evaluated(0)) is None
    assert leak_fault(["test"], evaluated(1)) is None, "close texts that chance explains"
    assert leak_fault([], evaluated(0)) is None


@pytest.mark.parametrize(
    ("checked", "evaluation", "told"),
    [
        ([], None, "nothing has compared the texts with a test set"),
        ([], {}, "nothing has compared the texts with a test set"),
        ([], {"leaks": {"counts": {"raw-test": 0}}}, "nothing has compared the texts with a test set"),
        ([], evaluated(1), "1 selected text copies a test row"),
        (["test"], evaluated(7, beyond=True), "7 selected texts copy a test row"),
    ],
)
def test_anything_else_is_none(checked: Any, evaluation: Any, told: str) -> None:
    found = leak_fault(checked, evaluation)
    assert found is not None
    assert told in found
    assert "--waive leak" in found


def test_a_licence_is_there_and_no_known_one_speaks_against_it() -> None:
    assert license_fault("mit", ()) is None
    assert "no licence" in (license_fault(None, ()) or "")
    told = license_fault("mit", ["the rows of seeds are cc-by-nc-4.0, which mit is not"])
    assert told is not None
    assert told.startswith("the rows of seeds are cc-by-nc-4.0")


def test_every_fault_is_told_at_once_and_waivers_are_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        check_release(tmp_path, manifest(outcome()), None, ())
    assert len(str(caught.value).splitlines()) == 2
    check_release(tmp_path, manifest(outcome()), None, ("leak", "license"))
    with pytest.raises(UsageError, match=r"--waive licence: there is no such check; did you mean 'license'\?"):
        check_waivers(("licence",))


def test_an_evaluation_that_cannot_be_read_is_no_evaluation(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text("{")
    with pytest.raises(UsageError, match="the evaluation is damaged"):
        check_release(tmp_path, manifest(outcome()), "mit", ())
