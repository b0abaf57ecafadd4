"""The plain sections of a recipe: settings that are not components."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from textsynth.core.errors import did_you_mean
from textsynth.core.options import Count, Options, SourceName, Texts
from textsynth.export.card.hub_vocabulary import check_category, check_task_id
from textsynth.export.card.licenses import check_license
from textsynth.similarity.embedder import BUNDLED_EMBEDDER
from textsynth.text.languages import check_language

SPLIT_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REPOSITORY = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
SHARE_TOLERANCE = 1e-6
BUILT_IN_CLASSIFIERS = ("words", "embeddings")


class Settings(Options):
    """The settings at the top level of a recipe."""

    version: Literal[1] = Field(default=1, description="the version of the recipe format")
    name: str | None = Field(default=None, description="the run's folder is runs/NAME; default: the name of the file")
    language: str = Field(default="en", description="the language of the texts, as a code: en, de, pt-BR")
    seed: int = Field(
        default=0, ge=0, description="the random seed; another one draws other examples, in another order"
    )
    multi_label: bool = Field(default=False, description="true where a text may have several labels")
    embedder: str = Field(
        default=BUNDLED_EMBEDDER, min_length=1, description="a sentence-transformers model by its Hub name"
    )
    oversample: float | None = Field(
        default=None,
        ge=1,
        le=100,
        description="texts to accept for each one selected; default: 1.3 with diverse, else 1",
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and not FOLDER_NAME.fullmatch(name):
            raise ValueError("a name has letters, digits, . _ and - only, and begins with a letter or digit")
        return name

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        return check_language(language)


class LabelSetting(Options):
    """One label: its description, and its own quota where it differs from that of the others."""

    description: str = Field(min_length=1, description="the label's description, for prompts and labellers")
    want: Count | None = Field(default=None, description="this label's own quota")


class Budget(Options):
    """When a run stops although texts are still missing."""

    requests: Count | None = Field(default=None, description="requests to models")
    tokens: Count | None = Field(default=None, description="tokens read and written by models")
    minutes: float | None = Field(
        default=None,
        gt=0,
        description="minutes that a run may take, those before it was continued too; requests in flight are given up",
    )
    patience: int = Field(
        default=30,
        ge=1,
        description="answers in a row without an accepted text after which a generator gives up a quota cell",
    )


class Export(Options):
    """How the data set is written and published."""

    splits: dict[str, float] = Field(
        default={"train": 0.9, "validation": 0.1}, description="the splits and their shares of the texts, 1 in all"
    )
    license: str | None = Field(
        default=None, description="the license by its name on the Hub, such as cc-by-4.0; default: none"
    )
    license_name: str | None = Field(default=None, min_length=1, description="the license's name, for license: other")
    license_link: str | None = Field(
        default=None, min_length=1, description="a link to the license's text, for license: other"
    )
    source_licenses: dict[str, str] = Field(default={}, description="licenses of sources, by their names under sources")
    model_licenses: dict[str, str] = Field(default={}, description="licenses of models, by their names under models")
    pretty_name: str | None = Field(default=None, min_length=1, description="the title of the card; default: the name")
    description: str | None = Field(
        default=None, min_length=1, description="what the texts are, for the first lines of the card"
    )
    authors: Texts = Field(default=(), description="the authors of the data set, for its citation")
    citation: str | None = Field(
        default=None, min_length=1, description="BibTeX; default: an entry made from the other settings"
    )
    intended_use: str | None = Field(default=None, min_length=1, description="what the data set is for")
    out_of_scope: str | None = Field(default=None, min_length=1, description="what the data set must not be used for")
    tags: Texts = Field(default=(), description="further tags on the Hub")
    task_categories: Texts = Field(default=(), description="the Hub's task categories; default: those of the task")
    task_ids: Texts = Field(default=(), description="the Hub's task ids, such as intent-classification")
    source_datasets: Texts = Field(
        default=(), description="data sets that it was made from; default: the sources on the Hub"
    )

    hub: str | None = Field(default=None, description="the repository that `run --push` publishes to, as owner/name")
    private: bool = Field(
        default=False, description="whether the repository is private; counts only when it is created"
    )
    waive: tuple[Literal["leak", "license"], ...] = Field(
        default=(), description="release checks that need not pass before the data set is published"
    )

    @field_validator("hub")
    @classmethod
    def _check_repository(cls, hub: str | None) -> str | None:
        if hub is not None and not REPOSITORY.fullmatch(hub):
            raise ValueError("a repository is owner/name, such as acme/bank-intents")
        return hub

    @field_validator("license")
    @classmethod
    def _check_license(cls, name: str | None) -> str | None:
        return None if name is None else check_license(name)

    @field_validator("source_licenses", "model_licenses")
    @classmethod
    def _check_licenses(cls, licenses: Mapping[str, str]) -> Mapping[str, str]:
        return {
            name: check_license(license_id, f"the license {license_id!r} of {name!r}: ")
            for name, license_id in licenses.items()
        }

    @field_validator("task_categories")
    @classmethod
    def _check_categories(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_category, names))

    @field_validator("task_ids")
    @classmethod
    def _check_task_ids(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_task_id, names))

    @field_validator("splits")
    @classmethod
    def _check_splits(cls, splits: Mapping[str, float]) -> Mapping[str, float]:
        for name, share in splits.items():
            if not SPLIT_NAME.fullmatch(name) or name == "all":
                raise ValueError(f"a split has letters, digits and _ in its name and is not called 'all', not {name!r}")
            if not 0 < share <= 1:
                raise ValueError(f"the share of {name!r} must be above 0 and at most 1, not {share:g}")
        if abs(sum(splits.values()) - 1) > SHARE_TOLERANCE:
            raise ValueError(f"the shares of all splits must add up to 1, these add up to {sum(splits.values()):g}")
        return splits


LARGEST = "largest"


def _balance_tag(value: object) -> str:
    return "a text" if value == LARGEST else "a number"


class Balance(Options):
    """An existing labelled set, of which every label gets new texts until it has as many as wanted."""

    like: SourceName = Field(description="the labelled rows; a generator must take them, as existing does")
    to: Annotated[
        Annotated[Count, Field(ge=1), Tag("a number")] | Annotated[Literal["largest"], Tag("a text")],
        Discriminator(_balance_tag),
    ] = Field(description="texts of each label, real and new ones; largest: as many as the most frequent label has")


class Evaluate(Options):
    """The real data on which the data set is evaluated when the run is done."""

    test: SourceName = Field(description="real rows to test on; nothing is ever fitted on them")
    train: SourceName | None = Field(
        default=None, description="the real seeds: the baseline that the synthetic texts are compared with"
    )
    dev: SourceName | None = Field(default=None, description="real rows to choose thresholds on (multi_label: true)")
    all: SourceName | None = Field(default=None, description="all real rows, for comparison")
    classifier: str | None = Field(
        default=None,
        description="words or embeddings: the classifier whose fitted weight becomes the column `weight`; default: the "
        "better on the seeds. `./mine.py`: a classifier of your own beside the recipe, which the verdict rests on",
    )
    full: bool = Field(
        default=False, description="more bootstrap draws and rounds: narrower intervals, and a longer evaluation"
    )
    ordinal: bool = Field(default=False, description="true where the labels are ordered, the lowest first")

    @field_validator("classifier")
    @classmethod
    def _check_classifier(cls, name: str | None) -> str | None:
        if name is None or name in BUILT_IN_CLASSIFIERS or (name.startswith("./") and name.endswith(".py")):
            return name
        raise ValueError(
            f"a classifier is words, embeddings, or a file beside the recipe such as ./mine.py, not {name!r}"
            f"{did_you_mean(name, BUILT_IN_CLASSIFIERS)}"
        )
