"""The values that travel through a run: frozen, slotted and small. A step never changes a record, it makes a new one.

A record is a text with its labels, fields, scores and provenance. It takes about 1 KB at 20 words; those of a large run
are on the disk (store/record_spool.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from textsynth.core.errors import LedgerError

if TYPE_CHECKING:
    from textsynth.core.sorted_runs import SortedRuns

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
NO_FIELDS: Mapping[str, JsonValue] = MappingProxyType({})
NO_NOTES: Mapping[str, str] = MappingProxyType({})
NO_SCORES: Mapping[str, float] = MappingProxyType({})
REVIEW_DECISION = "decided_by_person"
"""The field of a record that holds what a person decided in a review: keep or relabel."""
_ID = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a text comes from.

    `step` is the name of the step in the recipe (of the source, for a given row); `parent_ids` are the records that the
    text rewrites; `example_ids` are the seeds that its prompt showed; `request_key` is the journal's key of the answer
    it was parsed from ("" for given rows); `index` is its position in that answer or, for a given row, its number among
    the rows with the same content.
    """

    step: str
    parent_ids: tuple[str, ...] = ()
    example_ids: tuple[str, ...] = ()
    request_key: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One text with what is known about it.

    `labels` are names from the recipe (empty: none yet; several only with `multi_label: true`). `fields` holds JSON
    values by name: attributes (`tone`), texts that belong to this one (`source_text`, `document`, `text_a`), turns of a
    dialogue, spans. `scores` holds the numbers of filters and labellers, by step name. `id` is 16 hex digits of the
    sha256 of step, parents, request key, index and text: labels, fields and scores do not change it, and it never
    depends on a position in a plan.
    """

    text: str
    provenance: Provenance
    labels: tuple[str, ...] = ()
    fields: Mapping[str, JsonValue] = field(default_factory=lambda: NO_FIELDS)
    scores: Mapping[str, float] = field(default_factory=lambda: NO_SCORES)
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        source = self.provenance
        content = "\x1f".join((source.step, *source.parent_ids, source.request_key, str(source.index), self.text))
        digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "id", digest[:16])

    @classmethod
    def restored(
        cls,
        id_: str,
        text: str,
        provenance: Provenance,
        labels: tuple[str, ...],
        fields: Mapping[str, JsonValue],
        scores: Mapping[str, float],
    ) -> Record:
        """Return a record whose id is known, as of one that was stored; that is faster than to compute it again."""
        record = object.__new__(cls)
        restore = object.__setattr__
        restore(record, "text", text)
        restore(record, "provenance", provenance)
        restore(record, "labels", labels)
        restore(record, "fields", fields)
        restore(record, "scores", scores)
        restore(record, "id", id_)
        return record

    @property
    def label(self) -> str | None:
        """The first label, or None."""
        return self.labels[0] if self.labels else None

    def field_text(self, name: str) -> str:
        """Return a field that holds text; "" where it is missing or holds something else."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def quota_value(self, key: str) -> str | None:
        """Return what a quota counts under `key`: the label for "label", else the field of that name if it is text."""
        if key == "label":
            return self.label
        value = self.fields.get(key)
        return value if isinstance(value, str) else None

    def with_labels(self, labels: Sequence[str]) -> Record:
        """Return the same record with other labels; the id stays."""
        return Record(self.text, self.provenance, tuple(labels), self.fields, self.scores)

    def with_scores(self, scores: Mapping[str, float]) -> Record:
        """Return the same record with `scores` added; the id stays."""
        if not scores:
            return self
        return Record(self.text, self.provenance, self.labels, self.fields, {**self.scores, **scores})

    def viewed_as(self, text: str) -> Record:
        """Return the record as a filter should see it, with `text` in place of its own; the id stays."""
        return Record.restored(self.id, text, self.provenance, self.labels, self.fields, self.scores)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter or labeller decided about one record, with the score and the limit it was compared with.

    `reason` says in plain words why the record is dropped; None keeps it and only notes `score`. `duplicate_of` is the
    id of the record that is kept instead. With `needs_review` a person decides about the record.
    """

    reason: str | None
    score: float | None = None
    limit: float | None = None
    duplicate_of: str | None = None
    needs_review: bool = False

    @property
    def keeps(self) -> bool:
        """Whether the record is kept."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class DroppedRecord:
    """A record that is not accepted, with the section and step that decided. Section `review` waits for a person."""

    record: Record
    section: str
    step: str
    reason: str
    score: float | None = None
    limit: float | None = None
    duplicate_of: str | None = None


def reason_category(reason: str) -> str:
    """Return a reason without what it quotes after its colon, so that reasons of one kind count together."""
    return reason.split(": ", 1)[0].removesuffix("; there are")


class Message(NamedTuple):
    """One turn of a chat prompt."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model samples its answer. `top_k` 0 and `top_p` 1.0 switch the cut off; `max_tokens` counts new tokens."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt with its values filled in: chat `messages`, or one raw `text` where they are empty (completion mode)."""

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
    """The form an answer must have, for engines with structured output; every answer is parsed with care all the same.

    `value` is, by kind: a JSON schema as JSON text, a JSON list of the choices, a regular expression for the whole
    answer, an EBNF grammar. `in_prompt` says that the prompt states all of it, so that the journal's key need not.
    """

    kind: Literal["json", "choice", "regex", "grammar"]
    value: str
    in_prompt: bool = False


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One request of a step to a model, or (`prompt` None) given `records` that need none.

    `step` and `model` are names in the recipe. The candidates inherit `labels`, `fields` and `parent_ids`;
    `example_ids` are the seeds that the prompt shows. `candidates` is how many texts one answer should hold. `options`
    are the codes (A, B, …) whose log-probabilities as the first token are wanted in place of a text. `max_follow_ups`
    is the longest chain of further requests that may depend on the answer. `notes` are for the step itself.
    """

    step: str
    model: str
    prompt: RenderedPrompt | None
    sampling: Sampling
    labels: tuple[str, ...] = ()
    fields: Mapping[str, JsonValue] = field(default_factory=lambda: NO_FIELDS)
    parent_ids: tuple[str, ...] = ()
    example_ids: tuple[str, ...] = ()
    candidates: int = 1
    records: tuple[Record, ...] = ()
    constraint: Constraint | None = None
    options: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=lambda: NO_NOTES)
    max_follow_ups: int = 0

    @classmethod
    def of_records(cls, step: str, records: Sequence[Record], labels: tuple[str, ...] = ()) -> GenerationRequest:
        """Return the request of a step that brings these records without a model."""
        return cls(step, "", None, Sampling(), labels, candidates=len(records), records=tuple(records))


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model receives: `key` is the journal's key, the sha256 hex of everything that shapes the answer."""

    key: str
    prompt: RenderedPrompt
    sampling: Sampling
    constraint: Constraint | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionScores:
    """Log-probabilities (natural logarithm, ≤ 0) of options as the first token of an answer.

    An option missing from `logprobs` has at most `upper_bound`. `exact` says that the engine was seen to return the
    model's own log-probabilities, before any sampling parameter.
    """

    logprobs: Mapping[str, float]
    upper_bound: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer: its text, `finish` ("stop" or "length"), and the engine's own token counts.

    `failure` is None, or the sentence that says why this request failed for good (then `text` is empty). `scores` are
    set where the request has options. `engine` is the engine's name and version, "" where it does not say.
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
    """Checks that every candidate has exactly one outcome: accepted, dropped or review. The run verifies it per window.

    `outcomes` maps the id of each recent candidate to its outcome, "" until it has one; once they are more than
    `max_recent`, it is only known of them whether they were accepted (9 bytes each). Raises LedgerError where a record
    is registered or resolved twice, where one has no outcome, or where a duplicate's original was not accepted.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    unresolved: int = 0
    duplicates: dict[str, str] = field(default_factory=dict)
    earlier: SortedRuns | None = None
    max_recent: int = 100_000

    def register(self, records: Iterable[Record]) -> None:
        """Add new candidates."""
        if self.earlier is not None:
            records = list(records)
            repeated = self._earlier_outcomes([record.id for record in records])
            record = next((record for record in records if record.id in repeated), None)
            if record is not None:
                raise _registered_twice(record)
        for record in records:
            if record.id in self.outcomes:
                raise _registered_twice(record)
            self.outcomes[record.id] = ""
            self.unresolved += 1

    def resolve(self, record: Record, outcome: str, duplicate_of: str | None = None) -> None:
        """Note the one outcome of a candidate: accepted, dropped or review."""
        current = self.outcomes.get(record.id)
        if current is None:
            current = self._earlier_outcomes([record.id]).get(record.id)
        if current is None:
            raise LedgerError(f"record {record.id} was resolved as {outcome!r} and never was a candidate")
        if current:
            raise LedgerError(f"record {record.id} was resolved twice: {current!r}, then {outcome!r}")
        self.outcomes[record.id] = outcome
        self.unresolved -= 1
        if duplicate_of is not None:
            self.duplicates[record.id] = duplicate_of

    def verify(self, source_ids: Container[str] = ()) -> None:
        """Check that all candidates are resolved, and every duplicate's original accepted (or one of `source_ids`)."""
        if self.unresolved:
            lost = next(record_id for record_id, outcome in self.outcomes.items() if not outcome)
            candidates = len(self.outcomes) + (0 if self.earlier is None else len(self.earlier))
            resolved = candidates - self.unresolved
            raise LedgerError(f"{candidates} candidates but {resolved} outcomes; one without is {lost}")
        originals = set(self.duplicates.values())
        earlier = self._earlier_outcomes([original for original in originals if original not in self.outcomes])
        for record_id, original in self.duplicates.items():
            state = self.outcomes.get(original) or earlier.get(original, "unknown")
            if state != "accepted" and original not in source_ids:
                raise LedgerError(f"record {record_id} was dropped as a duplicate of {original}, which is {state!r}")
        self.duplicates.clear()
        if len(self.outcomes) > self.max_recent:
            self._pack()

    def _earlier_outcomes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the outcomes of those of the candidates that are earlier ones, by id."""
        if self.earlier is None:
            return {}
        from textsynth.core.sorted_runs import id_numbers

        ids = [record_id for record_id in ids if _ID.fullmatch(record_id)]  # a filter of a user may name anything
        found, accepted = self.earlier.find(id_numbers(ids))
        return {ids[index]: "accepted" if accepted[index] else "not accepted" for index in found.nonzero()[0].tolist()}

    def _pack(self) -> None:
        import numpy as np  # a run of ordinary size needs none of this

        from textsynth.core.sorted_runs import SortedRuns, id_numbers

        if self.earlier is None:
            self.earlier = SortedRuns(np.bool_)
        accepted = [outcome == "accepted" for outcome in self.outcomes.values()]
        self.earlier.add(id_numbers(self.outcomes), np.array(accepted))
        self.outcomes.clear()


def _registered_twice(record: Record) -> LedgerError:
    return LedgerError(f"record {record.id} became a candidate twice; its text: {record.text[:60]!r}")
