"""What must hold between `export` and the rest of a recipe: licences of what is there, kinds that fit the task."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from textsynth.core.errors import nearest
from textsynth.export.card.metadata import CATEGORIES
from textsynth.export.card.vocabulary import fitting_kinds
from textsynth.recipe.mistakes import Mistakes
from textsynth.recipe.nodes import Map
from textsynth.recipe.sections import Sections


def check_export(sections: Sections, mistakes: Mistakes) -> None:
    """Note licences of sources and models that are not there, `other` without its name, and kinds of another task."""
    node = sections.tree.entries.get("export")
    if not isinstance(node, Map):
        return
    for key, sentence in _wrong(sections):
        mistakes.note(node.marks.get(key, node.mark), f"export.{key} {sentence}")


def _wrong(sections: Sections) -> Iterator[tuple[str, str]]:
    export = sections.export
    yield from _unknown("source_licenses", export.source_licenses, "sources", sections.sources)
    yield from _unknown("model_licenses", export.model_licenses, "models", sections.models)
    if export.license == "other" and export.license_name is None:
        yield "license", "is other, which the Hub wants named: add license_name, and license_link where it can be read"
    if export.license != "other" and export.license_name is not None:
        yield (
            "license_name",
            f"stands beside the license {export.license!r}: write license: other, or take it out",
        )
    categories = export.task_categories or (CATEGORIES[sections.settings.task], "text-classification")
    fitting = fitting_kinds(export.task_ids, categories)
    for kind in export.task_ids:
        if kind not in fitting:
            yield "task_ids", f"has {kind!r}, which is no kind of {', '.join(dict.fromkeys(categories))}"


def _unknown(key: str, named: Collection[str], section: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in named:
        if name not in known:
            yield key, f"has {name!r}, but {section} has no {name!r}{nearest(name, known)}"
