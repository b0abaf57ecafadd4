"""What each item is, in words read from its class and its module: for `textsynth steps`."""

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
from textsynth.recipe.settings import Budget, Evaluate, Export

NOT_COVERED = "Does not"
PLAIN = "plain section"
SETTINGS: Mapping[str, type[Options]] = {"budget": Budget, "export": Export, "evaluate": Evaluate}
WRITTEN = {
    "labels": "Each label's name and what it means: {NAME: MEANING}, or {NAME: {description: MEANING, want: 50}} with a "
    "quota of its own; the order fixes the integer codes.",
    "want": "Texts kept, after every check: {label: 200} for each label, {tone: 500} or {label*tone: 20} for "
    "attributes that a generator varies, {total: 5000} in all, several of them together; a bare 200 is the total.",
}


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field of an item; `default` is JSON text, or None where the recipe must give a value."""

    name: str
    takes: str
    default: str | None
    description: str


@dataclass(frozen=True, slots=True)
class ComponentDoc:
    """One item: its section and name, what it is, its fields, and what it does not cover ("" where nothing is said)."""

    section: str
    name: str
    about: str
    fields: tuple[FieldDoc, ...]
    not_covered: str

    def text(self) -> str:
        """Return the description as lines for a terminal."""
        lines = [f"{self.section}: {self.name}", f"  {self.about}"]
        for field in self.fields:
            default = "needed" if field.default is None else f"default {field.default}"
            lines.append(f"    {field.name}: {field.takes} ({default})")
            if field.description:
                lines.append(f"        {field.description}")
        if self.not_covered:
            lines.append(f"  {self.not_covered}")
        return "\n".join(lines)


def describe_components(section: str | None = None, name: str | None = None) -> list[ComponentDoc]:
    """Return the bundled items in the order of the sections, then by name; of one section, or of one name.

    A single word may be either: `describe("filter")`, `describe("length")`; or a section without items, as `budget`.
    Raises UsageError with the nearest name.
    """
    if name is None and section in (*SETTINGS, *WRITTEN):
        return [_plain(section)]
    if section is not None and section not in SECTIONS and name is None:
        section, name = None, section
    if section is not None and section not in SECTIONS:
        raise UsageError(f"a recipe has no section of items {section!r}{did_you_mean(section, SECTIONS)}")
    sections = SECTIONS if section is None else (section,)
    items = [(one, item) for one in sections for item in component_names(one)]
    found = [_described(one, item) for one, item in items if name is None or item == name]
    if name is not None and not found:
        others = (*sections, *WRITTEN, *SETTINGS) if section is None else ()
        known = [*others, *(item for _, item in items)]
        raise UsageError(f"there is no item {name!r}{did_you_mean(name, known)}")
    return found


def _plain(section: str) -> ComponentDoc:
    if section in WRITTEN:
        return ComponentDoc(PLAIN, section, WRITTEN[section], (), "")
    cls = SETTINGS[section]
    fields = tuple(_field(one, field) for one, field in fields_of(cls).items())
    return ComponentDoc(PLAIN, section, _first(cls.__doc__ or ""), fields, "")


def _described(section: str, name: str) -> ComponentDoc:
    cls = load_component(section, name)
    module = inspect.getdoc(importlib.import_module(cls.__module__)) or ""
    about = _first(cls.__doc__ or module)
    fields = tuple(_field(one, field) for one, field in fields_of(cls).items())
    return ComponentDoc(section, name, about, fields, _not_covered(module))


def _field(name: str, field: FieldInfo) -> FieldDoc:
    return FieldDoc(name, describe_type(field_type(field)), _default(field), field.description or "")


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None:
        return "null"
    if isinstance(value, Options):
        return json.dumps(value.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)


def _first(doc: str) -> str:
    return " ".join(inspect.cleandoc(doc).split("\n\n", maxsplit=1)[0].split())


def _not_covered(doc: str) -> str:
    """Return the last paragraph that says what the item does not do."""
    paragraphs = [" ".join(one.split()) for one in doc.split("\n\n")]
    return next((one for one in reversed(paragraphs) if one.startswith(NOT_COVERED)), "")
