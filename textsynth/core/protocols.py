"""The protocols of the items of a recipe, and how an item is found by section and name.

A section of items is a folder of the package, an item is a file in it, the item's map are the fields of the one
class there: `filter: [near_duplicate: {similarity: 0.7}]` is `textsynth/filter/near_duplicate.py`, class
`NearDuplicate`, field `similarity`. There is no registry to edit. `./my_filter.py` is a file beside the recipe.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from pydantic import Field

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.options import ModelName, Options, PromptName, SamplingOptions
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Sampling, Verdict
from textsynth.core.registry import class_name, find_class, load_plugin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.prompts import Prompt

SECTIONS = ("models", "sources", "generate", "filter", "label", "select")


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may know of its run. There are no globals and no clock.

    `labels` maps each label's name to its meaning, in the recipe's order; `sources` maps a source's name to its
    records, in the file's order; `embed` maps n texts to an array (n, dim) of unit vectors, float32; `prompt` finds a
    prompt by name in the form that suits the named model.
    """

    task: str
    language: str
    seed: int
    labels: Mapping[str, str]
    multi_label: bool
    sources: Mapping[str, Sequence[Record]]
    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    find_prompt: Callable[[str, str], Prompt]


@dataclass(frozen=True, slots=True)
class QuotaDeficit:
    """A part of the quota that is not met: `match` ({} is the total), and how many texts to ask for there.

    `texts` counts candidates, not accepted texts: the loop has already divided by the yield of this generator.
    `once` says that nothing is wanted but one way through what the generator has.
    """

    cell: Mapping[str, str]
    candidates: int
    single_pass: bool = False


class GeneratorSession(Protocol):
    """A generator at work in one run; its state depends only on the calls made, in their order."""

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return at most `room` asks for the shortfalls; [] when it has nothing (more) to offer."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Turn the answer to `ask` (its journal key is `request`) into candidates, in their order in the answer.

        What cannot be read is a Drop of section `parse` whose record carries the raw answer.
        """

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Take note of the texts that a window brought, in order; later prompts may depend on them."""


class FilterSession(Protocol):
    """A filter at work in one run."""

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict for each record, in order; None keeps it and notes nothing.

        Looks at what was settled so far and, where records are compared, at the *earlier* records of the batch,
        preferring a settled twin to one of the batch. Changes nothing.
        """

    def commit(self, records: Sequence[Record]) -> None:
        """Take records that passed everything into the memory, in order."""


class Step(Options):
    """The base of every item. The module's docstring ends with what the item does *not* cover."""

    def check_dependencies(self) -> None:
        """Raise MissingExtra where a package that the item will load is not installed; loads nothing."""


class Source(Step):
    """Reads given rows."""

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence if what the rows are read from does not exist, else None; reads nothing."""
        return None

    @property
    def publisher_license(self) -> str | None:
        """The licence of the rows as their own publisher tells it, None where nobody has."""
        return None

    def pin_revision(self, base: Path, *, name: str) -> Source:
        """Return the source as it is now: what may move, as a branch on the Hub, is named by what it is.

        `name` is what the recipe calls it. Raises SourceError where that cannot be told.
        """
        return self

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in the file's order; `base` is the recipe's folder. Raises SourceError."""
        raise NotImplementedError


class Generator(Step):
    """Plans requests for what is missing and reads answers into candidates.

    A `free` one needs no model: all it has becomes a candidate, whatever the quota. `makes` are the fields that its
    texts have beyond those of the rows they are made from; None where nobody can say before it runs.
    """

    free: ClassVar[bool] = False
    output_fields: ClassVar[frozenset[str] | None] = None

    share: float | None = Field(
        default=None, gt=0, le=1, description="share of the accepted texts; left out: an even split of the rest"
    )

    def start(self, context: Context, item: str) -> GeneratorSession:
        """Return the generator at work; `item` is its name in the recipe."""
        raise NotImplementedError


class PromptedGenerator(Generator):
    """A generator that puts its values into a prompt template; `offers` are the variables it has for it."""

    prompt_variables: ClassVar[frozenset[str]] = frozenset()

    model: ModelName = Field(default="generator", description="the model that writes, by its name under `models`")
    prompt: PromptName
    sampling: SamplingOptions = Field(default=SamplingOptions(), description="overrides the prompt's own sampling")

    def sampling_for(self, prompt: Prompt) -> Sampling:
        """Return the sampling of a request: the step's own settings over the prompt's over the defaults."""
        return merge_sampling(prompt.sampling, self.sampling)


def merge_sampling(*layers: SamplingOptions) -> Sampling:
    """Lay sampling options over the defaults; a later layer wins where it sets something."""
    chosen: dict[str, object] = {}
    for layer in layers:
        chosen.update(layer.model_dump(exclude_none=True))
    return dataclasses.replace(Sampling(), **chosen)  # type: ignore[arg-type]  # the names and types are the same


class Filter(Step):
    """Judges one record at a time through `check`; one that compares records overrides `begin`."""

    def check(self, record: Record) -> Verdict | None:
        """Return None to keep the record, or a Verdict."""
        raise NotImplementedError

    def start(self, context: Context) -> FilterSession:
        """Return the filter at work in one run."""
        return StatelessFilterSession(self.check)


class StatelessFilterSession:
    """A judge that looks at each record alone and remembers nothing."""

    def __init__(self, check: Callable[[Record], Verdict | None]) -> None:
        self._check = check

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return `check(record)` for each record, in order; what it raises tells of which text."""
        verdicts: list[Verdict | None] = []
        for record in records:
            try:
                verdicts.append(self._check(record))
            except Exception as fault:
                fault.add_note(f"of the text {record.text[:60]!r}")
                raise
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""


class LabellerSession(Protocol):
    """A labeller at work in one run: asks a model about each record, then reads the answers."""

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return, for each record in order, what to ask about it; [] when nothing needs asking."""

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with its labels and measures, and a verdict (None keeps it)."""


@runtime_checkable
class CalibratableSession(LabellerSession, Protocol):
    """A labeller at work that is tried on rows of known labels before it is asked about any text.

    The rows go through `asks` as texts do, so that they cost, are journalled and come back as all else; the run tells
    what was learnt in its notes, manifest, card and report.
    """

    def gold_records(self) -> Sequence[Record]:
        """Return the rows to be asked about, without their labels; [] tries nothing."""

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        """Take in the answers about each of the rows, in their order; `read` goes by them from then on."""


class Labeller(Step):
    """Gives or verifies labels with a model, after every filter has passed."""

    @property
    def requests_per_record(self) -> int:
        """How many requests it makes about a text."""
        return 1

    def start(self, context: Context, item: str) -> LabellerSession:
        """Return the labeller at work in one run."""
        raise NotImplementedError


class Selector(Step):
    """Picks, once, from all that was accepted."""

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the ids of the picked records; `quota` maps a label ("" where there are none) to how many at most."""
        raise NotImplementedError


def component_names(section: str) -> list[str]:
    """Return the names of all bundled items of a section, sorted."""
    package = importlib.import_module(f"textsynth.{section}")
    return sorted(
        found.name
        for found in pkgutil.iter_modules(package.__path__)
        if component_class(section, found.name) is not None
    )


def load_component(section: str, name: str, beside: Path | None = None) -> type[Options]:
    """Return the class of an item: bundled by name, or `./file.py` beside the recipe.

    Raises UsageError with the nearest right name when there is none.
    """
    if name.startswith("./"):
        return _class_in(load_plugin(name, beside or Path()), Path(name).stem, name)
    found = component_class(section, name) if name.isidentifier() else None
    if found is None:
        raise UsageError(f"{section} has no item {name!r}{did_you_mean(name, component_names(section))}")
    return found


def component_class(section: str, name: str) -> type[Options] | None:
    """Return the class of a bundled item, or None where the file has none (it is a helper) or does not exist."""
    found = find_class(f"textsynth.{section}", name)
    return found if isinstance(found, type) and issubclass(found, Options) else None


def _class_in(module: ModuleType, stem: str, name: str) -> type[Options]:
    found = getattr(module, class_name(stem), None)
    if not (isinstance(found, type) and issubclass(found, Options)):
        raise UsageError(
            f"{name!r} defines no class {class_name(stem)!r} that is a step (class {class_name(stem)}(Filter): …)"
        )
    return found
