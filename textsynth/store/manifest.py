"""The manifest of a finished run, `manifest.json` in its folder: what it holds, written and read in this one place.

A run fills it in (`run/manifest.py`); report, why, export, evaluate, push and Python read it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict, cast, get_args, get_origin, get_type_hints, is_typeddict

from textsynth.core.calibration_summary import CalibrationSummaries
from textsynth.core.errors import UsageError, did_you_mean

FILE = "manifest.json"
JOURNAL = "journal.sqlite"
FORMAT = 2
"""The form of a manifest that this version writes and reads."""


class RecipeInfo(TypedDict):
    """The recipe as it was run: `path` is told from the run's folder, `sets` are the `--set` options."""

    name: str
    hash: str
    path: str
    sets: list[str]
    text: str


class Counts(TypedDict):
    """Candidates, and what became of them."""

    candidates: int
    accepted: int
    dropped: int
    review: int
    windows: int
    selected: int
    surplus: int


class DropCount(TypedDict):
    """How many texts an item dropped for one reason."""

    section: str
    step: str
    reason: str
    count: int


class MissingReason(TypedDict):
    """How many texts of a part of the quota an item dropped for one reason."""

    step: str
    reason: str
    count: int


class QuotaRow(TypedDict):
    """One part of the quota; `match` is what its texts have in common, `why` the commonest reasons if any miss."""

    cell: dict[str, str]
    wanted: int
    selected: int
    missing: int
    reasons: list[MissingReason]


class Requests(TypedDict):
    """Requests by where their answers came from; `failed` have none."""

    planned: int
    sent: int
    from_journal: int
    failed: int


class Tokens(TypedDict):
    """Tokens read and written by the models."""

    prompt: int
    completion: int


class Stopped(TypedDict):
    """Why the run stopped: in one word for a script, and in a sentence."""

    why: str
    sentence: str


class Licenses(TypedDict):
    """The data set's licence, those of its sources and models, and a sentence for each that speaks against it."""

    license: str | None
    sources: dict[str, str | None]
    models: dict[str, str | None]
    conflicts: list[str]


class ReviewOutcome(TypedDict):
    """What became of the texts that people decided on in earlier reviews.

    `differ` wait, as people disagree; `overruled` were dropped by a check all the same; `absent` did not come up, and
    `unusable` name a label that the recipe does not have.
    """

    kept: int
    relabelled: int
    dropped: int
    differ: int
    overruled: int
    absent: int
    unusable: int


class WithReview(TypedDict, total=False):
    """What is told only of a run that took decisions of people in."""

    review: ReviewOutcome


class RunFacts(WithReview, CalibrationSummaries):
    """What is known before the data set is written."""

    version: int
    name: str
    task: str
    task_options: dict[str, Any]
    seed: int
    recipe: RecipeInfo
    labels: dict[str, str]
    sources: dict[str, dict[str, str]]
    checked_for_leaks: list[str]
    versions: dict[str, str]
    models: list[str]
    engines: dict[str, list[str]]
    counts: Counts
    drops: list[DropCount]
    quota: list[QuotaRow]
    requests: Requests
    tokens: Tokens


class Manifest(RunFacts):
    """All that a finished run tells of itself.

    `labels` maps names to meanings, `sources` names to what was read; `people` is there where people decided on texts,
    `gold` where labellers were tried on gold rows; `checked_for_leaks` are the sources that `leak` compared with,
    `engines` the servers' versions by model; `drops` has the commonest reason first, `splits` the number of texts of
    each; `seconds` is how long the run took.
    """

    licenses: Licenses
    splits: dict[str, int]
    notes: list[str]
    seconds: float
    stopped: Stopped


def read_manifest(folder: Path) -> Manifest:
    """Return what the run in a folder tells of itself.

    Raises UsageError where there is no such folder, no finished run in it, and for a manifest that is damaged or was
    written by a newer version.
    """
    path = folder / FILE
    if not folder.is_dir():
        wrong = "a file, not the folder of a run" if folder.exists() else "no such folder"
        raise UsageError(f"{folder}: {wrong}{_runs_near(folder)}")
    if not path.is_file() and (folder / JOURNAL).is_file():
        raise UsageError(
            f"{folder}: the run in this folder has not ended yet (no {FILE}); where it is not at work, `textsynth run`"
            " with the same recipe goes on with it"
        )
    if not path.is_file():
        raise UsageError(f"{folder}: no finished run is in this folder (no {FILE}){_runs_near(folder)}")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as unread:
        raise UsageError(f"{path}: the manifest is damaged ({unread}); run the recipe again") from unread
    form = told.get("version") if isinstance(told, dict) else None
    if isinstance(form, int) and form > FORMAT:
        raise UsageError(
            f"{path}: the manifest was written by a newer version of TextSynth (it has form {form}, this one reads form"
            f" {FORMAT}); update with pip install -U textsynth"
        )
    fault = next(_faults(told, Manifest, ""), None)
    if fault is not None:
        raise UsageError(f"{path}: the manifest is damaged, or of an earlier version ({fault}); run the recipe again")
    return cast(Manifest, told)


def write_manifest(folder: Path, told: Manifest) -> None:
    """Write a run's manifest in one move, so that a crash leaves the old one or the new one."""
    write_json(folder / FILE, told, indent=2)


def write_json(path: Path, told: Mapping[str, object], *, indent: int) -> None:
    """Write a JSON file in one move, so that a crash leaves the old one or the new one.

    Half a surrogate pair, as a reason of a step of one's own may hold, becomes `?`, as in the data set.
    """
    partial = path.with_name(f".{path.name}")
    text = json.dumps(told, ensure_ascii=False, indent=indent) + "\n"
    partial.write_bytes(text.encode("utf-8", "replace"))
    partial.replace(path)


def _runs_near(folder: Path) -> str:
    """Return the end of a sentence: the run that was likely meant by a folder that is none, else those inside it."""
    if (folder.parent / FILE).is_file():
        return f"; did you mean {str(folder.parent)!r}?"
    inside, beside = _runs_in(folder, folder / "runs"), _runs_in(folder.parent, folder.parent / "runs")
    named = {run.name: run for run in (*beside, *inside)}
    close = difflib.get_close_matches(folder.name, named, n=1)
    if close:
        return f"; did you mean {str(named[close[0]])!r}?"
    return did_you_mean("", map(str, inside)) or "; give the folder of a run, as runs/NAME"


def _runs_in(*places: Path) -> list[Path]:
    return [path.parent for place in places for path in sorted(place.glob(f"*/{FILE}"))]


def _faults(told: object, kind: Any, where: str) -> Iterator[str]:  # noqa: ANN401
    """Yield what keeps a value of the manifest, at the place `where`, from being of a kind."""
    if not isinstance(told, _outer(kind)):
        yield f"{where or 'it'} is {json.dumps(told, ensure_ascii=False)[:40]}"
    elif is_typeddict(kind) and isinstance(told, dict):
        for name, inner in get_type_hints(kind).items():
            place = f"{where}.{name}" if where else name
            if name in told:
                yield from _faults(told[name], inner, place)
            elif name in kind.__required_keys__:
                yield f"{place} is missing"
    elif isinstance(told, dict):
        for name, one in told.items():
            yield from _faults(one, get_args(kind)[1], f"{where}.{name}")
    elif isinstance(told, list):
        for at, one in enumerate(told):
            yield from _faults(one, get_args(kind)[0], f"{where}[{at}]")


def _outer(kind: Any) -> Any:  # noqa: ANN401
    """Return the class, or the union of classes, that a value of a kind is an instance of."""
    if is_typeddict(kind):
        return dict
    if kind is float:
        return (int, float)
    return get_origin(kind) if get_origin(kind) in (dict, list) else kind
