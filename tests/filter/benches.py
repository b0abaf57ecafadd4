"""What tests of filters share: records, a court of one filter, the real data sets."""

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
from textsynth.core.protocols import Context, Filter, FilterSession
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record, Verdict
from textsynth.runner.candidate_pipeline import CandidatePipeline

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
DATA = Path(__file__).parents[3] / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets of shared/data are not on this machine")


def record(text: str, *labels: str, index: int = 0, example_ids: Sequence[str] = (), **fields: str) -> Record:
    return Record(text, Provenance("test", example_ids=tuple(example_ids), index=index), labels, fields)


def batch(*texts: str) -> list[Record]:
    return [record(text, index=place) for place, text in enumerate(texts)]


def judged(step: Filter, one: Record, at: Context | None = None) -> Verdict | None:
    """Return the verdict on one record by a filter with an empty memory."""
    return step.start(at or context()).evaluate_batch([one])[0]


def reason(step: Filter, one: Record, at: Context | None = None) -> str | None:
    verdict = judged(step, one, at)
    return None if verdict is None else verdict.reason


def rule(judge: FilterSession, records: Sequence[Record]) -> tuple[list[Record], list[DroppedRecord]]:
    """Bring a window to its ends, as a run does: judged, waited for twins, settled."""

    async def nobody(groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        return [[Completion("") for _ in some] for some in groups]

    ruling = asyncio.run(CandidatePipeline([("filter", judge)], [], nobody).process(records))
    return ruling.accepted, ruling.dropped


def rows(path: str) -> list[Mapping[str, str]]:
    """Return the rows of a real data set."""
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return [json.loads(line) for line in file] if path.endswith("l") else list(csv.DictReader(file))
