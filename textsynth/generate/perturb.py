"""Perturbed copies: the texts of a source with small changes as people make them; no model is asked.

Each row gets as many copies as each operator is given, whatever the quota. A copy keeps the labels and fields of its
row (but not `spans`, whose positions would be wrong), its field `operator` names the change, and its provenance names
the row as its parent, so that copies and their row are in one split. A row that an operator cannot change, or not in as
many ways, gets fewer copies. The same seed gives the same copies, whatever the order of the rows.

- `typos`: a letter of some words is swapped, dropped, doubled or replaced by a key next to it
- `casing`: all small letters, all capitals, or each word with a capital
- `contractions`: "do not" for "don't" and the reverse (English)
- `deletion`: some words are left out
- `swaps`: some neighbouring words change places

Words with a digit stay as they are. `exact_duplicate` ignores case and `near_duplicate`, `semantic_duplicate` and
`copies_source` drop what is similar, so leave these filters out of a recipe with copies.

Does not check that the meaning is kept: a deleted word such as "not" changes it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field, field_validator

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Generator, TextOrigin
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.grammar import SPANS
from textsynth.generate.perturbations import ENGLISH_ONLY, OPERATORS

ROWS_PER_REQUEST = 200
ATTEMPTS = 5
"""How often an operator is tried for a copy that differs from the row and its other copies."""


class Perturb(Generator):
    """Copies of given rows with small changes; no model is asked."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset({"operator"})
    needs_model: ClassVar[bool] = False

    source: SourceName = Field(default="raw", description="the rows to copy")
    operators: dict[str, int] = Field(
        default={"typos": 1}, min_length=1, description=f"copies of each row by operator: {', '.join(OPERATORS)}"
    )
    strength: float = Field(
        default=0.15, gt=0, le=1, description="share of the words that an operator changes, at least one"
    )

    @field_validator("operators")
    @classmethod
    def _check_operators(cls, operators: dict[str, int]) -> dict[str, int]:
        for name, copies in operators.items():
            if name not in OPERATORS:
                raise ValueError(f"there is no operator {name!r}{did_you_mean(name, OPERATORS)}")
            if copies < 0:
                raise ValueError(f"the copies by {name} are a whole number from 0, found {copies}")
        return operators

    @property
    def text_origin(self) -> TextOrigin:
        """How the card describes the texts."""
        return TextOrigin("copies of given texts with small changes", "those that came with the texts")

    @property
    def candidates_per_row(self) -> int:
        """The copies of a row."""
        return sum(self.operators.values())

    def plan_notes(self, context: Context) -> list[str]:
        """Return how many texts are made."""
        rows = len(context.sources[self.source])
        texts = pluralize(rows * self.candidates_per_row, "changed text")
        return [f"makes up to {texts} from {pluralize(rows, 'row')}; no model is asked"]

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run. Raises UsageError for an operator of another language."""
        for operator in sorted(ENGLISH_ONLY & self.operators.keys()):
            if context.language != "en":
                raise UsageError(
                    f"{name}: the operator {operator!r} is for English, found the language {context.language!r}: "
                    f"leave it out; the others are {', '.join(sorted(OPERATORS.keys() - ENGLISH_ONLY))}"
                )
        return PerturbSession(self, context.sources[self.source], f"{context.seed}:{name}", name)


class PerturbSession:
    """Copies the rows in order, two hundred per request."""

    def __init__(self, step: Perturb, rows: Sequence[Record], seed: str, name: str) -> None:
        self._step = step
        self._rows = rows
        self._seed = seed
        self._name = name
        self._next = 0

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return the copies of the next rows as one request; [] when there are no more."""
        if max_requests < 1:
            return []
        while self._next < len(self._rows):
            rows = self._rows[self._next : self._next + ROWS_PER_REQUEST]
            self._next += len(rows)
            copies = tuple(copy for row in rows for copy in self._copies(row))
            if copies:
                return [GenerationRequest.of_records(self._name, copies)]
        return []

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Do nothing: the plan does not depend on accepted texts."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the copies of the request as candidates."""
        return list(request.records)

    def _copies(self, row: Record) -> Iterator[Record]:
        """Yield the copies of a row, by operator in the order of the recipe; `index` counts them."""
        texts = {row.text}
        fields = {name: value for name, value in row.fields.items() if name != SPANS}
        for operator, number in self._step.operators.items():
            for copy in range(number):
                text = self._changed(row, operator, copy, texts)
                if text is None:
                    break
                provenance = Provenance(self._name, parent_ids=(row.id,), index=len(texts) - 1)
                texts.add(text)
                yield Record(text, provenance, row.labels, {**fields, "operator": operator})

    def _changed(self, row: Record, operator: str, copy: int, texts: set[str]) -> str | None:
        """Return a changed text that is none of `texts`; None where the operator brings none."""
        generator = random.Random(f"{self._seed}:{row.id}:{operator}:{copy}")
        for _ in range(ATTEMPTS):
            text = OPERATORS[operator](row.text, generator, self._step.strength)
            if text.strip() and text not in texts:
                return text
        return None
