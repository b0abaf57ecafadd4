"""Several draws of one prompt in one answer: `n` choices, of which each is the completion of one request.

What they cost is told for all of them: the prompt was read once and counts to the first, the tokens written are split
by the length of the texts, so that the sums are what the server told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from textsynth.core.records import Completion, Request
from textsynth.models.remote import wire

MOST_DRAWS = 16


def read_draws(raw: bytes, request: Request, count: int) -> list[Completion | None]:
    """Return what each choice of an answer says, at most `count`, in the order of their index; None is no choice.

    Raises wire.Broken where none says anything.
    """
    answer = wire.parsed(raw)
    found: list[Completion | None] = []
    for choice in _in_order(wire.choices_of(answer, raw))[:count]:
        try:
            found.append(wire.read_choice(answer, choice, raw, request))
        except wire.Broken:
            found.append(None)
    read = [one for one in found if one is not None]
    if not read:
        raise wire.Broken(f"{len(found)} choices without a text")
    parts = iter(shares(read[0].completion_tokens, [len(one.text) for one in read]))
    prompts = iter([read[0].prompt_tokens] + [0] * (len(read) - 1))
    return [
        None if one is None else replace(one, prompt_tokens=next(prompts), completion_tokens=next(parts))
        for one in found
    ]


def shares(total: int, lengths: Sequence[int]) -> list[int]:
    """Split a total (≥ 0) in proportion to `lengths` (at least one), each part rounded down, the rest to the first."""
    whole = sum(lengths)
    parts = [total * length // whole if whole else 0 for length in lengths]
    parts[0] += total - sum(parts)
    return parts


def _in_order(choices: Sequence[object]) -> list[object]:
    """Return the choices by their index where each has one of its own, else as they came."""
    numbers = [choice.get("index") if isinstance(choice, Mapping) else None for choice in choices]
    given = [number for number in numbers if isinstance(number, int)]
    if len(set(given)) < len(choices):
        return list(choices)
    return [choices[at] for at in sorted(range(len(choices)), key=lambda at: given[at])]
