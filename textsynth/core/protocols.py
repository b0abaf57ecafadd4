"""The base classes of the components of a recipe.

A component (`Filter`) holds the options that a recipe gives; `start` returns its session (sessions.py), which does the
work and holds what changes during a run. `registry.py` finds a component by its section and name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import Field

from textsynth.core.gap_summary import Gaps
from textsynth.core.index_shards import OpenShards
from textsynth.core.options import ModelName, PromptName, SamplingOptions, Step
from textsynth.core.records import Record, Sampling, Verdict
from textsynth.core.sessions import FilterSession, GeneratorSession, LabellerSession
from textsynth.core.source_rows import SeenSources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.core.task import Task
    from textsynth.prompts import Prompt


TextScope = Literal["text", "joined", "record"]
"""What a step sees of a record with several texts: each text as a record of its own, all as one text, or the record."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may know of its run. There are no globals and no clock.

    `labels` maps each label's name to its description, in the recipe's order; `sources` maps a source's name to its
    records, in the file's order; `embed` maps n texts to an array (n, dim) of unit vectors, float32; `find_prompt`
    takes a prompt's name and a model's name and returns the prompt in the form that suits the model. `load_embedder`
    loads what `embed` would load at the first text. `labellers` are the names of the steps that assign or verify labels
    with a model, and `confidence_steps` those whose score is the confidence in a label, in the order in which they run.
    `open_shards` opens the shards of an index on a cluster; None: an index is in this process.
    """

    task: Task
    language: str
    seed: int
    labels: Mapping[str, str]
    multi_label: bool
    sources: Mapping[str, Sequence[Record]]
    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    find_prompt: Callable[[str, str], Prompt]
    load_embedder: Callable[[], None] = lambda: None
    labellers: tuple[str, ...] = ()
    confidence_steps: tuple[str, ...] = ()
    open_shards: OpenShards | None = None

    def seen_as(self, scope: TextScope) -> Context:
        """Return the context with the rows of the sources as a step with this scope sees records."""
        if scope == "record":
            return self
        task = self.task
        views = task.each_text if scope == "text" else lambda row: [task.joined(row)]
        return dataclasses.replace(self, sources=SeenSources(self.sources, views))


@dataclass(frozen=True, slots=True)
class TextOrigin:
    """Where texts without a model come from, as the card says it.

    `texts` ends "The texts are …", `labels` ends "The labels are …".
    """

    texts: str = "given"
    labels: str = "those that came with the texts"


@dataclass(frozen=True, slots=True)
class SourceOrigin:
    """Where the rows of a source come from: a path, or a data set on the Hub (`repository`) with its commit."""

    path: str | None = None
    repository: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source: its path or URL, its name in messages, and its size in bytes."""

    path: str
    name: str
    size: int


class Source(Step):
    """Reads given rows."""

    @property
    def origin(self) -> SourceOrigin:
        """Where the rows come from, as manifest and card show it."""
        return SourceOrigin()

    @property
    def field_names(self) -> tuple[str, ...] | None:
        """The record fields that the rows will have; None where that is not known before they are read."""
        return None

    @property
    def may_have_labels(self) -> bool:
        """Whether rows may have labels; False only where the recipe says that they have none."""
        return True

    def with_columns(self, text: str, fields: Mapping[str, str]) -> Source:
        """Return the source with these default columns: `text`, and field → column. A column that it names wins."""
        return self

    def missing_file(self, base: Path) -> str | None:
        """Return one sentence if the file or folder that holds the rows does not exist, else None; reads nothing."""
        return None

    def column_names(self, base: Path) -> tuple[str, ...]:
        """Return the names of all columns of the rows, for hints; () where they are not known without a download."""
        return ()

    @property
    def publisher_license(self) -> str | None:
        """The license of the rows as their publisher states it, None where it is not known."""
        return None

    def pin_revision(self, base: Path, *, name: str) -> Source:
        """Return the source with what may move, such as a branch on the Hub, replaced by what it is now (a commit).

        `name` is its name in the recipe. Raises SourceError where that cannot be found out.
        """
        return self

    def content_hash(self, base: Path) -> str | None:
        """Return a text that changes with the content of what is read, None where that takes reading it, or more.

        A run whose sources have one is not made again while nothing has changed.
        """
        return None

    def shard_files(self, base: Path) -> Sequence[SourceFile] | None:
        """Return the files that can be read one by one, in the order of the rows; None where the rows have none."""
        return None

    def read_shard(self, file: SourceFile, base: Path, *, name: str) -> Sequence[Record]:
        """Return the rows of one of the `shard_files`; equal rows are not numbered across files. Raises SourceError."""
        raise NotImplementedError

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in the file's order; `base` is the recipe's folder. Raises SourceError."""
        raise NotImplementedError

    def rows(self, base: Path, *, name: str, seed: int) -> Sequence[Record]:
        """Return the same as `read`, perhaps without making each record before it is used. Raises SourceError."""
        return self.read(base, name=name, seed=seed)


class Generator(Step):
    """Plans requests for quota cells that are not met, and parses answers into candidates.

    With `needs_model = False` everything the generator has becomes a candidate once, whatever the quota, unless it
    `follows_quota`. `output_fields` are the fields that the generator itself gives its texts; None where these are not
    known before a run. Fields that the answer reader of its prompt gives are added to them, and with
    `keeps_source_fields` those of the rows that the texts are made from.
    """

    needs_model: ClassVar[bool] = True
    output_fields: ClassVar[frozenset[str] | None] = None
    keeps_source_fields: ClassVar[bool] = True

    share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the accepted texts that this generator writes; default: an even split of the rest",
    )

    @property
    def follows_quota(self) -> bool:
        """Whether it brings what the quota lacks, rather than all it has once."""
        return self.needs_model

    @property
    def candidates_per_row(self) -> int:
        """How many candidates each row of its sources brings, where it does not follow the quota."""
        return 1

    @property
    def labels_named(self) -> Sequence[str]:
        """The labels that its options name; the recipe must list each of them."""
        return ()

    @property
    def text_origin(self) -> TextOrigin:
        """Where its texts come from; used where `needs_model` is False."""
        return TextOrigin()

    @property
    def varied_attributes(self) -> Mapping[str, Sequence[str]]:
        """The attributes that the texts are varied by, each with its values; a quota may count them."""
        return {}

    @property
    def own_cells(self) -> Sequence[tuple[Mapping[str, str], int]]:
        """Quota cells that the options of the generator ask for, each with the number of texts to select."""
        return ()

    def attribute_issues(self, labels: Collection[str]) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Return the mistakes in the attributes: the keys that lead to each, and a sentence without the step's name."""
        return ()

    def fitted_to(self, rows: Mapping[str, Sequence[Record]], labels: Sequence[str], *, multi_label: bool) -> Generator:
        """Return the generator with what it takes from the rows of the sources. Raises UsageError where it cannot."""
        return self

    @property
    def looks_for_gaps(self) -> bool:
        """Whether it looks for topics of real rows that its seeds lack, which takes their embeddings."""
        return False

    def with_gaps(
        self, context: Context, name: str, may_be_shown: Callable[[Sequence[Record]], Sequence[bool]]
    ) -> Generator:
        """Return the generator with the topics that its seeds lack; `name` is the step's name in the recipe.

        `may_be_shown` says for each row whether a prompt may show it. Raises UsageError for unusable rows.
        """
        return self

    @property
    def found_gaps(self) -> Gaps | None:
        """The topics that its seeds lack; None where it does not look for any, or has not yet."""
        return None

    def can_write(self, cell: Mapping[str, str], labels: Collection[str]) -> bool:
        """Whether a text of this generator can have the values of a quota cell, in a recipe with these labels."""
        return all(name == "label" or name in self.varied_attributes for name in cell)

    @property
    def label_combinations(self) -> Sequence[Sequence[str]]:
        """The label sets that the recipe lists for the texts; they need `multi_label: true`."""
        return ()

    def plan_notes(self, context: Context) -> list[str]:
        """Return what a user should know about the plan before a run, each as the end of a sentence about the step."""
        return []

    @property
    def texts_per_request(self) -> int:
        """How many candidates one request should bring."""
        return 1

    @property
    def curates_source(self) -> bool:
        """Whether the rows of its sources themselves become candidates, rather than texts written from them."""
        return False

    @property
    def shows_labels(self) -> bool:
        """Whether prompts show rows of its sources by label, so that these rows must have labels."""
        return False

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run; `name` is the step's name in the recipe."""
        raise NotImplementedError


class PromptedGenerator(Generator):
    """A generator that fills a prompt template; `prompt_variables` are the variables it offers to the template."""

    prompt_variables: ClassVar[frozenset[str]] = frozenset()

    model: ModelName = Field(default="generator", description="the model that writes, by its name under `models`")
    prompt: PromptName
    sampling: SamplingOptions = Field(default=SamplingOptions(), description="overrides the prompt's own sampling")

    def sampling_for(self, prompt: Prompt) -> Sampling:
        """Return the sampling of a request: the step's settings over the prompt's over the defaults."""
        return merge_sampling(prompt.sampling, self.sampling)


def merge_sampling(*layers: SamplingOptions) -> Sampling:
    """Return the default sampling with the settings of each layer; a later layer wins where it sets something."""
    settings: dict[str, object] = {}
    for layer in layers:
        settings.update(layer.model_dump(exclude_none=True))
    return dataclasses.replace(Sampling(), **settings)  # type: ignore[arg-type]  # the names and types are the same


class Filter(Step):
    """Checks one text at a time through `check`; a filter that compares records overrides `start`.

    `scope` says what a filter sees of a record with several texts (a pair), and of the rows of sources: each text on
    its own ("text": the record is dropped for the first one that fails), all of them as one text ("joined"), or the
    record as it is ("record"). None means "text" for a filter that defines `check` alone, else "joined".

    `label_confidence` says that the score of a kept record is the confidence in its label. `looks_for` names what the
    card may say was looked for ("personal data", "harmful content"). `checks_contamination` says that the filter drops
    copies of the sources it compares with well enough to stand for a leak check before publication. `is_quick` says
    that a verdict takes well below a millisecond and costs nothing else: the progress display then asks for it while
    the window of a text is still open, too. `embeds` says that it embeds texts, so that the embedder is loaded while
    the run waits for its first answers. `compares_accepted` says whether a verdict depends on the accepted texts; None:
    it does where the filter overrides `start`. Only filters for which it does not, and a `DuplicateFilter`, can filter
    texts in shards.
    """

    scope: ClassVar[TextScope | None] = None
    label_confidence: ClassVar[bool] = False
    looks_for: ClassVar[frozenset[str]] = frozenset()
    checks_contamination: ClassVar[bool] = False
    is_quick: ClassVar[bool] = False
    embeds: ClassVar[bool] = False
    compares_accepted: ClassVar[bool | None] = None

    @property
    def compares_with(self) -> tuple[str, ...]:
        """The names of the sources whose rows the filter drops copies of; its drops may quote those rows."""
        return ()

    def check(self, record: Record) -> Verdict | None:
        """Return None to keep the record, or a Verdict."""
        raise NotImplementedError

    def start(self, context: Context) -> FilterSession:
        """Return the filter's session in one run."""
        return StatelessFilterSession(self.check)


@runtime_checkable
class DuplicateFilter(Protocol):
    """A filter that drops a text whose words are those of an accepted text, the first one being kept.

    Texts in shards are compared by the shards' own index, which asks the filter for its limit and its verdict.
    """

    @property
    def word_similarity(self) -> float | None:
        """The minimum Jaccard index of the word sets of duplicates, 0 to 1; None: their normal forms are equal."""

    def duplicate_verdict(self, duplicate_of: str, similarity: float) -> Verdict:
        """Return the verdict on a text that is similar to the accepted text with the id `duplicate_of`."""


@runtime_checkable
class SeedTrainedFilter(Protocol):
    """A filter with a classifier that is trained on seeds.

    `evaluate` fits the weight of a synthetic text on held-out seeds. It has the filter decide again about the texts, as
    in a run that did not have those seeds.
    """

    def start_without(self, context: Context, seed_ids: frozenset[str]) -> FilterSession:
        """Return a session whose classifier is not trained on the seeds with these ids."""


class StatelessFilterSession:
    """A filter session that checks each record alone and remembers nothing."""

    def __init__(self, check: Callable[[Record], Verdict | None]) -> None:
        self._check = check

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return `check(record)` for each record, in order; an exception it raises gets a note that quotes the text."""
        verdicts: list[Verdict | None] = []
        for record in records:
            try:
                verdicts.append(self._check(record))
            except Exception as error:
                error.add_note(f"of the text {record.text[:60]!r}")
                raise
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""


class Labeller(Step):
    """Assigns or verifies labels with a model, after every filter has passed.

    `prompt_variables` are the variables that it offers to its prompt template, where it has one.
    """

    prompt_variables: ClassVar[frozenset[str]] = frozenset()

    @property
    def needs_labels(self) -> bool:
        """Whether the recipe must list labels."""
        return True

    @property
    def label_confidence(self) -> bool:
        """Whether its score is the confidence in the labels, 0 to 1."""
        return True

    @property
    def requests_per_record(self) -> int:
        """How many requests it makes about a text."""
        return 1

    @property
    def requests_per_gold_row(self) -> int:
        """How many requests it makes about a gold row, where it is calibrated on some."""
        return self.requests_per_record

    @property
    def min_gold_rows(self) -> int:
        """How many gold rows it needs where it is calibrated on some (a field of type GoldName)."""
        return 0

    def start(self, context: Context, name: str) -> LabellerSession:
        """Return the labeller's session in one run; `name` is the step's name in the recipe."""
        raise NotImplementedError


@runtime_checkable
class ErrorFindingLabeller(Protocol):
    """A labeller that looks for wrong labels among all accepted texts at once, before the selection.

    `error_classifiers` are the names of the evaluation's classifiers that are trained for it; `error_outcome` is what
    becomes of a text whose label is probably wrong.
    """

    @property
    def error_classifiers(self) -> tuple[Literal["words", "embeddings"], ...]:
        """The classifiers; with several, their probabilities are averaged."""

    @property
    def error_outcome(self) -> Literal["keep", "review", "drop"]:
        """Keep the text with its score, send it to review, or drop it."""


class Selector(Step):
    """Selects once, from all accepted texts; of a record with several texts it sees all of them as one.

    `oversample` is how many texts should be accepted for each one selected, where the recipe does not say.
    """

    oversample: ClassVar[float] = 1.0

    @property
    def balanced_fields(self) -> tuple[str, ...]:
        """The record fields over which the selection is evened out; some text must be able to have them."""
        return ()

    def selection_notes(self, context: Context) -> list[str]:
        """Return what a user should know about the selection, each as the end of a sentence about the step."""
        return []

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the ids of the selected records; `quota` maps each label ("" where there are none) to its limit.

        Where a text may have several labels, the one label of each record stands for its label set, in `quota` too.
        """
        raise NotImplementedError
