from __future__ import annotations

import pytest

from textsynth.core.errors import UsageError
from textsynth.core.registry import SECTIONS, component_names
from textsynth.recipe.component_docs import FieldDoc, describe_components


def test_every_component_of_every_section_is_described() -> None:
    assert [(doc.section, doc.name) for doc in describe_components()] == [
        (section, name) for section in SECTIONS for name in component_names(section)
    ]
    for doc in describe_components():
        assert doc.about, doc
        assert all(field.description for field in doc.fields), doc


def test_a_component_is_described_with_its_options_and_what_it_does_not_catch() -> None:
    (doc,) = describe_components(name="near_duplicate")
    assert (doc.section, doc.name) == ("filter", "near_duplicate")
    assert doc.fields[0].name == "similarity"
    assert doc.fields[0].takes == "a number (above 0, at most 1)"
    assert doc.fields[0].default == "0.7"
    assert doc.not_covered.startswith("Does not catch: other words for the same meaning")
    assert "similarity: a number (above 0, at most 1) (default 0.7)" in doc.text()


def test_a_required_option_has_no_default() -> None:
    (rows,) = describe_components("sources", "rows")
    path = next(field for field in rows.fields if field.name == "path")
    assert path == FieldDoc("path", "a path or a URL", None, path.description)
    assert "path: a path or a URL (required)" in rows.text()


def test_a_single_name_may_be_a_section_or_a_component() -> None:
    assert {doc.section for doc in describe_components("filter")} == {"filter"}
    assert [doc.name for doc in describe_components("rows")] == ["rows"]


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("budget", "minutes: "),
        ("export", "license: "),
        ("evaluate", "test: "),
        ("want", "{label: 200}"),
        ("labels", "description: "),
    ],
)
def test_a_plain_section_is_described_too(name: str, phrase: str) -> None:
    (doc,) = describe_components(name)
    assert (doc.section, doc.name) == ("plain section", name)
    assert phrase in doc.text()


def test_a_task_is_described_with_its_columns_and_its_generator() -> None:
    (doc,) = describe_components("task", "paraphrasing")
    assert doc.about == (
        "Texts, each with a paraphrase. Text columns: text, paraphrase; generator by default: paraphrase."
    )
    assert "generator by default: labelled, needs `labels`." in describe_components("classification")[0].text()
    assert {doc.name for doc in describe_components("task")} == {
        "classification",
        "pairs",
        "paraphrasing",
        "summarization",
    }


def test_an_unknown_name_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no component 'near_duplicat'; did you mean 'near_duplicate'"):
        describe_components("near_duplicat")
    with pytest.raises(UsageError, match="there is no component 'rows'"):
        describe_components("filter", "rows")
    with pytest.raises(UsageError, match="no section of components 'filtr'; did you mean 'filter'"):
        describe_components("filtr", "length")
