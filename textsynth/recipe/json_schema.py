"""The JSON schema of a recipe, for editors: made from the classes of the items, so that it knows what they know."""

from __future__ import annotations

from typing import Any

from textsynth.core.options import Options
from textsynth.core.registry import component_names, load_component
from textsynth.recipe.items import LISTS
from textsynth.recipe.settings import Budget, Evaluate, Export, LabelSetting, Settings

Schema = dict[str, Any]
NUMBER: Schema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9.]+[kKM]$"}]}
OWN_FILE = r"^\./.+\.py$"


def schema() -> Schema:
    """Return a JSON schema (draft 2020-12) that every correct recipe meets; it sees less than `textsynth validate`."""
    definitions: Schema = {}
    properties: Schema = {name: _plain(name, definitions) for name in Settings.model_fields}
    properties["task"] = {"description": "decides the columns and the defaults", **_item("task", definitions)}
    properties["labels"] = {
        "description": "name: what it means",
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "string"}, _of(LabelSetting, definitions)]},
    }
    properties["models"] = _named("models", "name: model, or the name of another one", definitions)
    properties["sources"] = _named("sources", "name: where rows come from, or a file's path", definitions)
    for section in LISTS:
        properties[section] = {"type": "array", "items": _item(section, definitions)}
    properties["want"] = {
        "description": "how many selected texts: in all, or by label, attribute or label*attribute",
        "anyOf": [*NUMBER["anyOf"], {"type": "object", "minProperties": 1, "additionalProperties": NUMBER}],
    }
    properties["budget"] = _of(Budget, definitions)
    properties["export"] = _of(Export, definitions)
    properties["evaluate"] = _of(Evaluate, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "TextSynth recipe",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }


def _plain(name: str, definitions: Schema) -> Schema:
    whole = _described(Settings, definitions)
    return dict(whole["properties"][name])


def _named(section: str, description: str, definitions: Schema) -> Schema:
    entry = {"anyOf": [{"type": "string"}, *_item(section, definitions)["anyOf"][1:]]}
    return {"description": description, "type": "object", "additionalProperties": entry}


def _item(section: str, definitions: Schema) -> Schema:
    """Return the schema of one item: a bare name, one name with its fields, or a file of the recipe's own."""
    names = component_names(section)
    bare = {"anyOf": [{"enum": names}, {"type": "string", "pattern": OWN_FILE}]}
    with_fields = [
        _single(name, _of(load_component(section, name), definitions, f"{section}.{name}")) for name in names
    ]
    own = {
        "type": "object",
        "patternProperties": {OWN_FILE: {"type": "object"}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [bare, *with_fields, own]}


def _single(name: str, fields: Schema) -> Schema:
    return {"type": "object", "properties": {name: fields}, "required": [name], "additionalProperties": False}


def _of(cls: type[Options], definitions: Schema, name: str | None = None) -> Schema:
    name = name or cls.__name__
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = _described(cls, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _described(cls: type[Options], definitions: Schema) -> Schema:
    """Return the schema of a class; what pydantic defines beside it moves up to the definitions of the whole."""
    found = cls.model_json_schema(by_alias=True)
    definitions |= found.pop("$defs", {})
    return found
