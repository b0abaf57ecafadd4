"""Ablation of each filter without new requests: its dropped texts are put back, next to a random drop of as many texts.

With a filter switched off, the texts that it dropped go on to the filters after it, which compare them with all
accepted texts; those that pass are readmitted. Three training sets are then compared, each together with the seeds: the
accepted texts; the accepted and the readmitted texts; and the latter after a random drop of as many texts as were
readmitted (several draws, the same counts a label). A filter improves the data where the first is better than the
last: it dropped the right texts, not merely some.

Does not cover: the requests that a run would have saved, as a filter that drops less ends a run earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.core.protocols import Context, Filter
from textsynth.core.records import DroppedRecord, Record
from textsynth.core.scope import ScopedFilterSession, scope_of
from textsynth.core.sessions import FilterSession


@dataclass(frozen=True, slots=True)
class FilterStep:
    """A filter of the recipe and its name there."""

    name: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class AblationCandidates:
    """The name of a filter, how many texts it dropped, and which of them pass all filters after it."""

    step: str
    dropped: int
    readmitted: tuple[Record, ...]


def find_ablation_candidates(
    filters: Sequence[FilterStep], accepted: Sequence[Record], drops: Sequence[DroppedRecord], context: Context
) -> list[AblationCandidates]:
    """Return the texts that switching each filter off would let through, in the recipe's order.

    A filter that dropped nothing is left out. The filters after it evaluate its texts in their given order, with all
    accepted texts committed.
    """
    dropped: dict[str, list[Record]] = {}
    for drop in drops:
        if drop.section == "filter":
            dropped.setdefault(drop.step, []).append(drop.record)
    indices = [index for index, step in enumerate(filters) if step.name in dropped]
    if not indices:
        return []
    # Evaluating a batch does not change a session, so one session a filter serves all filters before it.
    sessions = [_start(step.filter, context) for step in filters[indices[0] + 1 :]]
    for session in sessions:
        session.commit(accepted)
    candidates = []
    for index in indices:
        name = filters[index].name
        passed = _passing(sessions[index - indices[0] :], dropped[name])
        candidates.append(AblationCandidates(name, len(dropped[name]), tuple(passed)))
    return candidates


def _start(step: Filter, context: Context) -> FilterSession:
    scope = scope_of(step)
    return ScopedFilterSession(step.start(context.seen_as(scope)), scope, context.task)


def _passing(sessions: Sequence[FilterSession], records: Sequence[Record]) -> list[Record]:
    remaining = list(records)
    for session in sessions:
        verdicts = session.evaluate_batch(remaining)
        remaining = [
            record for record, verdict in zip(remaining, verdicts, strict=True) if verdict is None or verdict.keeps
        ]
    return remaining
