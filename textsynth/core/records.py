"""What travels through a run: frozen, slotted, cheap. A step never edits a record, it makes a new one.

A record is a text with its labels, fields, measures and origin. About 1 KB a record of 20 words: a million
records need 1 GB of memory, which is the size of run TextSynth is built for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from textsynth.core.errors import LedgerError

NO_FIELDS: Mapping[str, str] = MappingProxyType({})
REVIEW_DECISION = "decided_by_person"
"""The field of a record that says what a person decided of it: keep or relabel."""
NO_SCORES: Mapping[str, float] = MappingProxyType({})
# The field that holds what a text rewrites, by task.
REWRITES: Mapping[str, str] = MappingProxyType({"paraphrase": "source_text", "summarization": "document"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a text comes from.

    `item` is the recipe's name of the step; `parents` are ids of the records it rewrites; `shown` are ids of the
    seed examples its prompt showed; `request` is the journal's key of the answer it was read from ("" for given
    rows); `draw` is its place in that answer, or, for a given row, the how-manieth row with this same content.
    """

    step: str
    parent_ids: tuple[str, ...] = ()
    example_ids: tuple[str, ...] = ()
    request_key: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One text on its way: `labels` are names from the recipe (empty: none yet; several only with `multi_label: true`).

    `fields` holds attributes (`tone`) and what the text rewrites (`source_text`, `document`); `measures` holds the
    numbers that checks and labellers found, by item name. `id` is 16 hex digits of the sha256 of item, parents,
    request, draw and text: adding a label or a measure keeps it, and it never depends on a place in a plan.
    """

    text: str
    provenance: Provenance
    labels: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    scores: Mapping[str, float] = field(default_factory=lambda: NO_SCORES)
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        origin = self.provenance
        told = "\x1f".join((origin.step, *origin.parent_ids, origin.request_key, str(origin.index), self.text))
        object.__setattr__(self, "id", hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16])

    @property
    def label(self) -> str | None:
        """The first label, or None."""
        return self.labels[0] if self.labels else None

    def quota_value(self, key: str) -> str | None:
        """Return what a quota counts under `key`: the label for "label", else the field of that name."""
        return self.label if key == "label" else self.fields.get(key)

    def with_labels(self, labels: Sequence[str]) -> Record:
        """Return the same record with other labels; the id stays."""
        return Record(self.text, self.provenance, tuple(labels), self.fields, self.scores)

    def with_scores(self, more: Mapping[str, float]) -> Record:
        """Return the same record with `more` measures added; the id stays."""
        if not more:
            return self
        return Record(self.text, self.provenance, self.labels, self.fields, {**self.scores, **more})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of one record: a reason in plain words, the number it measured, the limit, the twin.

    `reason` None keeps the record and only notes `measured`. `twin` is the id of the record kept instead (for
    duplicates). `review` True sends the record to a person instead of the bin.
    """

    reason: str | None
    score: float | None = None
    limit: float | None = None
    duplicate_of: str | None = None
    needs_review: bool = False

    @property
    def keeps(self) -> bool:
        """Whether the record goes on."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class DroppedRecord:
    """A record that ends here, with the section and item that ended it. Section `review` waits for a person."""

    record: Record
    section: str
    step: str
    reason: str
    score: float | None = None
    limit: float | None = None
    duplicate_of: str | None = None


def reason_category(reason: str) -> str:
    """Return a reason without what it quotes after its colon, so that equal kinds count together."""
    return reason.split(": ", 1)[0].removesuffix("; there are")


class Message(NamedTuple):
    """One turn of a chat prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model draws its answer. `top_k` 0 and `top_p` 1.0 switch the cut off; `max_tokens` counts new tokens."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt with everything put in: chat `messages`, or one raw `text` when they are empty (mode completion)."""

    name: str
    fingerprint: str
    messages: tuple[Message, ...] = ()
    text: str = ""

    @property
    def mode(self) -> str:
        """Either "chat" or "completion"."""
        return "chat" if self.messages else "completion"


@dataclass(frozen=True, slots=True)
class Constraint:
    """What an answer must be, for engines that can be held to it; answers are read with care all the same.

    `value` is, by kind: a JSON schema as JSON text, a JSON list of the texts to choose from, a regular expression for
    the whole answer, an EBNF grammar. `told` says that the prompt itself names all of it, so that the journal's key
    need not.
    """

    kind: Literal["json", "choice", "regex", "grammar"]
    value: str
    in_prompt: bool = False


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One thing a step wants of a model, or (`prompt` None) rows that need none.

    `match` is the part of the quota it works for (`{"label": "refund"}`), `fields` the attributes and source texts
    its candidates inherit, `texts` how many candidates one answer should bring. `options` are the codes (A, B, …) whose
    log-probabilities as the first token are wanted instead of a text.
    """

    step: str
    model: str
    prompt: RenderedPrompt | None
    sampling: Sampling
    labels: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    parent_ids: tuple[str, ...] = ()
    example_ids: tuple[str, ...] = ()
    candidates: int = 1
    records: tuple[Record, ...] = ()
    constraint: Constraint | None = None
    options: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model gets: `key` is the journal's key, the sha256 hex of everything that shapes the answer."""

    key: str
    prompt: RenderedPrompt
    sampling: Sampling
    constraint: Constraint | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionScores:
    """Log-probabilities (natural logarithm, ≤ 0) of options as the first token of an answer.

    An option that `known` lacks has at most `bound`. `exact` says that the engine was seen to give the model's own
    log-probabilities, before any sampling setting.
    """

    logprobs: Mapping[str, float]
    upper_bound: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model gave back: text, `finish` ("stop" or "length"), the engine's own token counts.

    `failure` is None, or the sentence that says why this request failed for good (then `text` is empty). `scores` are
    there where the request has options; `engine` is the engine's name and version, "" where it does not tell.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failure: str | None = None
    scores: OptionScores | None = None
    engine: str = ""


@dataclass(slots=True)
class RecordLedger:
    """Counts every candidate into exactly one end; the run asks it after each window.

    `ends` maps each id that was ever read to its end, "" until it has one. Raises CensusBroken when a record ends
    twice, when one is left without an end, or when a twin is not itself accepted.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    unresolved: int = 0
    duplicates: dict[str, str] = field(default_factory=dict)

    def register(self, records: Iterable[Record]) -> None:
        """Count new candidates in. An id that comes again is a broken census."""
        for record in records:
            if record.id in self.outcomes:
                raise LedgerError(f"record {record.id} became a candidate twice; its text: {record.text[:60]!r}")
            self.outcomes[record.id] = ""
            self.unresolved += 1

    def resolve(self, record: Record, end: str, twin: str | None = None) -> None:
        """Note the one end of a candidate: accepted, dropped or review."""
        known = self.outcomes.get(record.id)
        if known is None:
            raise LedgerError(f"record {record.id} ended as {end!r} and never was a candidate")
        if known:
            raise LedgerError(f"record {record.id} ended twice: {known!r}, then {end!r}")
        self.outcomes[record.id] = end
        self.unresolved -= 1
        if twin is not None:
            self.duplicates[record.id] = twin

    def verify(self, source_ids: Container[str] = ()) -> None:
        """Check the books: all candidates ended, every twin accepted (or one of the `known` given rows)."""
        if self.unresolved:
            lost = next(one for one, end in self.outcomes.items() if not end)
            raise LedgerError(
                f"{len(self.outcomes)} candidates but {len(self.outcomes) - self.unresolved} ends; one is {lost}"
            )
        for one, twin in self.duplicates.items():
            if self.outcomes.get(twin) != "accepted" and twin not in source_ids:
                raise LedgerError(
                    f"record {one} was dropped for {twin}, which is {self.outcomes.get(twin, 'unknown')!r}"
                )
        self.duplicates.clear()
