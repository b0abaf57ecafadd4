"""The head of a run's report: whether the quota is met, what is missing, why, and the next step with its command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.formatting import format_percent, pluralize, waiting_for_review
from textsynth.report.pipeline import CheckRow, largest_loss
from textsynth.store.manifest import Manifest, QuotaRow

MAX_CELLS_NAMED = 3


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Whether the quota is met, in one sentence with the reason, and the next step: what to do, and the command.

    `selected` is `61 selected of 64 wanted`, without the second part where there is no quota to compare with.
    """

    met: bool
    selected: str
    sentence: str
    next_step: str
    command: str


def run_status(manifest: Manifest, checks: Sequence[CheckRow], folder: str, *, evaluated: bool) -> RunStatus:
    """Return the status of a finished run; `folder` is the path of the run as the user gave it."""
    missing = [row for row in manifest["quota"] if row["missing"]]
    selected = _selected_of_wanted(manifest)
    reason = manifest["stopped"]["sentence"]
    if missing:
        number = sum(row["missing"] for row in _widest_group(manifest["quota"]))
        sentence = f"the quota is not met: {selected}, {number:,} missing ({_cells_text(missing)}); {reason}"
        loss = largest_loss(checks)
        if loss is not None:
            of_all = f"{loss.dropped:,} of {pluralize(loss.entered, 'text')} ({format_percent(loss.share)})"
            sentence += f"; the largest loss is {loss.section} {loss.step}, {of_all}"
    elif manifest["quota"]:
        surplus_reason = reason.removeprefix("the quota is met").lstrip("; ")
        sentence = f"the quota is met: {selected}" + (f"; {surplus_reason}" if surplus_reason else "")
    else:
        sentence = f"{selected}, without a quota" + (f"; {reason}" if reason else "")
    next_step, command = _next_step(manifest, checks, folder, missing=bool(missing), evaluated=evaluated)
    return RunStatus(not missing, selected, sentence, next_step, command)


def _selected_of_wanted(manifest: Manifest) -> str:
    """Return `61 selected of 64 wanted`; where cells count a text several times only the number selected."""
    selected, group = manifest["counts"]["selected"], _widest_group(manifest["quota"])
    if not group or sum(row["selected"] for row in group) > selected:
        return f"{selected:,} selected"
    return f"{selected:,} selected of {sum(row['wanted'] for row in group):,} wanted"


def _widest_group(quota: Sequence[QuotaRow]) -> list[QuotaRow]:
    """Return the cells with the same keys that miss or want the most texts: cells of other keys count them again."""
    groups: dict[tuple[str, ...], list[QuotaRow]] = {}
    for row in quota:
        groups.setdefault(tuple(sorted(row["cell"])), []).append(row)
    return max(
        groups.values(),
        key=lambda group: (sum(row["missing"] for row in group), sum(row["wanted"] for row in group)),
        default=[],
    )


def _cells_text(missing: Sequence[QuotaRow]) -> str:
    """Return the cells that miss the most texts, and how many more there are."""
    most = sorted(missing, key=lambda row: -row["missing"])[:MAX_CELLS_NAMED]
    names = [f"{', '.join(row['cell'].values()) or 'total'} {row['missing']:,}" for row in most]
    others = len(missing) - len(most)
    return "; ".join([*names, *([f"{pluralize(others, 'more cell')}"] if others else [])])


def _next_step(
    manifest: Manifest, checks: Sequence[CheckRow], folder: str, *, missing: bool, evaluated: bool
) -> tuple[str, str]:
    run_again = _run_command(manifest, folder)
    if manifest["counts"]["review"]:
        return f"{waiting_for_review(manifest['counts']['review'])} to decide:", f"textsynth review {folder}"
    if missing and manifest["stopped"]["why"] == "budget":
        return "raise `budget` in the recipe and continue; answers so far are in the journal:", run_again
    if missing:
        loss = largest_loss(checks)
        advice = loss.advice if loss is not None else ""
        return f"{advice or 'read the dropped texts, change the recipe'}; then run again:", run_again
    if not manifest["counts"]["selected"]:
        return "read the dropped texts, change the recipe, and run again:", run_again
    if evaluated:
        return "write the texts for another tool:", f"textsynth export {folder} --as csv"
    evaluate = f"textsynth evaluate {folder} --train seeds.csv --test test.csv"
    return "measure on real texts whether a classifier gains by these:", evaluate


def _run_command(manifest: Manifest, folder: str) -> str:
    recipe = Path(os.path.normpath(Path(folder) / manifest["recipe"]["path"]))
    path = str(recipe) if recipe.suffix else manifest["recipe"]["name"]
    sets = [part for option in manifest["recipe"]["sets"] for part in ("--set", shlex.quote(option))]
    return " ".join(["textsynth run", shlex.quote(path), "--out", shlex.quote(folder), *sets])
