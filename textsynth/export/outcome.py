"""Outcome: everything a finished run knows that its data set, card and passports are made of.

Nothing in it depends on time, place or speed, so that the same recipe, seed and answers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from textsynth.records import Drop, Record


@dataclass(frozen=True, slots=True)
class Asked:
    """What lies behind one key of the journal: prompt name and fingerprint, the model's identity, the sampling."""

    prompt: str
    fingerprint: str
    model: str
    sampling: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """One part of the quota: `match` ({} is the total), texts wanted and texts selected."""

    match: Mapping[str, str]
    want: int
    selected: int

    @property
    def name(self) -> str:
        """`card_arrival`, `card_arrival, annoyed`, or `total`."""
        return ", ".join(self.match.values()) or "total"

    @property
    def missing(self) -> int:
        """How many texts the line lacks, never below 0."""
        return max(0, self.want - self.selected)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has ended.

    Every candidate is in exactly one of `selected`, `spare` (accepted, not picked) and `dropped`; drops of section
    `review` wait for a person. `labels` maps names to meanings in the recipe's order (empty: texts have none);
    `splits` maps names to shares; `asked` is by journal key; `labellers` are the items whose measure is the
    confidence of a label, in the recipe's order; `selector` is the item that made the spare ones. `stopped` is one word
    (met, budget, dry, limit), `sentence` says it in full. `prompts` maps names to fingerprints, `sources` names to
    what the recipe says they are; `counts` are further numbers for the card, by name. `weight` is what a synthetic text
    should count beside a real one (None: not fitted), `proof` what an evaluation on real data says.
    """

    name: str
    task: str
    language: str
    seed: int
    labels: Mapping[str, str]
    selected: Sequence[Record]
    spare: Sequence[Record] = ()
    dropped: Sequence[Drop] = ()
    license: str | None = None
    many: bool = False
    splits: Mapping[str, float] = field(default_factory=lambda: {"train": 1.0})
    asked: Mapping[str, Asked] = field(default_factory=dict)
    quota: Sequence[QuotaLine] = ()
    labellers: Sequence[str] = ()
    selector: str = "balanced"
    stopped: str = "met"
    sentence: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    recipe_text: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    weight: float | None = None
    proof: Sequence[str] = ()
