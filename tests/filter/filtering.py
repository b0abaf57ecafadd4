"""Helpers for tests of filters: records, a run of one filter on one window, and the rows of real data sets."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contexts import context
from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record, Verdict
from textsynth.core.sessions import FilterSession
from textsynth.runner.candidate_pipeline import CandidatePipeline

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
DATA = Path(__file__).parents[3] / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets of shared/data are not on this machine")


def record(text: str, *labels: str, index: int = 0, example_ids: Sequence[str] = (), **fields: str) -> Record:
    return Record(text, Provenance("test", example_ids=tuple(example_ids), index=index), labels, fields)


def batch(*texts: str) -> list[Record]:
    return [record(text, index=index) for index, text in enumerate(texts)]


def verdict_on(step: Filter, text: Record, run: Context | None = None) -> Verdict | None:
    """Return the verdict of a new session on one record."""
    return step.start(run or context()).evaluate_batch([text])[0]


def reason_for(step: Filter, text: Record, run: Context | None = None) -> str | None:
    """Return the reason of the verdict of a new session on one record, None where it is kept."""
    verdict = verdict_on(step, text, run)
    return None if verdict is None else verdict.reason


def filter_window(session: FilterSession, records: Sequence[Record]) -> tuple[list[Record], list[DroppedRecord]]:
    """Return the accepted and the dropped records of one window, which a run's pipeline filters and commits."""

    async def no_answers(groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        return [[Completion("") for _ in requests] for requests in groups]

    result = asyncio.run(CandidatePipeline([("filter", session)], [], no_answers).process(records))
    return result.accepted, result.dropped


def read_rows(path: str) -> list[Mapping[str, str]]:
    """Return the rows of a real data set."""
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return [json.loads(line) for line in file] if path.endswith("l") else list(csv.DictReader(file))
