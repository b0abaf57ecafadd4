"""Inter-annotator agreement of pairs of people beyond chance: Cohen's kappa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from textsynth.store.decisions import Decision


@dataclass(frozen=True, slots=True)
class PersonPair:
    """Two people, in the order of their names, with the number of `texts` that both decided on, `same` of them alike.

    `kappa` is at most 1, and 0 for agreement at chance level; None if both gave one and the same decision on all texts.
    """

    people: tuple[str, str]
    texts: int
    same: int
    kappa: float | None


def pairwise_agreement(decisions: Mapping[str, Mapping[str, Decision]]) -> list[PersonPair]:
    """Return each pair of people who decided on the same texts, in the order of their names.

    `decisions` maps text ids to current decisions by person. Two decisions are alike if both drop the text, or if both
    keep it under the same labels.
    """
    outcomes: dict[tuple[str, str], list[tuple[Hashable, Hashable]]] = {}
    for by_person in decisions.values():
        for first, second in combinations(sorted(by_person), 2):
            pair = (by_person[first].outcome, by_person[second].outcome)
            outcomes.setdefault((first, second), []).append(pair)
    return [
        PersonPair(people, len(pairs), sum(first == second for first, second in pairs), cohens_kappa(pairs))
        for people, pairs in sorted(outcomes.items())
    ]


def cohens_kappa(ratings: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return (observed - expected) / (1 - expected) agreement of two raters, rounded to four decimals.

    Expected agreement is the sum, over the categories, of the product of both raters' shares. None if it is 1, or if
    there are no ratings. Source: Cohen 1960, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20(1), 37-46.
    """
    number = len(ratings)
    first_counts = Counter(first for first, _ in ratings)
    second_counts = Counter(second for _, second in ratings)
    expected = sum(count * second_counts[category] for category, count in first_counts.items())
    if number == 0 or expected == number**2:
        return None
    observed = sum(first == second for first, second in ratings)
    return round((observed * number - expected) / (number**2 - expected), 4)
