"""The manifest of a finished run, `manifest.json` in its folder: its schema, and how it is written and read.

A run fills it in; report, why, export, evaluate, review, push and Python read it.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import TypedDict

from textsynth.core.calibration_summary import CalibrationSummaries
from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.gap_summary import GapsSummaries
from textsynth.core.judge_summary import JudgesSummaries
from textsynth.core.label_error_summary import LabelErrorSummaries
from textsynth.core.request_costs import WithCosts
from textsynth.store.owned_files import write_owned_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FILE = "manifest.json"
REMEDY = "move it away and run the recipe again, which takes every answer from the journal"
JOURNAL = "journal.sqlite"
FORMAT = 2
"""The format of a manifest that this version writes and reads."""
QUOTED_LENGTH = 40


class RecipeInfo(TypedDict):
    """The recipe of the run: `path` is relative to the run's folder, `sets` are the `--set` options."""

    name: str
    hash: str
    path: str
    sets: list[str]
    text: str


class Counts(TypedDict):
    """The number of candidates by what became of them; `windows` is the number of windows of requests."""

    candidates: int
    accepted: int
    dropped: int
    review: int
    windows: int
    selected: int
    surplus: int


class DropCount(TypedDict):
    """How many texts a step dropped for one reason."""

    section: str
    step: str
    reason: str
    count: int


class MissingReason(TypedDict):
    """How many texts of a quota cell a step dropped for one reason."""

    step: str
    reason: str
    count: int


class QuotaRow(TypedDict):
    """A quota cell: `cell` maps keys to values, `reasons` are the most common ones where texts are missing."""

    cell: dict[str, str]
    wanted: int
    selected: int
    missing: int
    reasons: list[MissingReason]


class Requests(TypedDict):
    """The number of requests: of the `planned` ones that count, `failed` have no answer.

    Answers that were `sent` for or were `from_journal` are more than the planned ones where a run stopped while it
    waited for requests that it had planned ahead. These answers are in the journal; nothing else counts them, so that a
    run that was interrupted has the same counts as one that was not.
    """

    planned: int
    sent: int
    from_journal: int
    failed: int


class Tokens(TypedDict):
    """Tokens read and written by the models, in the planned requests that count."""

    prompt: int
    completion: int


class Stopped(TypedDict):
    """Why the run stopped: one word for a script, and a sentence."""

    why: str
    sentence: str


class Licenses(TypedDict):
    """The license of the data set, those of its sources and models, and a sentence for each conflict between them."""

    license: str | None
    sources: dict[str, str | None]
    models: dict[str, str | None]
    conflicts: list[str]


class ReviewOutcome(TypedDict):
    """What became of the texts on which people had decided before the run.

    `differ` are in review again, because people disagree; `overruled` were dropped by a filter; `absent` did not become
    candidates; `unusable` have a label that is not in the recipe.
    """

    kept: int
    relabelled: int
    dropped: int
    differ: int
    overruled: int
    absent: int
    unusable: int


class LabelLoss(TypedDict):
    """A check that dropped most texts of one label and few of the others: counts, shares (0 to 1) and a sentence.

    `entered` texts of the label came to the check, and `share` of them were dropped; of the other labels' texts it was
    `share_of_others`.
    """

    step: str
    label: str
    dropped: int
    entered: int
    share: float
    share_of_others: float
    sentence: str


class WithLabelLosses(TypedDict, total=False):
    """The part of a manifest that only a run has in which a check dropped most texts of a label."""

    label_losses: list[LabelLoss]


class WithReview(TypedDict, total=False):
    """The part of a manifest that only a run with review decisions has."""

    review: ReviewOutcome


class DatasetInfo(TypedDict):
    """The data set that belongs to a manifest: the hash of its content."""

    sha256: str


class WithDataset(TypedDict, total=False):
    """The part of a manifest that earlier versions did not write."""

    dataset: DatasetInfo


class Inputs(TypedDict):
    """By what the same run is recognized: hashes of its inputs and of the files that it wrote, and its answers' sum."""

    sha256: str
    files: str
    answers: str


class WithInputs(TypedDict, total=False):
    """The part of a manifest that only a run has which would have the same result again."""

    inputs: Inputs


class RunFacts(
    WithReview,
    WithDataset,
    WithInputs,
    WithLabelLosses,
    CalibrationSummaries,
    JudgesSummaries,
    LabelErrorSummaries,
    GapsSummaries,
    WithCosts,
):
    """The part of a manifest that is known before the data set is written."""

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
    """The manifest of a finished run.

    `task` is the task's name in the recipe and `task_options` its options; `labels` maps names to descriptions,
    `sources` names to what was read (path, config, split, revision); `checked_for_leaks` are the sources whose copies a
    filter dropped; `engines` are the servers' versions by model; `drops` has the most common reason first; `splits` is
    the number of texts of each split; `seconds` is how long the run took. `review` is there where people decided on
    texts, `label_losses` where a check dropped most texts of one label, `calibration` where labellers were calibrated
    on gold rows, `judges` where labellers asked several, `label_errors` where a labeller looked for wrong labels.
    `dataset` has the hash of the data set's content, and `inputs` that of everything the result depends on.
    """

    licenses: Licenses
    splits: dict[str, int]
    notes: list[str]
    seconds: float
    stopped: Stopped


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the run in a folder; keys that this version does not know are kept.

    Raises UsageError where there is no such folder or no finished run in it, and for a manifest that is damaged or was
    written by a newer version.
    """
    path = folder / FILE
    _check_is_run(folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: the manifest is damaged ({error}); {REMEDY}") from error
    version = content.get("version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UsageError(
            f"{path}: the manifest was written by a newer version of TextSynth (it has format {version}, this version "
            f"reads format {FORMAT}); update with pip install -U textsynth"
        )
    problem = _find_schema_error(content)
    if problem is not None:
        raise UsageError(f"{path}: the manifest is damaged, or of an earlier version ({problem}); {REMEDY}")
    return cast("Manifest", content)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a run atomically. Raises RunError, and UsageError where another file has its name."""
    write_owned_json(folder, FILE, manifest, indent=2, error="the manifest cannot be written")


def _check_is_run(folder: Path) -> None:
    """Raise UsageError where a folder holds no finished run."""
    if not folder.is_dir():
        reason = "a file, not the folder of a run" if folder.exists() else "no such folder"
        raise UsageError(f"{folder}: {reason}{_hint_for_run(folder)}")
    if (folder / FILE).is_file():
        return
    if (folder / JOURNAL).is_file():
        raise UsageError(
            f"{folder}: the run in this folder has not finished (no {FILE}); unless it is still running, `textsynth "
            "run` with the same recipe continues it"
        )
    raise UsageError(f"{folder}: no finished run is in this folder (no {FILE}){_hint_for_run(folder)}")


def _hint_for_run(folder: Path) -> str:
    """Return the end of a sentence: the run that was likely meant, else the runs inside the folder."""
    if (folder.parent / FILE).is_file():
        return f"; did you mean {str(folder.parent)!r}?"
    inside, siblings = _runs_in(folder, folder / "runs"), _runs_in(folder.parent, folder.parent / "runs")
    by_name = {run.name: run for run in (*siblings, *inside)}
    close = difflib.get_close_matches(folder.name, by_name, n=1)
    if close:
        return f"; did you mean {str(by_name[close[0]])!r}?"
    return did_you_mean("", map(str, inside)) or "; give the folder of a run, as runs/NAME"


def _runs_in(*folders: Path) -> list[Path]:
    return [path.parent for folder in folders for path in sorted(folder.glob(f"*/{FILE}"))]


def _find_schema_error(content: object) -> str | None:
    """Return the first difference between a manifest's content and the schema, with its path; None without any."""
    from pydantic import ValidationError

    try:
        _schema().validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"]).lstrip(".")
        if first["type"] == "missing":
            return f"{path} is missing"
        return f"{path or 'it'} is {json.dumps(first['input'], ensure_ascii=False)[:QUOTED_LENGTH]}"
    return None


@cache
def _schema() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)
