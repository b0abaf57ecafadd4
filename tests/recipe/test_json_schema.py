from __future__ import annotations

import json
from collections.abc import Iterator

from textsynth.core.registry import component_names
from textsynth.recipe import schema
from textsynth.recipe.items import LISTS
from textsynth.recipe.sections import SECTIONS

SCHEMA = schema()


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_section_is_there_and_nothing_else_is_allowed() -> None:
    assert list(SCHEMA["properties"]) == list(SECTIONS)
    assert SCHEMA["additionalProperties"] is False
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_every_reference_leads_somewhere() -> None:
    assert {one.removeprefix("#/$defs/") for one in references(SCHEMA)} <= set(SCHEMA["$defs"])


def test_every_item_is_known_with_its_fields() -> None:
    for section in LISTS:
        bare, *rest = SCHEMA["properties"][section]["items"]["anyOf"]
        assert bare["anyOf"][0] == {"enum": component_names(section)}
        assert [next(iter(one["properties"])) for one in rest[:-1]] == component_names(section)
    assert "similarity" in SCHEMA["$defs"]["filter.near_duplicate"]["properties"]
    assert "from" in SCHEMA["$defs"]["generate.labelled"]["properties"]


def test_numbers_may_be_written_short() -> None:
    requests = SCHEMA["$defs"]["Budget"]["properties"]["requests"]
    assert "kKM" in json.dumps(requests)
