"""Answer readers: one file a form, named as a prompt's `answer:` names it (`list`, `{tagged: {tag: text}}`).

A reader never guesses and never raises on an answer: what it cannot read is a fault with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from textsynth.options import Options


@dataclass(frozen=True, slots=True)
class Fault:
    """A piece of an answer that could not be read, and why."""

    raw: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer held: the texts in their order, and the faults. Both empty never happens."""

    texts: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


class Reader(Options):
    """The base of the readers."""

    @property
    def answer_schema(self) -> str | None:
        """The JSON schema that an engine may constrain the answer to, as JSON text; None where there is none."""
        return None

    def read(self, answer: str, *, cut: bool = False) -> Reading:
        """Read one answer; `cut` says that it ended at max_tokens, so that its last piece is incomplete."""
        raise NotImplementedError
