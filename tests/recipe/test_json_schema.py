from __future__ import annotations

import json
from collections.abc import Iterator

from textsynth.core.registry import component_names
from textsynth.recipe import schema
from textsynth.recipe.sections import SECTIONS
from textsynth.recipe.steps import LISTS

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


def test_the_schema_has_every_section_and_allows_no_other() -> None:
    assert list(SCHEMA["properties"]) == list(SECTIONS)
    assert SCHEMA["additionalProperties"] is False
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_every_reference_has_a_definition() -> None:
    assert {reference.removeprefix("#/$defs/") for reference in references(SCHEMA)} <= set(SCHEMA["$defs"])


def test_every_component_is_in_the_schema_with_its_options() -> None:
    steps = {section: SCHEMA["properties"][section]["items"] for section in LISTS}
    for section, step in {"task": SCHEMA["properties"]["task"], **steps}.items():
        bare_name, *with_options, plugin = step["anyOf"]
        assert bare_name["anyOf"][0] == {"enum": component_names(section)}
        assert [next(iter(option["properties"])) for option in with_options] == component_names(section)
        assert list(plugin["patternProperties"]) == [r"^\./.+\.py$"]
    assert "similarity" in SCHEMA["$defs"]["filter.near_duplicate"]["properties"]
    assert "source" in SCHEMA["$defs"]["generate.labelled"]["properties"]


def test_counts_may_be_written_with_a_suffix() -> None:
    requests = SCHEMA["$defs"]["Budget"]["properties"]["requests"]
    assert "kKM" in json.dumps(requests)
