"""Builds the JSON schema of a recipe, for editors, from the classes of the components and settings."""

from __future__ import annotations

from typing import Any

from textsynth.core.options import Options
from textsynth.core.registry import component_names, load_component
from textsynth.recipe.settings import Balance, Budget, Evaluate, Export, LabelSetting, Settings
from textsynth.recipe.steps import LISTS

Schema = dict[str, Any]
COUNT: Schema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9.]+[kKM]$"}]}
PLUGIN_FILE = r"^\./.+\.py$"


def schema() -> Schema:
    """Return a JSON schema (draft 2020-12) that every correct recipe satisfies.

    `textsynth validate` finds more: what must hold between sections, and what is in files.
    """
    definitions: Schema = {}
    settings = _class_schema(Settings, definitions)["properties"]
    properties: Schema = {name: dict(settings[name]) for name in Settings.model_fields}
    properties["task"] = {
        "description": "what the data set is for; decides its columns and the defaults of the other sections",
        **_step_schema("task", definitions),
    }
    properties["labels"] = {
        "description": "name: description",
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "string"}, _reference(LabelSetting, definitions)]},
    }
    properties["models"] = _named_steps("models", "name: model, or the name of another one", definitions)
    properties["sources"] = _named_steps("sources", "name: source, or the path of a file", definitions)
    for section in LISTS:
        properties[section] = {"type": "array", "items": _step_schema(section, definitions)}
    properties["want"] = {
        "description": "how many texts to select: in all, or by label, attribute or label*attribute",
        "anyOf": [
            *COUNT["anyOf"],
            {
                "type": "object",
                "minProperties": 1,
                "properties": {"balance": {"anyOf": [*COUNT["anyOf"], _reference(Balance, definitions)]}},
                "additionalProperties": COUNT,
            },
        ],
    }
    properties["budget"] = _reference(Budget, definitions)
    properties["export"] = _reference(Export, definitions)
    properties["evaluate"] = _reference(Evaluate, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "TextSynth recipe",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }


def _named_steps(section: str, description: str, definitions: Schema) -> Schema:
    """Return the schema of a map of names to steps, where a bare text may also be an alias or a path."""
    entry = {"anyOf": [{"type": "string"}, *_step_schema(section, definitions)["anyOf"][1:]]}
    return {"description": description, "type": "object", "additionalProperties": entry}


def _step_schema(section: str, definitions: Schema) -> Schema:
    """Return the schema of one step: a component's name, one name with its options, or a file beside the recipe."""
    names = component_names(section)
    bare_name = {"anyOf": [{"enum": names}, {"type": "string", "pattern": PLUGIN_FILE}]}
    with_options = [
        _single_property(name, _reference(load_component(section, name), definitions, f"{section}.{name}"))
        for name in names
    ]
    plugin = {
        "type": "object",
        "patternProperties": {PLUGIN_FILE: {"type": "object"}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [bare_name, *with_options, plugin]}


def _single_property(name: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}


def _reference(cls: type[Options], definitions: Schema, name: str | None = None) -> Schema:
    name = name or cls.__name__
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = _class_schema(cls, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _class_schema(cls: type[Options], definitions: Schema) -> Schema:
    """Return the schema of a class; the definitions that pydantic nests in it move up to those of the document."""
    class_schema = cls.model_json_schema(by_alias=True)
    definitions |= class_schema.pop("$defs", {})
    return class_schema
