"""Texts from a grammar: weighted rules with slots, written by hand for each label; no model is asked.

A rule is a text with slots in braces. A slot is a list of alternatives, which may have slots themselves, or a provider
of the package Faker (`{faker: city}`, extra `faker`). Alternatives are drawn by their weights, and no text of a label
comes twice; where the rules have few derivations, every one is used. The label of a text is that of its rule, and the
field `spans` of its provenance holds the exact position of each slot: `start` and `end` in characters (`end` not
included) and `slot`, its name.

As many texts are written as the quota lacks; without a quota, up to `max_texts` of each label.

Does not vary what the rules do not vary: a classifier that is trained on these texts alone learns the rules. Write many
rules for each label, and evaluate on real texts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from textsynth.core.errors import UsageError, did_you_mean, require_extra
from textsynth.core.formatting import pluralize
from textsynth.core.options import Options
from textsynth.core.protocols import Context, Generator, TextOrigin
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, JsonValue, Provenance, Record
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.generate.derivations import Derivation, Derivations, WeightedTexts, check_slots, compile_rules

if TYPE_CHECKING:
    from faker import Faker

TEXTS_PER_REQUEST = 1000
SPANS = "spans"
"""The record field with the positions of the slots."""


class WeightedText(Options):
    """A rule or an alternative of a slot with its weight; a plain text has weight 1."""

    text: str = Field(description="the text, with slots in braces")
    weight: float = Field(default=1.0, gt=0, description="how often it is drawn compared with the others of its list")


class FakerSlot(Options):
    """A slot that a provider of the package Faker fills."""

    faker: str = Field(description="the provider, such as first_name, city, iban or date; one without arguments")
    locale: str | None = Field(default=None, description="Faker's locale, such as de_CH; default: by language")


if TYPE_CHECKING:
    Alternatives = Sequence[str | WeightedText]
else:
    Alternatives = Annotated[tuple[str | WeightedText, ...], Field(min_length=1)]


class Grammar(Generator):
    """Texts from weighted rules with slots; no model is asked."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset({SPANS})
    keeps_source_fields: ClassVar[bool] = False
    needs_model: ClassVar[bool] = False

    rules: dict[str, Alternatives] = Field(min_length=1, description="the rules of each label")
    slots: dict[str, Alternatives | FakerSlot] = Field(
        default={}, description="the alternatives of each slot, or `{faker: PROVIDER}`"
    )
    max_texts: int = Field(
        default=1000, ge=1, description="without a quota: the most texts of each label; a quota is not limited by it"
    )

    @model_validator(mode="after")
    def _check_slots(self) -> Grammar:
        rules = {label: [text for text, _ in _weighted(texts)] for label, texts in self.rules.items()}
        slots = {
            name: [] if isinstance(slot, FakerSlot) else [text for text, _ in _weighted(slot)]
            for name, slot in self.slots.items()
        }
        check_slots(rules, slots)
        return self

    @property
    def follows_quota(self) -> bool:
        """True: it writes what the quota lacks."""
        return True

    @property
    def labels_named(self) -> Sequence[str]:
        """The labels that have rules."""
        return tuple(self.rules)

    @property
    def text_origin(self) -> TextOrigin:
        """How the card describes the texts."""
        return TextOrigin("written by the rules of a grammar", "those of the rules")

    def check_dependencies(self) -> None:
        """Raise MissingExtra where a slot needs the package Faker and it is not installed."""
        name = next((name for name, slot in self.slots.items() if isinstance(slot, FakerSlot)), None)
        if name is not None:
            require_extra("faker", "faker", why=f"the slot {name} of grammar")

    def plan_notes(self, context: Context) -> list[str]:
        """Return how many derivations the rules have, and which labels have no rules."""
        no_providers = dict.fromkeys(self._faker_slots(), str)
        compiled = compile_rules(self._weighted_rules(), self._weighted_slots(), no_providers)
        fewest = min(compiled, key=lambda label: compiled[label].count)
        count = compiled[fewest].count
        notes = ["has rules for any number of texts of each label"]
        if count != math.inf:
            notes = [f"has {pluralize(int(count), 'derivation')} for {fewest}, the fewest of all labels"]
        if without := [label for label in context.labels if label not in self.rules]:
            notes.append(f"has no rules for {pluralize(len(without), 'label')}: {', '.join(without[:5])}")
        return notes

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run. Raises UsageError for an unknown provider or locale of Faker."""
        providers = self._providers(context, f"{context.seed}:{name}")
        compiled = compile_rules(self._weighted_rules(), self._weighted_slots(), providers)
        derivations = {
            label: Derivations(rules, f"{context.seed}:{name}:{label}") for label, rules in compiled.items()
        }  # fmt: skip
        return GrammarSession(derivations, name, self.max_texts)

    def _weighted_rules(self) -> dict[str, WeightedTexts]:
        return {label: _weighted(texts) for label, texts in self.rules.items()}

    def _weighted_slots(self) -> dict[str, WeightedTexts]:
        return {name: _weighted(slot) for name, slot in self.slots.items() if not isinstance(slot, FakerSlot)}

    def _faker_slots(self) -> dict[str, FakerSlot]:
        return {name: slot for name, slot in self.slots.items() if isinstance(slot, FakerSlot)}

    def _providers(self, context: Context, seed: str) -> dict[str, Callable[[], str]]:
        """Return a function for each slot of Faker; those of one locale share a generator of random numbers."""
        slots = self._faker_slots()
        if find_spec("faker") is None:
            return dict.fromkeys(slots, self._report_missing_faker)
        locale_of = {name: slot.locale or context.language for name, slot in slots.items()}
        generators = {locale: _faker(locale, f"{seed}:{locale}") for locale in sorted({*locale_of.values()})}
        return {name: _provider(name, slot, generators[locale_of[name]]) for name, slot in slots.items()}

    def _report_missing_faker(self) -> str:
        """Raise MissingExtra: a run can be estimated without Faker, but no text can be written."""
        self.check_dependencies()
        return ""


class GrammarSession:
    """Writes texts for the labels that lack some, up to a thousand per request."""

    def __init__(self, derivations: Mapping[str, Derivations], name: str, max_texts: int) -> None:
        self._derivations = derivations
        self._name = name
        self._max_texts = max_texts
        self._written: Counter[str] = Counter()
        self._exhausted: set[str] = set()
        self._next_index = 0

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return the next texts for the deficits; [] where the rules have no other texts for them."""
        requests: list[GenerationRequest] = []
        for deficit in deficits:
            for label, number in self._numbers(deficit):
                for size in _parts(number):
                    if len(requests) >= max_requests or label in self._exhausted:
                        break
                    requests += self._write(label, size)
        return requests

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Do nothing: the plan does not depend on accepted texts."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the texts of the request as candidates."""
        return list(request.records)

    def _numbers(self, deficit: QuotaDeficit) -> list[tuple[str, int]]:
        """Return how many texts to write for each label; a deficit without a label is spread over all of them.

        The labels with the fewest texts get one more where it does not divide evenly.
        """
        if set(deficit.cell) - {"label"}:
            return []  # attributes, which a grammar does not vary
        label = deficit.cell.get("label")
        labels = [name for name in self._derivations if name not in self._exhausted and label in (None, name)]
        if deficit.single_pass:
            return [(name, self._max_texts - self._written[name]) for name in labels]
        labels.sort(key=lambda name: self._written[name])
        return [
            (name, deficit.candidates // len(labels) + (index < deficit.candidates % len(labels)))
            for index, name in enumerate(labels)
        ]

    def _write(self, label: str, number: int) -> list[GenerationRequest]:
        """Return one request with the next texts of a label; none where all were used."""
        derivations = self._derivations[label].take(number)
        if len(derivations) < number:
            self._exhausted.add(label)
        if not derivations:
            return []
        records = tuple(
            self._record(label, derivation, index) for index, derivation in enumerate(derivations, self._next_index)
        )
        self._next_index += len(records)
        self._written[label] += len(records)
        return [GenerationRequest.of_records(self._name, records, (label,))]

    def _record(self, label: str, derivation: Derivation, index: int) -> Record:
        spans: list[JsonValue] = [
            {"start": span.start, "end": span.end, "slot": span.slot} for span in derivation.spans
        ]
        return Record(derivation.text, Provenance(self._name, index=index), (label,), {SPANS: spans})


def _weighted(texts: Sequence[str | WeightedText]) -> WeightedTexts:
    return [(text.text, text.weight) if isinstance(text, WeightedText) else (text, 1.0) for text in texts]


def _parts(number: int) -> Iterator[int]:
    """Yield the sizes of the requests for a number of texts."""
    for start in range(0, number, TEXTS_PER_REQUEST):
        yield min(TEXTS_PER_REQUEST, number - start)


def _faker(locale: str, seed: str) -> Faker:
    from faker import Faker

    try:
        faker = Faker(locale)
    except (AttributeError, ImportError) as error:
        raise UsageError(f"grammar: Faker has no locale {locale!r}: name one, such as en_US, as `locale`") from error
    faker.seed_instance(seed)
    return faker


def _provider(name: str, slot: FakerSlot, faker: Faker) -> Callable[[], str]:
    """Return a function that returns a new text of a provider. Raises UsageError where it cannot be called."""
    names = [provider for provider in dir(faker) if not provider.startswith("_") and provider.islower()]
    provider = getattr(faker, slot.faker, None) if slot.faker in names else None
    if provider is None:
        raise UsageError(
            f"grammar: slots.{name}: Faker has no provider {slot.faker!r}{did_you_mean(slot.faker, names)}"
        )
    state = faker.random.getstate()
    try:
        provider()
    except (TypeError, ValueError, AttributeError, LookupError, ImportError) as error:
        raise UsageError(
            f"grammar: slots.{name}: the provider {slot.faker!r} cannot be called without arguments: {error}"
        ) from error
    faker.random.setstate(state)
    return lambda: str(provider())
