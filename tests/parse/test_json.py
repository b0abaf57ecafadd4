from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.core.errors import RecipeError
from textsynth.parse import EMPTY, EMPTY_ITEM, TRUNCATED, UNSTORABLE
from textsynth.parse.json import JsonReader

PATHS = ["", "texts", "items[].text", "[].text", "a.b"]


def read(
    answer: str, path: str = "texts", *, one: bool = False, truncated: bool = False
) -> tuple[list[str], list[str]]:
    """Return the texts and the reasons of the failures."""
    result = JsonReader(texts=path, one=one).read(answer, truncated=truncated)
    return list(result.texts), [failure.reason for failure in result.failures]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("", '["one", "two"]'),
        ("texts", '{"texts": ["one", "two"]}'),
        ("texts[]", '{"texts": ["one", "two"], "note": "more keys do no harm"}'),
        ("items[].text", '{"items": [{"text": "one"}, {"text": "two"}]}'),
        ("[].text", '[{"text": "one"}, {"text": " two "}]'),
        ("a.b", '{"a": {"b": ["one", "two"]}}'),
        ("texts", 'Sure!\n```json\n{"texts": ["one", "two"]}\n```\nHope it helps [really].'),
        ("texts", 'Here is the map: {"texts": ["one", "two"]} as you asked.'),
        ("", '```python\n["one", "two"]\n```'),
        ("texts", "{'texts': ['one', 'two']}"),
        ("texts", '{"texts": ["one", "two",], // two of them\n}'),
        ("", '["1. one", "2. two"]'),
        ("", '```\nno json here\n```\n["one", "two"]'),
    ],
)
def test_texts_are_found_at_their_path(path: str, answer: str) -> None:
    assert read(answer, path) == (["one", "two"], [])


def test_one_reads_a_single_text_in_place_of_a_list() -> None:
    assert read('{"summary": "one"}', "summary", one=True) == (["one"], [])
    assert read('{"summary": ["one"]}', "summary", one=True) == ([], ["a list in place of a text"])
    assert read('{"summary": "on', "summary", one=True, truncated=True) == ([], [TRUNCATED])


@pytest.mark.parametrize(
    ("answer", "texts", "reasons"),
    [
        ("", [], [EMPTY]),
        ("I am sorry, but I cannot help with that.", [], ["the answer has no JSON list or map"]),
        (
            '{"texts": ["one", "tw',
            [],
            ["the answer is not valid JSON: Unterminated string starting at at character 18"],
        ),
        ('{"texts": ["one", NaN]}', [], ["the answer is not valid JSON: NaN is not a JSON number"]),
        ('{"texts": ["one"], "texts": ["two"]}', [], ["the answer is not valid JSON: the key 'texts' is repeated"]),
        ('{"texts": "one"}', [], ["a text in place of a list"]),
        (
            '{"texts": ["one", 2, null, true]}',
            ["one"],
            [
                "a number in place of a text",
                "null in place of a text",
                "true or false in place of a text",
            ],
        ),
        ('{"texts": ["one", {"text": "two"}]}', ["one"], ["a map in place of a text"]),
        ('{"texts": []}', [], ["the list of texts is empty"]),
        ('{"texts": ["", " ", "one"]}', ["one"], [EMPTY_ITEM, EMPTY_ITEM]),
        ('{"items": ["one"]}', [], ["the key 'texts' is missing; there are: items"]),
        ('["one"]', [], ["a list in place of a map with the key 'texts'"]),
        ('{"texts": ["one"]}\n{"texts": ["two"]}', [], ["the answer has more than one JSON value"]),
        (
            "{'texts': ['it's one']}",
            [],
            ["the answer is not valid JSON: Expecting property name enclosed in double quotes at character 1"],
        ),
        (
            '{"texts": ["o\\u0000ne"]}',
            [],
            [UNSTORABLE],
        ),
        (
            '{"texts": ["o\\ud83dne"]}',
            [],
            [UNSTORABLE],
        ),
        ("[" * 100_000, [], ["the JSON is nested too deeply"]),
        (
            "1" * 5_000 + "{",
            [],
            ["the answer is not valid JSON: Expecting property name enclosed in double quotes at character 1"],
        ),
    ],
)
def test_malformed_answers_are_failures_with_a_reason(answer: str, texts: list[str], reasons: list[str]) -> None:
    assert read(answer) == (texts, reasons)


@pytest.mark.parametrize(
    ("path", "answer", "texts"),
    [
        ("", '["one", "two", "thr', ["one", "two"]),
        ("", '["one", "two", ', ["one", "two"]),
        ("", '["one', []),
        ("texts", '```json\n{"texts": ["one, with comma", "two]", "th', ["one, with comma", "two]"]),
        ("texts", '{"texts": ["one", "two"], "note": "cut', ["one", "two"]),
        ("texts", '{"thoughts": ["not", "these"], "te', []),
        ("items[].text", '{"items": [{"text": "one", "tags": ["a", "b"]}, {"text": "tw', ["one"]),
        ("[].text", '[{"text": "one"}, {"text": "two"', ["one"]),
        ("texts", "Sure, here", []),
        ("texts", "", []),
    ],
)
def test_only_the_complete_texts_of_a_truncated_answer_are_read(path: str, answer: str, texts: list[str]) -> None:
    assert read(answer, path, truncated=True) == (texts, [TRUNCATED])


def test_truncation_after_the_json_value_does_not_matter() -> None:
    assert read('{"texts": ["one"]} and', truncated=True) == (["one"], [])
    assert read('{"texts": ["one"]} and {more', truncated=True) == (["one"], [])


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_that_conforms_to_the_schema_is_read(path: str) -> None:
    schema = json.loads(JsonReader(texts=path).constraint.value)

    def example(part: dict[str, object]) -> object:
        """Return a value that conforms to a part of the schema."""
        if part["type"] == "array":
            return [example(part["items"])]  # type: ignore[arg-type]
        if part["type"] == "object":
            assert part["additionalProperties"] is False
            return {name: example(inner) for name, inner in part["properties"].items()}  # type: ignore[attr-defined]
        return "one"

    assert read(json.dumps(example(schema)), path) == (["one"], [])


@pytest.mark.parametrize(("path", "one"), [("a..b", False), (".a", False), ("a.", False), ("", True), ("a[]", True)])
def test_an_invalid_path_is_an_error(path: str, one: bool) -> None:
    with pytest.raises(RecipeError):
        JsonReader(texts=path, one=one)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["texts", "items", "text", "a", "b"]), inner)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    JSON.map(json.dumps) | st.text(st.sampled_from('{}[]",:\\ntexs1 \ud800`')),
    st.integers(0, 60),
    st.sampled_from(PATHS),
)
def test_every_answer_gives_texts_or_failures(answer: str, length: int, path: str) -> None:
    for text, truncated in ((answer, False), (answer[:length], True), (answer[:length], False)):
        result = JsonReader(texts=path).read(text, truncated=truncated)
        assert result.texts or result.failures
        assert all(text and text == text.strip() for text in result.texts)


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffd"), max_size=8).map(
            "x{}x".format
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_prefix_of_an_answer_gives_a_prefix_of_its_texts(texts: list[str]) -> None:
    texts = [text.replace("\x00", "") for text in texts]
    answer = json.dumps({"texts": texts})
    assert read(answer) == (texts, [])
    for length in range(len(answer)):
        part, reasons = read(answer[:length], truncated=True)
        assert part == texts[: len(part)]
        assert reasons == [TRUNCATED]


PAIRS = {"texts": "[].text_a", "fields": ["text_b"]}


def test_fields_are_read_beside_each_text() -> None:
    answer = '[{"text_a": " one ", "text_b": " two "}, {"text_a": "three", "text_b": "four", "more": 1}]'
    result = JsonReader(**PAIRS).read(answer)
    assert result.texts == ("one", "three")
    assert result.fields == ({"text_b": "two"}, {"text_b": "four"})
    assert result.failures == ()


def test_a_field_may_hold_any_json_value_and_have_another_name_than_its_key() -> None:
    reader = JsonReader(texts="items[].text", fields={"spans": "entities", "count": "n"})
    answer = '{"items": [{"text": "Ada met Bob", "entities": [{"start": 0, "end": 3}], "n": 2}]}'
    assert reader.field_names == ("spans", "count")
    assert reader.read(answer).fields == ({"spans": [{"start": 0, "end": 3}], "count": 2},)
    assert JsonReader(texts="q", one=True, fields=["a"]).read('{"q": "why?", "a": "so"}').fields == ({"a": "so"},)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ('{"text_a": "one"}', "the key 'text_b' is missing; there are: text_a"),
        ('{"text_a": "one", "text_b": null}', "the key 'text_b' is null"),
        ('{"text_a": "one", "text_b": " "}', "the field 'text_b' of an item of the answer is empty"),
        ('{"text_a": "", "text_b": "two"}', EMPTY_ITEM),
        ('{"text_a": "one", "text_b": "a\\u0000b"}', UNSTORABLE),
        ('{"text_a": "one", "text_b": [{"a\\ud800": 1}]}', UNSTORABLE),
        ('{"text_b": "two"}', "the key 'text_a' is missing; there are: text_b"),
    ],
)
def test_a_text_without_all_its_fields_is_a_failure(item: str, reason: str) -> None:
    result = JsonReader(**PAIRS).read(f'[{item}, {{"text_a": "kept", "text_b": "\\\\u0000 in words"}}]')
    assert (result.texts, [failure.reason for failure in result.failures]) == (("kept",), [reason])
    assert result.fields == ({"text_b": "\\u0000 in words"},)


def test_only_complete_items_of_a_truncated_answer_have_fields() -> None:
    result = JsonReader(**PAIRS).read('[{"text_a": "one", "text_b": "two"}, {"text_a": "th', truncated=True)
    assert (result.texts, result.fields) == (("one",), ({"text_b": "two"},))
    assert [failure.reason for failure in result.failures] == [TRUNCATED]


def test_the_schema_requires_the_fields_in_the_map_of_the_text() -> None:
    constraint = JsonReader(texts="items[].text", fields={"spans": "entities"}).constraint
    item = json.loads(constraint.value)["properties"]["items"]["items"]
    assert item["required"] == ["text", "entities"]
    assert item["properties"] == {"text": {"type": "string"}, "entities": {}}


@pytest.mark.parametrize(
    ("texts", "fields", "message"),
    [
        ("", ["a"], "texts must end in a key"),
        ("texts", ["a"], "texts must end in a key"),
        ("[].a", ["a"], "has the key"),
    ],
)
def test_fields_need_a_map_that_holds_the_text(texts: str, fields: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        JsonReader(texts=texts, fields=fields)
