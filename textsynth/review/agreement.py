"""How far two people agree beyond what chance would give: Cohen's kappa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from textsynth.store.decisions import Decision


@dataclass(frozen=True, slots=True)
class PersonPair:
    """Two people, in order of name, on the `texts` that both decided on, `same` of them alike.

    `kappa` is at most 1, 0 for what chance gives; None where both always say one and the same thing.
    """

    people: tuple[str, str]
    texts: int
    same: int
    kappa: float | None


def pairwise_agreement(standing: Mapping[str, Mapping[str, Decision]]) -> list[PersonPair]:
    """Return each pair of people who have decided on the same texts, in order of their names.

    Two decisions are alike where both drop the text, or both leave it under the same labels.
    """
    found: dict[tuple[str, str], list[tuple[Hashable, Hashable]]] = {}
    for by_person in standing.values():
        for one, other in combinations(sorted(by_person), 2):
            both = (by_person[one].outcome, by_person[other].outcome)
            found.setdefault((one, other), []).append(both)
    return [
        PersonPair(people, len(both), sum(one == other for one, other in both), cohens_kappa(both))
        for people, both in sorted(found.items())
    ]


def cohens_kappa(ratings: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return (observed - expected) / (1 - expected) agreement of two raters, rounded to four places.

    Expected is the sum over the categories of the product of both raters' shares. None where expected is 1, or where
    there are no ratings. Source: Cohen 1960, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20(1), 37-46.
    """
    number = len(ratings)
    first, second = Counter(one for one, _ in ratings), Counter(other for _, other in ratings)
    expected = sum(count * second[category] for category, count in first.items())
    if number == 0 or expected == number**2:
        return None
    observed = sum(one == other for one, other in ratings)
    return round((observed * number - expected) / (number**2 - expected), 4)
