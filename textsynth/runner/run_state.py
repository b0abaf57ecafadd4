"""What a run has so far: its records, its requests and the counts that the progress display and the manifest show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.judge_summary import JudgesSummary
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.request_costs import RequestCosts
from textsynth.export.run_result import RequestInfo
from textsynth.runner.open_window import OpenTexts
from textsynth.store.record_spool import Records


@dataclass(slots=True)
class RunState:
    """What a run has so far: accepted and dropped records in plan order, and what was requested, by journal key.

    Equal request infos are one object, as most answers share theirs; `costs` is what they took. `calibrations` are
    the labellers' results on gold rows, by step, and `judges` the reliability of the judges of those that ask several;
    `notes` are sentences for the user. `stop_sentence` says why the run stopped early, where it did. `open_texts`
    counts the texts of the window whose answers are arriving; no other field does.
    """

    accepted: Records[Record] = field(default_factory=list)
    dropped: Records[DroppedRecord] = field(default_factory=list)
    requests: dict[str, RequestInfo] = field(default_factory=dict)
    costs: RequestCosts = field(default_factory=RequestCosts)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    calibrations: dict[str, CalibrationSummary] = field(default_factory=dict)
    judges: dict[str, JudgesSummary] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    candidates: int = 0
    windows: int = 0
    stop_sentence: str | None = None
    open_texts: OpenTexts = field(default_factory=OpenTexts)
