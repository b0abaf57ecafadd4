"""The checks before a data set is published: test-set contamination and license. Each can be waived by its name.

Leak: the recipe's filter `leak` compared every text with test rows, and the evaluation, if there is one, reports no
contamination beyond chance; without the filter, an evaluation that found no copy at all. License: `export.license` is
set, and no known license of a source conflicts with it.

Does not catch: leaks of a test set that the recipe does not name, and unknown licenses of files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.store.evaluation import read_evaluation
from textsynth.store.manifest import Manifest

CHECKS = ("leak", "license")


def check_waivers(waived: Sequence[str]) -> None:
    """Raise UsageError if a waived check does not exist."""
    for name in waived:
        if name not in CHECKS:
            raise UsageError(f"--waive {name}: there is no such check{did_you_mean(name, CHECKS)}")


def check_release(folder: Path, manifest: Manifest, license_: str | None, waived: Sequence[str]) -> None:
    """Raise UsageError with one sentence for each check that fails and is not waived."""
    errors = {
        "leak": leak_error(manifest["checked_for_leaks"], read_evaluation(folder)),
        "license": license_error(license_, manifest["licenses"]["conflicts"]),
    }
    lines = [
        f"{folder}: not pushed: {error}, or waive the check with --waive {check}"
        for check, error in errors.items()
        if error is not None and check not in waived
    ]
    if lines:
        raise UsageError("\n".join(lines))


def leak_error(checked_sources: Sequence[str], evaluation: Mapping[str, Any] | None) -> str | None:
    """Return why the texts may repeat test rows and how to fix it, None if the checks exclude that.

    `checked_sources` are the sources that the filter `leak` compared with; `evaluation` is the content of
    evaluation.json.
    """
    contamination = (evaluation or {}).get("contamination") or {}
    counts = contamination.get("counts") or {}
    copies = counts.get("selected-test", 0)
    if "selected-test" in (contamination.get("above_base_rate") or ()) or (copies and not checked_sources):
        texts = "text copies" if copies == 1 else "texts copy"
        return f"the evaluation found that {copies:,} selected {texts} a test row; add `leak` to `filter` and run again"
    if checked_sources or "selected-test" in counts:
        return None
    return "the texts were not compared with a test set; add one under `sources`, add `leak` to `filter`, and run again"


def license_error(license_: str | None, conflicts: Sequence[str]) -> str | None:
    """Return why the license does not permit publishing and how to fix it, None if it does."""
    if license_ is None:
        return "the recipe gives the data set no license; write export: {license: …} and run again"
    return f"{conflicts[0]}; choose another license" if conflicts else None
