from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.core.errors import RecipeError
from textsynth.parse import CUT, EMPTY, EMPTY_PIECE
from textsynth.parse.json import Json

PATHS = ["", "texts", "items[].text", "[].text", "a.b"]


def found(answer: str, path: str = "texts", *, one: bool = False, cut: bool = False) -> tuple[list[str], list[str]]:
    reading = Json(texts=path, one=one).read(answer, cut=cut)
    return list(reading.texts), [fault.reason for fault in reading.failures]


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
        ("", '```\nno json here\n```\n["one", "two"]'),
    ],
)
def test_texts_are_found_at_their_path(path: str, answer: str) -> None:
    assert found(answer, path) == (["one", "two"], [])


def test_one_text_may_be_asked_for() -> None:
    assert found('{"summary": "one"}', "summary", one=True) == (["one"], [])
    assert found('{"summary": ["one"]}', "summary", one=True) == ([], ["a list where a text was asked for"])
    assert found('{"summary": "on', "summary", one=True, cut=True) == ([], [CUT])


@pytest.mark.parametrize(
    ("answer", "texts", "reasons"),
    [
        ("", [], [EMPTY]),
        ("I am sorry, but I cannot help with that.", [], ["the answer holds no JSON list or map"]),
        ('{"texts": ["one", "tw', [], ["the answer is no JSON: Unterminated string starting at at character 18"]),
        ('{"texts": ["one", NaN]}', [], ["the answer is no JSON: NaN is no JSON number"]),
        ('{"texts": ["one"], "texts": ["two"]}', [], ["the answer is no JSON: the key 'texts' stands twice"]),
        ('{"texts": "one"}', [], ["a text where a list was asked for"]),
        (
            '{"texts": ["one", 2, null, true]}',
            ["one"],
            [
                "a number where a text was asked for",
                "null where a text was asked for",
                "true or false where a text was asked for",
            ],
        ),
        ('{"texts": ["one", {"text": "two"}]}', ["one"], ["a map where a text was asked for"]),
        ('{"texts": []}', [], ["the list of texts is empty"]),
        ('{"texts": ["", " ", "one"]}', ["one"], [EMPTY_PIECE, EMPTY_PIECE]),
        ('{"items": ["one"]}', [], ["the key 'texts' is missing; there are: items"]),
        ('["one"]', [], ["a list where a map with the key 'texts' was asked for"]),
        ('{"texts": ["one"]}\n{"texts": ["two"]}', [], ["the answer holds more than one JSON value"]),
        (
            "{'texts': ['one']}",
            [],
            ["the answer is no JSON: Expecting property name enclosed in double quotes at character 1"],
        ),
        (
            '{"texts": ["o\\u0000ne"]}',
            [],
            ["a text holds characters that no text has (NUL, or half of a surrogate pair)"],
        ),
        (
            '{"texts": ["o\\ud83dne"]}',
            [],
            ["a text holds characters that no text has (NUL, or half of a surrogate pair)"],
        ),
        ("[" * 100_000, [], ["the JSON is nested too deep"]),
        (
            "1" * 5_000 + "{",
            [],
            ["the answer is no JSON: Expecting property name enclosed in double quotes at character 1"],
        ),
    ],
)
def test_broken_answers_are_faults_with_their_reason(answer: str, texts: list[str], reasons: list[str]) -> None:
    assert found(answer) == (texts, reasons)


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
def test_of_an_answer_that_was_cut_off_only_what_is_complete_is_read(path: str, answer: str, texts: list[str]) -> None:
    assert found(answer, path, cut=True) == (texts, [CUT])


def test_an_answer_that_ended_in_time_is_whole() -> None:
    assert found('{"texts": ["one"]} and', cut=True) == (["one"], [])
    assert found('{"texts": ["one"]} and {more', cut=True) == (["one"], [])


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_that_fits_the_schema_is_read(path: str) -> None:
    schema = json.loads(Json(texts=path).constraint.value)

    def example(part: dict[str, object]) -> object:
        if part["type"] == "array":
            return [example(part["items"])]  # type: ignore[arg-type]
        if part["type"] == "object":
            assert part["additionalProperties"] is False
            return {name: example(inner) for name, inner in part["properties"].items()}  # type: ignore[attr-defined]
        return "one"

    assert found(json.dumps(example(schema)), path) == (["one"], [])


@pytest.mark.parametrize(("path", "one"), [("a..b", False), (".a", False), ("a.", False), ("", True), ("a[]", True)])
def test_paths_that_lead_nowhere_are_mistakes(path: str, one: bool) -> None:
    with pytest.raises(RecipeError):
        Json(texts=path, one=one)


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
def test_every_answer_is_read_into_texts_and_faults(answer: str, length: int, path: str) -> None:
    for told, cut in ((answer, False), (answer[:length], True), (answer[:length], False)):
        reading = Json(texts=path).read(told, cut=cut)
        assert reading.texts or reading.failures
        assert all(text and text == text.strip() for text in reading.texts)


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(blacklist_categories=("Cs",)), max_size=8).map("x{}x".format), min_size=1, max_size=4
    )
)
def test_what_is_read_before_a_cut_is_what_the_whole_says(texts: list[str]) -> None:
    texts = [text.replace("\x00", "") for text in texts]
    answer = json.dumps({"texts": texts})
    assert found(answer) == (texts, [])
    for length in range(len(answer)):
        part, reasons = found(answer[:length], cut=True)
        assert part == texts[: len(part)]
        assert reasons == [CUT]
