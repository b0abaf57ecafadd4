"""Derivations: the texts that weighted rules with slots can make, drawn by weight and without repetition.

A rule is a text with slots in braces (`where is my {item}`; `{{` and `}}` are braces). A slot is a list of
alternatives, which may have slots themselves, or a provider of the package Faker. The number of derivations of a rule
is the product over its slots, that of a slot the sum over its alternatives.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
WALK_AFTER = 64
"""After this many repeated texts in a row, the derivations that are left are walked through instead of drawn."""
MAX_REPEATS = 10_000
"""After this many repeated texts in a row, and 20 for each text so far, nothing new is expected."""
REPEATS_PER_TEXT = 20

WeightedTexts = Sequence[tuple[str, float]]
"""Alternatives of a slot or the rules of a label, each with its weight."""


class Span(NamedTuple):
    """The part of a text that a slot filled: `start` and `end` count characters, `end` is not included."""

    start: int
    end: int
    slot: str


class Derivation(NamedTuple):
    """A text with the spans of its slots, ordered by start, an outer slot before the slots inside of it."""

    text: str
    spans: tuple[Span, ...]


@dataclass(slots=True)
class _Slot:
    """The alternatives of a slot or of a label; with a `provider` it has none, and its `count` is infinite."""

    name: str
    provider: Callable[[], str] | None = None
    alternatives: list[_Template] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)  # summed up
    ends: list[float] = field(default_factory=list)  # the counts of the alternatives, summed up
    count: float = math.inf

    def draw(self, generator: random.Random) -> _Template:
        """Return an alternative by its weight."""
        return self.alternatives[bisect(self.weights, generator.random() * self.weights[-1], hi=len(self.weights) - 1)]

    def numbered(self, number: int) -> tuple[_Template, int]:
        """Return the alternative with derivation `number` of the slot, and the derivation's number within it."""
        index = bisect(self.ends, number)
        return self.alternatives[index], number - (int(self.ends[index - 1]) if index else 0)


@dataclass(frozen=True, slots=True)
class _Template:
    """The pieces of a rule: texts, and slots."""

    pieces: tuple[str | _Slot, ...]
    count: float


def split_rule(rule: str) -> list[tuple[str, bool]]:
    """Return the pieces of a rule, each with whether it is the name of a slot.

    Raises ValueError for a brace without its partner, and for a slot without a name.
    """
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in BRACES.finditer(rule):
        pieces.append((rule[end : match.start()], False))
        end = match.end()
        if match[0] in ("{{", "}}"):
            pieces.append((match[0][0], False))
        elif match[1] is not None and match[1].strip():
            pieces.append((match[1].strip(), True))
        else:
            raise ValueError(
                f"the rule {rule!r} has {match[0]!r} where a slot's name in braces, such as {{item}}, would be right; "
                "write {{ and }} for braces in a text"
            )
    pieces.append((rule[end:], False))
    return [(text, is_slot) for text, is_slot in pieces if text]


def check_slots(rules: Mapping[str, Iterable[str]], slots: Mapping[str, Iterable[str]]) -> None:
    """Check that every slot exists and none contains itself.

    `rules` has the rules of each label, `slots` the alternatives of each slot. Raises ValueError with one sentence.
    """
    inner = {name: _slots_in(f"slots.{name}", alternatives, slots) for name, alternatives in slots.items()}
    for label, texts in rules.items():
        _slots_in(f"rules.{label}", texts, slots)
    resolved: set[str] = set()
    while remaining := inner.keys() - resolved:
        ready = {name for name in remaining if inner[name] <= resolved}
        if not ready:
            cycle = sorted(name for name in remaining if name in _reachable(name, inner))
            raise ValueError(f"slots.{cycle[0]} contains itself, so its texts would never end")
        resolved |= ready


def _reachable(name: str, inner: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    pending = [name]
    while pending:
        new = inner[pending.pop()] - reached
        reached |= new
        pending += new
    return reached


def _slots_in(where: str, texts: Iterable[str], slots: Mapping[str, object]) -> set[str]:
    names = {piece for text in texts for piece, is_slot in split_rule(text) if is_slot}
    if missing := sorted(names - slots.keys()):
        listed = f"; there are: {', '.join(sorted(slots))}" if slots else ", and there are no slots"
        raise ValueError(f"{where} uses the slot {missing[0]!r}, which `slots` does not have{listed}")
    return names


def compile_rules(
    rules: Mapping[str, WeightedTexts],
    slots: Mapping[str, WeightedTexts],
    providers: Mapping[str, Callable[[], str]],
) -> dict[str, _Slot]:
    """Return the compiled rules of each label, for `Derivations`. The slots are those that `check_slots` allows."""
    compiled = {name: _Slot(name, provider) for name, provider in providers.items()}

    def compile_slot(name: str, alternatives: WeightedTexts) -> _Slot:
        slot = _Slot(name)
        slot.alternatives = [compile_template(text) for text, _ in alternatives]
        slot.weights = list(itertools.accumulate(weight for _, weight in alternatives))
        counts = [template.count for template in slot.alternatives]
        slot.count = sum(counts) if all(count != math.inf for count in counts) else math.inf
        slot.ends = list(itertools.accumulate(counts)) if slot.count != math.inf else []
        return slot

    def compile_template(text: str) -> _Template:
        pieces: list[str | _Slot] = []
        for piece, is_slot in split_rule(text):
            if is_slot and piece not in compiled:
                compiled[piece] = compile_slot(piece, slots[piece])
            pieces.append(compiled[piece] if is_slot else piece)
        counts = [piece.count for piece in pieces if isinstance(piece, _Slot)]
        return _Template(tuple(pieces), math.prod(counts) if all(count != math.inf for count in counts) else math.inf)

    return {label: compile_slot(label, texts) for label, texts in rules.items()}


class Derivations:
    """The derivations of one label's rules, each text once; `seed` decides which come first.

    Texts are drawn by the weights of rules and alternatives. Once most draws repeat an earlier text, what is left comes
    in a fixed order in which neighbours differ, until every derivation was used.
    """

    def __init__(self, rules: _Slot, seed: str) -> None:
        self._rules = rules
        self._generator = random.Random(seed)
        self._texts: set[str] = set()
        self._walk: Iterable[Derivation] | None = None

    @property
    def count(self) -> float:
        """The number of derivations; infinite with a provider. Different derivations may have equal texts."""
        return self._rules.count

    def take(self, number: int) -> list[Derivation]:
        """Return the next `number` derivations; fewer where no others are left."""
        return list(itertools.islice(self._new(), number))

    def _new(self) -> Iterable[Derivation]:
        """Yield derivations whose texts are new."""
        repeats = 0
        limit = WALK_AFTER if self.count != math.inf else MAX_REPEATS
        while self._walk is None:
            derivation = self._draw()
            if derivation.text not in self._texts:
                self._texts.add(derivation.text)
                repeats = 0
                yield derivation
            elif (repeats := repeats + 1) >= limit:
                self._walk = iter(self._walk_all() if self.count != math.inf else ())
        for derivation in self._walk:
            if derivation.text not in self._texts:
                self._texts.add(derivation.text)
                yield derivation

    def _write(
        self, template: _Template, number: int | None, position: int, parts: list[str], spans: list[Span]
    ) -> int:  # fmt: skip
        """Append the pieces of a template from `position` on, and return the position after it.

        The alternatives are those of derivation `number`, drawn by weight where it is None.
        """
        for piece in template.pieces:
            if isinstance(piece, str):
                parts.append(piece)
                position += len(piece)
                continue
            start, index = position, len(spans)
            if piece.provider is not None:
                parts.append(piece.provider())
                position += len(parts[-1])
            elif number is None:
                position = self._write(piece.draw(self._generator), None, position, parts, spans)
            else:
                number, inner_number = divmod(number, int(piece.count))
                position = self._write(*piece.numbered(inner_number), position, parts, spans)
            if position > start:
                spans.insert(index, Span(start, position, piece.name))
        return position

    def _draw(self) -> Derivation:
        return self._derive(self._rules.draw(self._generator), None)

    def _derive(self, template: _Template, number: int | None) -> Derivation:
        parts: list[str] = []
        spans: list[Span] = []
        self._write(template, number, 0, parts, spans)
        return Derivation("".join(parts), tuple(spans))

    def _walk_all(self) -> Iterable[Derivation]:
        """Yield every derivation once, in steps near the golden section of their number.

        Ends early where nearly all of very many derivations repeat a text.
        """
        count = int(self.count)
        step = max(1, count * 618 // 1000)
        while math.gcd(step, count) > 1:
            step += 1
        index = self._generator.randrange(count)
        repeats = 0
        for _ in range(count):
            size = len(self._texts)
            yield self._derive(*self._rules.numbered(index))
            index = (index + step) % count
            repeats = 0 if len(self._texts) > size else repeats + 1
            if repeats > max(MAX_REPEATS, REPEATS_PER_TEXT * size):
                return
