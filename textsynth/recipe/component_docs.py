"""Describes components for `textsynth steps`, from their classes and their modules' docstrings."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.field_types import describe_type, field_type, fields_of
from textsynth.core.options import Options
from textsynth.core.registry import SECTIONS, component_names, load_component
from textsynth.core.task import Task
from textsynth.recipe.settings import Budget, Evaluate, Export

NOT_COVERED_START = "Does not"
PLAIN_SECTION = "plain section"
SETTINGS: Mapping[str, type[Options]] = {"budget": Budget, "export": Export, "evaluate": Evaluate}
# Plain sections without a class.
DESCRIPTIONS = {
    "labels": "The name and description of each label: {NAME: DESCRIPTION}, or "
    "{NAME: {description: DESCRIPTION, want: 50}} with a quota of its own; their order gives the integer codes.",
    "want": "The number of texts to select, after every filter: {label: 200} for each label, {tone: 500} or "
    "{label*tone: 20} for attributes that a generator varies, {total: 5000} in all, several of them together; a bare "
    "200 is the total. {balance: {like: SOURCE, to: 200}} adds texts to a labelled source until every label has 200; "
    "{to: largest} as many as the most frequent label.",
}


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One option of a component; `default` is JSON text, or None where the recipe must give a value."""

    name: str
    takes: str
    default: str | None
    description: str


@dataclass(frozen=True, slots=True)
class ComponentDoc:
    """A component: its section and name, what it is, its options, and what it does not cover ("" where not stated)."""

    section: str
    name: str
    about: str
    fields: tuple[FieldDoc, ...]
    not_covered: str

    def text(self) -> str:
        """Return the description as lines for a terminal."""
        lines = [f"{self.section}: {self.name}", f"  {self.about}"]
        for field in self.fields:
            default = "required" if field.default is None else f"default {field.default}"
            lines.append(f"    {field.name}: {field.takes} ({default})")
            if field.description:
                lines.append(f"        {field.description}")
        if self.not_covered:
            lines.append(f"  {self.not_covered}")
        return "\n".join(lines)


def describe_components(section: str | None = None, name: str | None = None) -> list[ComponentDoc]:
    """Return the bundled components in the order of the sections, then by name; those of one section, or of one name.

    A single argument may be either: `describe_components("filter")`, `describe_components("length")`; or a section
    without components, such as `budget`. Raises UsageError with the nearest name.
    """
    if name is None and section in (*SETTINGS, *DESCRIPTIONS):
        return [_describe_plain_section(section)]
    if section is not None and section not in SECTIONS and name is None:
        section, name = None, section
    if section is not None and section not in SECTIONS:
        raise UsageError(f"a recipe has no section of components {section!r}{did_you_mean(section, SECTIONS)}")
    sections = SECTIONS if section is None else (section,)
    candidates = [(owner, component) for owner in sections for component in component_names(owner)]
    docs = [_describe_component(owner, component) for owner, component in candidates if name in (None, component)]
    if name is not None and not docs:
        others = (*sections, *DESCRIPTIONS, *SETTINGS) if section is None else ()
        allowed = [*others, *(component for _, component in candidates)]
        raise UsageError(f"there is no component {name!r}{did_you_mean(name, allowed)}")
    return docs


def _describe_plain_section(section: str) -> ComponentDoc:
    if section in DESCRIPTIONS:
        return ComponentDoc(PLAIN_SECTION, section, DESCRIPTIONS[section], (), "")
    cls = SETTINGS[section]
    return ComponentDoc(PLAIN_SECTION, section, _first_paragraph(cls.__doc__ or ""), _describe_fields(cls), "")


def _describe_component(section: str, name: str) -> ComponentDoc:
    cls = load_component(section, name)
    module_doc = inspect.getdoc(importlib.import_module(cls.__module__)) or ""
    about = _first_paragraph(cls.__doc__ or module_doc)
    if issubclass(cls, Task):
        about = f"{about} {_describe_task(cls)}"
    return ComponentDoc(section, name, about, _describe_fields(cls), _not_covered(module_doc))


def _describe_task(cls: type[Task]) -> str:
    """Return what a user must know to choose a task: its columns, its generator, and whether it needs labels."""
    needs_labels = ", needs `labels`" if cls.needs_labels else ""
    return f"Text columns: {', '.join(cls.columns)}; generator by default: {cls.generator}{needs_labels}."


def _describe_fields(cls: type[Options]) -> tuple[FieldDoc, ...]:
    return tuple(
        FieldDoc(name, describe_type(field_type(field)), _default_of(field), field.description or "")
        for name, field in fields_of(cls).items()
    )


def _default_of(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None:
        return "null"
    if isinstance(value, Options):
        return json.dumps(value.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)


def _first_paragraph(doc: str) -> str:
    return " ".join(inspect.cleandoc(doc).split("\n\n", maxsplit=1)[0].split())


def _not_covered(doc: str) -> str:
    """Return the last paragraph that begins with "Does not", "" without one."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in doc.split("\n\n")]
    return next((text for text in reversed(paragraphs) if text.startswith(NOT_COVERED_START)), "")
