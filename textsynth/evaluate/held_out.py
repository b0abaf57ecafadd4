"""Which synthetic texts a run would have selected had it not known some of its seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from textsynth.core.protocols import Context
from textsynth.core.records import Record
from textsynth.evaluate.sets import Synthetic, ids_of, seeds_behind
from textsynth.filter.agreement import AgreementJudge


def without_seeds(
    synthetic: Synthetic, seeds: Sequence[Record], context: Context, sources: Sequence[str]
) -> Callable[[Sequence[int]], list[Record]]:
    """Return a function from the places of held-out seeds to the texts that may then be used.

    Texts that rewrite a held-out seed, or whose prompt showed one, are out. Where the recipe has `agreement`, the texts
    it dropped come in again and it judges all of them anew, by classifiers that never saw the held-out seeds; of each
    label at most as many are kept as were selected, the selected ones first. `sources` are the names under which the
    seeds may stand in the run.
    """
    candidates = [*synthetic.selected]
    if synthetic.agreement is not None:
        name, _ = synthetic.agreement
        candidates += [*synthetic.spare, *(drop.record for drop in synthetic.drops if drop.item == name)]
    behind = seeds_behind(candidates, seeds, sources)
    wanted = Counter(record.labels for record in synthetic.selected)

    def allowed(held: Sequence[int]) -> list[Record]:
        out = frozenset(held)
        left = [record for record, some in zip(candidates, behind, strict=True) if not some & out]
        if synthetic.agreement is not None:
            unknown = frozenset(one for place in held for one in ids_of(seeds[place], sources))
            verdicts = AgreementJudge(synthetic.agreement[1], context, unknown).judge(left)
            left = [record for record, verdict in zip(left, verdicts, strict=True) if verdict is None or verdict.keeps]
        taken: Counter[tuple[str, ...]] = Counter()
        kept = []
        for record in left:
            taken[record.labels] += 1
            if taken[record.labels] <= wanted[record.labels]:
                kept.append(record)
        return kept

    return allowed
