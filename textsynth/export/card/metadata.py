"""The card's YAML, by which the Hub finds, filters and loads a data set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from textsynth.core.errors import UsageError
from textsynth.core.version import __version__
from textsynth.export.card.hub_vocabulary import matching_task_ids, size_category
from textsynth.export.card.markdown import fenced
from textsynth.export.run_result import RunResult

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_BLOCK = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """One config of the data set: its files by split, the sha256 of their content, and how many rows they hold."""

    name: str
    files: Mapping[str, str]
    sha256: str
    rows: int


def metadata(outcome: RunResult, configs: Sequence[DatasetConfig]) -> str:
    """Return the card's YAML; a licence stands there only if the recipe gives one.

    Each config's description carries the hash of its content: `load_dataset` caches by what stands here, and would
    else serve the rows of an earlier run.
    """
    from huggingface_hub import DatasetCardData

    about = outcome.metadata
    described = [
        {
            "config_name": one.name,
            **({"default": True} if one.name == "default" else {}),
            "description": f"sha256 of the content: {one.sha256}",
            "data_files": [{"split": split, "path": path} for split, path in one.files.items()],
        }
        for one in configs
    ]
    named = {"license_name": about.license_name, "license_link": about.license_link}
    categories = list(about.task_categories) or outcome.task.hub_categories(outcome.labels)
    data = DatasetCardData(
        pretty_name=about.pretty_name or outcome.name,
        language=outcome.language,
        license=outcome.license,
        task_categories=categories,
        task_ids=list(about.task_ids) or _task_ids(outcome, categories) or None,
        size_categories=size_category(len(outcome.selected)),
        annotations_creators=[_annotated(outcome)],
        language_creators=["machine-generated"] if outcome.model_generated else ["found"],
        source_datasets=_sources(outcome),
        tags=_tags(outcome),
        configs=described or None,
    )
    # they have no argument of their own there
    for name, value in named.items():
        if value is not None:
            data[name] = value
    return data.to_yaml().strip()


class CardParts(NamedTuple):
    """A card in its two parts: the metadata, {} where it has none, and what people read."""

    metadata: dict[str, Any]
    body: str


def read_card(text: str) -> CardParts:
    """Return the parts of a card. Raises UsageError for metadata that are no YAML; other than a map counts as none."""
    import yaml

    block = _BLOCK.match(text)
    if block is None:
        return CardParts({}, text)
    try:
        found = yaml.safe_load(block[1])
    except yaml.YAMLError as fault:
        raise UsageError(f"README.md: its metadata are no YAML ({str(fault).splitlines()[0]}); run again") from fault
    return CardParts(found if isinstance(found, dict) else {}, text[block.end() :])


def _task_ids(outcome: RunResult, categories: Sequence[str]) -> list[str]:
    task_ids = outcome.task.hub_task_ids(multi_label=outcome.multi_label)
    return matching_task_ids(task_ids, categories) if outcome.labels else []


def _annotated(outcome: RunResult) -> str:
    """Return who gave the labels: a model or a classifier that wrote, checked or chose, else whoever they came from."""
    if not outcome.labels:
        return "no-annotation"
    return "machine-generated" if outcome.model_generated or outcome.labellers else "found"


def _sources(outcome: RunResult) -> list[str]:
    """Return the data sets on the Hub that the texts were made from, `original` where there are none."""
    if outcome.metadata.source_datasets:
        return list(outcome.metadata.source_datasets)
    found = [one.hub for one in outcome.sources.values() if one.made_from and one.hub]
    return list(dict.fromkeys(name for name in found if HUB_NAME.fullmatch(name))) or ["original"]


def _tags(outcome: RunResult) -> list[str]:
    own = ["synthetic", "textsynth"] if outcome.model_generated else ["textsynth"]
    return list(dict.fromkeys([*own, *outcome.metadata.tags]))


_SPECIAL = str.maketrans({"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"})  # fmt: skip


def citation(outcome: RunResult) -> str:
    """Return a block of BibTeX."""
    about = outcome.metadata
    if about.citation is not None:
        return fenced(about.citation.strip(), "bibtex")
    key = re.sub(r"[^A-Za-z0-9]+", "_", outcome.name).strip("_") or "dataset"
    authors = " and ".join(f"{{{_plain(one)}}}" for one in about.authors)
    lines = [
        f"  title = {{{_plain(about.pretty_name or outcome.name)}}},",
        *([f"  author = {authors if len(about.authors) > 1 else '{' + authors + '}'},"] if authors else []),
        f"  note = {{Synthetic data set made with TextSynth {__version__}}}," if outcome.model_generated else
        f"  note = {{Data set curated with TextSynth {__version__}}},",
    ]  # fmt: skip
    return fenced("\n".join([f"@misc{{{key},", *lines, "}"]), "bibtex")


def _plain(text: str) -> str:
    return " ".join(text.split()).translate(_SPECIAL)
