"""What each check earned, without new tokens: the texts it dropped are put back, beside a random drop of as many.

With a check off, its dropped texts go on to the checks after it, which judge them against everything accepted; those
that pass are readmitted. Then three sets are compared, each with the seeds: what was accepted, that and the readmitted,
and the latter after a random drop of as many texts as the check dropped (several draws, the same counts a label). A
check earns something where the first is better than the last: it dropped the right ones, not just some.

Does not cover: what a run would have asked for instead, as a check that drops less ends a run earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.core.protocols import Context, Filter, FilterSession
from textsynth.core.records import DroppedRecord, Record


@dataclass(frozen=True, slots=True)
class FilterStep:
    """One filter of the recipe, by its name there."""

    item: str
    step: Filter


@dataclass(frozen=True, slots=True)
class AblationCandidates:
    """A check with the number of texts it dropped, and those that pass all the checks after it."""

    item: str
    dropped: int
    records: tuple[Record, ...]


def readmit_without(
    checks: Sequence[FilterStep], accepted: Sequence[Record], drops: Sequence[DroppedRecord], context: Context
) -> list[AblationCandidates]:
    """Return what each check's being off would let through, in the recipe's order; none for one that dropped nothing.

    The checks after one judge its texts one by one in their given order, with everything accepted settled.
    """
    by_item: dict[str, list[Record]] = {}
    for drop in drops:
        if drop.section == "filter":
            by_item.setdefault(drop.step, []).append(drop.record)
    places = [place for place, check in enumerate(checks) if check.item in by_item]
    if not places:
        return []
    # judging changes no judge, so that each check begins once for all the checks before it
    judges = [check.step.start(context) for check in checks[places[0] + 1 :]]
    for judge in judges:
        judge.commit(accepted)
    found = []
    for place in places:
        texts = by_item[checks[place].item]
        passed = _pass(judges[place - places[0] :], texts)
        found.append(AblationCandidates(checks[place].item, len(texts), tuple(passed)))
    return found


def _pass(judges: Sequence[FilterSession], texts: Sequence[Record]) -> list[Record]:
    left = list(texts)
    for judge in judges:
        verdicts = judge.evaluate_batch(left)
        left = [text for text, verdict in zip(left, verdicts, strict=True) if verdict is None or verdict.keeps]
    return left
