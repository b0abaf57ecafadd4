"""The plain sections of a recipe: everything that is not an item."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from textsynth.core.options import Count, Options, SourceName, Texts
from textsynth.export.card.hub_vocabulary import check_category, check_task_id
from textsynth.export.card.licenses import check_license
from textsynth.similarity.embedder import BUNDLED_EMBEDDER
from textsynth.text.languages import check_language

SPLIT_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


class Settings(Options):
    """The settings at the top level of a recipe."""

    version: Literal[1] = Field(default=1, description="the version of the recipe's form")
    name: str | None = Field(default=None, description="the run's folder is runs/NAME; left out: the file's name")
    language: str = Field(default="en", description="the language of the texts, as a code: en, de, pt-BR")
    seed: int = Field(default=0, ge=0, description="another seed draws other examples and another order")
    multi_label: bool = Field(default=False, description="true where a text may have several labels")
    embedder: str = Field(
        default=BUNDLED_EMBEDDER, min_length=1, description="a sentence-transformers model by its Hub name"
    )
    oversample: float | None = Field(
        default=None,
        ge=1,
        le=100,
        description="texts accepted for each one selected; left out: 1.3 with diverse, else 1",
    )

    @field_validator("name")
    @classmethod
    def _folder(cls, name: str | None) -> str | None:
        if name is not None and not FOLDER_NAME.fullmatch(name):
            raise ValueError("a name has letters, digits, . _ and - only, and begins with a letter or digit")
        return name

    @field_validator("language")
    @classmethod
    def _code(cls, language: str) -> str:
        return check_language(language)


class LabelSetting(Options):
    """One label: what it means, and how many texts of it are wanted if not as many as of the others."""

    description: str = Field(min_length=1, description="what the label means; prompts and labellers read it")
    want: Count | None = Field(default=None, description="this label's own quota")


class Budget(Options):
    """When a run ends although texts are still missing."""

    requests: Count | None = Field(default=None, description="requests to models")
    tokens: Count | None = Field(default=None, description="tokens read and written by models")
    minutes: float | None = Field(default=None, gt=0, description="minutes of a run; it ends at the edge of a window")
    patience: int = Field(
        default=30, ge=1, description="answers without an accepted text after which a cell counts as dry"
    )


class Export(Options):
    """How the data set is written."""

    splits: dict[str, float] = Field(
        default={"train": 0.9, "validation": 0.1}, description="shares of the texts, 1 in all"
    )
    license: str | None = Field(default=None, description="the licence by the Hub's name, cc-by-4.0; none is invented")
    license_name: str | None = Field(default=None, min_length=1, description="its name, where license is other")
    license_link: str | None = Field(
        default=None, min_length=1, description="where it can be read, where license is other"
    )
    source_licenses: dict[str, str] = Field(default={}, description="licences of sources, by their names under sources")
    model_licenses: dict[str, str] = Field(default={}, description="licences of models, by their names under models")
    pretty_name: str | None = Field(default=None, min_length=1, description="the title of the card; left out: the name")
    description: str | None = Field(
        default=None, min_length=1, description="what the texts are, in the card's first lines"
    )
    authors: Texts = Field(default=(), description="who made the data set, for its citation")
    citation: str | None = Field(
        default=None, min_length=1, description="BibTeX; left out: one is made of what is known"
    )
    intended_use: str | None = Field(default=None, min_length=1, description="what the data set is for")
    out_of_scope: str | None = Field(default=None, min_length=1, description="what it must not be used for")
    tags: Texts = Field(default=(), description="further tags on the Hub")
    task_categories: Texts = Field(default=(), description="the Hub's categories; left out: that of the task")
    task_ids: Texts = Field(default=(), description="the Hub's kinds of tasks, such as intent-classification")
    source_datasets: Texts = Field(default=(), description="what it was made from; left out: the sources on the Hub")

    hub: str | None = Field(default=None, description="the repository, owner/name, that `run --push` publishes to")
    private: bool = Field(default=False, description="whether that repository is private; counts when it is made")
    waive: tuple[Literal["leak", "license"], ...] = Field(
        default=(), description="checks without which it may be published"
    )

    @field_validator("hub")
    @classmethod
    def _repository(cls, hub: str | None) -> str | None:
        if hub is not None and not REPOSITORY.fullmatch(hub):
            raise ValueError("a repository is owner/name, such as acme/bank-intents")
        return hub

    @field_validator("license")
    @classmethod
    def _license(cls, name: str | None) -> str | None:
        return None if name is None else check_license(name)

    @field_validator("source_licenses", "model_licenses")
    @classmethod
    def _licenses(cls, licences: Mapping[str, str]) -> Mapping[str, str]:
        return {
            name: check_license(licence, f"the license {licence!r} of {name!r}: ") for name, licence in licences.items()
        }

    @field_validator("task_categories")
    @classmethod
    def _categories(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_category, names))

    @field_validator("task_ids")
    @classmethod
    def _kinds(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_task_id, names))

    @field_validator("splits")
    @classmethod
    def _shares(cls, splits: Mapping[str, float]) -> Mapping[str, float]:
        for name, share in splits.items():
            if not SPLIT_NAME.fullmatch(name) or name == "all":
                raise ValueError(f"a split has letters, digits and _ in its name and is not called 'all', not {name!r}")
            if not 0 < share <= 1:
                raise ValueError(f"the share of {name!r} is above 0 and at most 1, not {share:g}")
        if abs(sum(splits.values()) - 1) > 1e-6:
            raise ValueError(f"the shares of all splits make 1, these make {sum(splits.values()):g}")
        return splits


class Evaluate(Options):
    """What the data set is measured on when the run is done."""

    test: SourceName = Field(description="real rows to test on; nothing is ever fitted on them")
    train: SourceName | None = Field(default=None, description="the real seeds, which compete with the synthetic texts")
    dev: SourceName | None = Field(default=None, description="real rows for thresholds (multi_label: true)")
    all: SourceName | None = Field(default=None, description="all real rows there are, for comparison")
    classifier: Literal["words", "embeddings"] | None = Field(
        default=None,
        description="whose fitted weight becomes the column `weight`; left out: the one better on the seeds",
    )
    full: bool = Field(default=False, description="more draws and rounds: narrower, and slower")
    ordinal: bool = Field(default=False, description="true where the labels stand in an order, the lowest first")
