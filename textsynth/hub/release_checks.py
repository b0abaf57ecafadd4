"""Whether a data set may be published: its leak and licence checks were made, or each is waived by name.

Leaks: the recipe's `leak` compared every text with test rows, and an evaluation, where there is one, calls no leak;
without the check, an evaluation that found no copy at all. Licence: `export.license` is set, and the licence of no
source that is known speaks against it.

Does not catch: leaks of a test set that the recipe does not name, and licences of files, which nobody told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.store.evaluation import read_evaluation
from textsynth.store.manifest import Manifest

WAIVABLE = ("leak", "license")


def check_waivers(waived: Sequence[str]) -> None:
    """Raise UsageError for a waiver of something that is no check."""
    for name in waived:
        if name not in WAIVABLE:
            raise UsageError(f"--waive {name}: there is no such check{did_you_mean(name, WAIVABLE)}")


def check_release(folder: Path, manifest: Manifest, license_: str | None, waived: Sequence[str]) -> None:
    """Raise UsageError with one sentence for each check that was neither made nor waived."""
    found = {
        "leak": leak_fault(manifest["checked_for_leaks"], read_evaluation(folder)),
        "license": license_fault(license_, manifest["licenses"]["conflicts"]),
    }
    told = [sentence for name, sentence in found.items() if sentence is not None and name not in waived]
    if told:
        raise UsageError("\n".join(f"{folder}: not pushed: {sentence}" for sentence in told))


def leak_fault(checked: Sequence[str], evaluation: Mapping[str, Any] | None) -> str | None:
    """Return why the texts may repeat test rows, None where that is ruled out.

    `checked` are the sources that the recipe's `leak` compared with, `evaluation` what evaluation.json holds.
    """
    leaks = (evaluation or {}).get("leaks") or {}
    counts = leaks.get("counts") or {}
    copies = counts.get("selected-test", 0)
    if "selected-test" in (leaks.get("beyond_chance") or ()) or (copies and not checked):
        does = "text copies" if copies == 1 else "texts copy"
        return (
            f"the evaluation found that {copies:,} selected {does} a test row; add `leak` to `filter` and run again, "
            "or push them all the same with --waive leak"
        )
    if checked or "selected-test" in counts:
        return None
    return (
        "nothing has compared the texts with a test set; name one under `sources`, with `leak` in `filter`, and run "
        "again, or push unchecked with --waive leak"
    )


def license_fault(license_: str | None, conflicts: Sequence[str]) -> str | None:
    """Return why the licence is not settled, None where it is."""
    if license_ is None:
        return (
            "the recipe gives the data set no licence; write export: {license: …} and run again, or push without one "
            "with --waive license"
        )
    return f"{conflicts[0]}; choose another licence, or push with --waive license" if conflicts else None
