"""The card's YAML metadata, by which the Hub finds, filters and loads a data set."""

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
_METADATA = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)
_BIBTEX_ESCAPES = str.maketrans({"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&",
    "$": r"\$", "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """One config of the data set: its files by split, the sha256 of their content, and its number of rows."""

    name: str
    files: Mapping[str, str]
    sha256: str
    rows: int


class CardParts(NamedTuple):
    """The two parts of a card: the metadata, {} where there is none, and the markdown text."""

    metadata: dict[str, Any]
    body: str


def metadata(result: RunResult, configs: Sequence[DatasetConfig]) -> str:
    """Return the card's YAML; it has a license only if the recipe sets one.

    The description of each config has the hash of its content: `load_dataset` caches by this text, and would otherwise
    return the rows of an earlier run.
    """
    from huggingface_hub import DatasetCardData

    author = result.metadata
    entries = [
        {
            "config_name": config.name,
            **({"default": True} if config.name == "default" else {}),
            "description": f"sha256 of the content: {config.sha256}",
            "data_files": [{"split": split, "path": path} for split, path in config.files.items()],
        }
        for config in configs
    ]
    categories = list(author.task_categories) or result.task.hub_categories(result.labels)
    data = DatasetCardData(
        pretty_name=author.pretty_name or result.name,
        language=result.language,
        license=result.license,
        task_categories=categories,
        task_ids=list(author.task_ids) or _task_ids(result, categories) or None,
        size_categories=size_category(sum(config.rows for config in configs if config.name == "default")),
        annotations_creators=[_annotations_creator(result)],
        language_creators=["machine-generated"] if result.model_generated else ["found"],
        source_datasets=_source_datasets(result),
        tags=_tags(result),
        configs=entries or None,
    )
    # DatasetCardData has no arguments for these two.
    for name, value in (("license_name", author.license_name), ("license_link", author.license_link)):
        if value is not None:
            data[name] = value
    return data.to_yaml().strip()


def read_card(text: str) -> CardParts:
    """Return the parts of a card; metadata that is not a map is ignored. Raises UsageError where it is not YAML."""
    import yaml

    block = _METADATA.match(text)
    if block is None:
        return CardParts({}, text)
    try:
        content = yaml.safe_load(block[1])
    except yaml.YAMLError as error:
        raise UsageError(f"README.md: its metadata is not YAML ({str(error).splitlines()[0]}); run again") from error
    return CardParts(content if isinstance(content, dict) else {}, text[block.end() :])


def _task_ids(result: RunResult, categories: Sequence[str]) -> list[str]:
    task_ids = result.task.hub_task_ids(multi_label=result.multi_label)
    return matching_task_ids(task_ids, categories) if result.labels else []


def _annotations_creator(result: RunResult) -> str:
    """Return the Hub's name for the origin of the labels: a model or classifier, the rows of a source, or no labels."""
    if not result.labels:
        return "no-annotation"
    return "machine-generated" if result.model_generated or result.confidence_steps else "found"


def _source_datasets(result: RunResult) -> list[str]:
    """Return the data sets on the Hub that the texts were made from, `original` where there are none."""
    if result.metadata.source_datasets:
        return list(result.metadata.source_datasets)
    names = [source.hub for source in result.sources.values() if source.made_from and source.hub]
    return list(dict.fromkeys(name for name in names if HUB_NAME.fullmatch(name))) or ["original"]


def _tags(result: RunResult) -> list[str]:
    own = ["synthetic", "textsynth"] if result.model_generated else ["textsynth"]
    return list(dict.fromkeys([*own, *result.metadata.tags]))


def citation(result: RunResult) -> str:
    """Return the BibTeX entry as a code block: the author's, or else one with the name, the authors and the version."""
    author = result.metadata
    if author.citation is not None:
        return fenced(author.citation.strip(), "bibtex")
    key = re.sub(r"[^A-Za-z0-9]+", "_", result.name).strip("_") or "dataset"
    names = [f"{{{_bibtex(name)}}}" for name in author.authors]
    note = "Synthetic data set made" if result.model_generated else "Data set curated"
    lines = [
        f"  title = {{{_bibtex(author.pretty_name or result.name)}}},",
        *([f"  author = {names[0] if len(names) == 1 else ' and '.join(names)},"] if names else []),
        f"  note = {{{note} with TextSynth {__version__}}},",
    ]
    return fenced("\n".join([f"@misc{{{key},", *lines, "}"]), "bibtex")


def _bibtex(text: str) -> str:
    return " ".join(text.split()).translate(_BIBTEX_ESCAPES)
