from __future__ import annotations

import pytest

from textsynth.core.errors import UsageError
from textsynth.core.registry import SECTIONS, component_names
from textsynth.recipe.component_docs import FieldDoc, describe_components


def test_every_item_of_every_section_is_described() -> None:
    assert [(one.section, one.name) for one in describe_components()] == [
        (section, name) for section in SECTIONS for name in component_names(section)
    ]
    for one in describe_components():
        assert one.about, one
        assert all(field.description for field in one.fields), one


def test_one_item_with_its_fields_and_what_it_does_not_catch() -> None:
    (one,) = describe_components(name="near_duplicate")
    assert (one.section, one.name) == ("filter", "near_duplicate")
    assert one.fields[0].name == "similarity"
    assert one.fields[0].takes == "a number (above 0, at most 1)"
    assert one.fields[0].default == "0.7"
    assert one.not_covered.startswith("Does not catch: other words for the same meaning")
    assert "similarity: a number (above 0, at most 1) (default 0.7)" in one.text()


def test_a_field_that_is_needed_has_no_default() -> None:
    (rows,) = describe_components("sources", "rows")
    path = next(field for field in rows.fields if field.name == "path")
    assert path == FieldDoc("path", "a path", None, path.description)
    assert "path: a path (needed)" in rows.text()


def test_a_word_may_be_a_section_or_an_item() -> None:
    assert {one.section for one in describe_components("filter")} == {"filter"}
    assert [one.name for one in describe_components("rows")] == ["rows"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("budget", "minutes: "),
        ("export", "license: "),
        ("evaluate", "test: "),
        ("want", "{label: 200}"),
        ("labels", "description: "),
    ],
)
def test_a_section_without_items_is_told_too(name: str, told: str) -> None:
    (one,) = describe_components(name)
    assert (one.section, one.name) == ("plain section", name)
    assert told in one.text()


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="no item 'near_duplicat'; did you mean 'near_duplicate'"):
        describe_components("near_duplicat")
    with pytest.raises(UsageError, match="there is no item 'rows'"):
        describe_components("filter", "rows")
    with pytest.raises(UsageError, match="no section of items 'filtr'; did you mean 'filter'"):
        describe_components("filtr", "length")
