"""No wrapper reaches a text, whatever wrappers are put around texts; and the work for any answer grows linearly."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import assert_linear_growth
from textsynth.core.errors import RecipeError
from textsynth.parse import TOO_LONG, TOO_MANY, ParseFailure, Reader, choice, make_reader, without_thinking
from textsynth.parse.tagged import TaggedReader

VOCABULARY = (
    """where is my lamp I can't wait for it again Bob's 3 chairs came late, thanks 2.5 metres of cable why not café"""
)
WORDS = VOCABULARY.split()
TEXT = st.builds(
    lambda words, end: " ".join(["the", *words]) + end,
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=8),
    st.sampled_from(["", "?", ".", "!"]),
)
TEXTS = st.lists(TEXT, min_size=2, max_size=6, unique=True)
MARKS = (
    "{n}. ", "{n}) ", "({n}) ", "[{n}] ", "{n}: ", "{n} - ", "#{n} ", "{n}。", "{n}、", "**{n}.** ", "### {n}. ", "- ",
    "* ", "• ", "+ ", "– ", "→ ", "- [ ] ", "- {n}. ", "{letter}) ", "{letter}. ", "({letter}) ", "{roman}. ",
    "({roman}) ", "Example {n}: ", "**Text {n}:** ", "Q{n}: ", "- text: ", "Text: ", "> ", "",
)  # fmt: skip
ENCLOSERS = (
    '"{}"',
    "“{}”",
    "„{}“",
    "«{}»",
    "「{}」",
    "‘{}’",
    "`{}`",
    "**{}**",
    "__{}__",
    "*{}*",
    "***{}***",
    "<text>{}</text>",
    "{}",
)
CONTAINERS = (
    "{}", "```\n{}\n```", "```text\n{}\n```", "Here are the messages:\n\n{}", "\ufeff{}", "<think>hm\n- x</think>\n{}",
    "{}\n\nI hope these help!", "<answer>\n{}\n</answer>", "[THINK]1. x[/THINK]{}", "{}<|im_end|>",
)  # fmt: skip
ROMAN = ("i", "ii", "iii", "iv", "v", "vi")


def written(text: str, index: int, mark: str, encloser: str) -> str:
    return mark.format(n=index + 1, letter="abcdef"[index], roman=ROMAN[index]) + encloser.format(text)


def read(reader: Reader, answer: str) -> tuple[set[str], int]:
    """Return the texts and the number of failures."""
    remaining = without_thinking(answer)
    assert not isinstance(remaining, ParseFailure)
    result = reader.read(remaining)
    return set(result.texts), len(result.failures)


@settings(deadline=None, max_examples=400)
@given(
    TEXTS, st.sampled_from(MARKS), st.sampled_from(ENCLOSERS), st.sampled_from(ENCLOSERS), st.sampled_from(CONTAINERS)
)
def test_no_wrapper_of_a_list_reaches_a_text(
    texts: list[str], mark: str, encloser: str, inner: str, container: str
) -> None:
    items = [written(inner.format(text), index, mark, encloser) for index, text in enumerate(texts)]
    found, failures = read(make_reader("list", ""), container.format("\n".join(items)))
    assert found <= set(texts)
    assert found == set(texts) or failures


@settings(deadline=None, max_examples=200)
@given(TEXTS, st.sampled_from(MARKS), st.sampled_from(ENCLOSERS), st.sampled_from(["list", "json", "tagged"]))
def test_no_wrapper_inside_of_a_structure_reaches_a_text(texts: list[str], mark: str, encloser: str, name: str) -> None:
    items = [written(text, index, mark, encloser) for index, text in enumerate(texts)]
    answer = "\n".join(f"<text>{item}</text>" for item in items) if name == "tagged" else json.dumps(items)
    found, failures = read(make_reader(name, ""), answer)
    assert found <= set(texts)
    assert found == set(texts) or failures


STRUCTURES: tuple[Callable[[list[str]], str], ...] = (
    json.dumps,
    repr,
    lambda texts: json.dumps({"texts": texts}),
    lambda texts: json.dumps([{"text": text} for text in texts]),
    lambda texts: "\n".join(json.dumps({"text": text}) for text in texts),
    lambda texts: "[\n" + "".join(f"  {json.dumps(text)}, // one\n" for text in texts) + "]",
    lambda texts: "texts = " + repr(tuple(texts)),
    lambda texts: "| text |\n|---|\n" + "\n".join(f"| {text} |" for text in texts),
    lambda texts: "| # | text |\n|--|--|\n" + "\n".join(f"| {n} | {text} |" for n, text in enumerate(texts)),
    lambda texts: "<ul>" + "".join(f"<li>{text}</li>" for text in texts) + "</ul>",
    lambda texts: "\n".join(f"<p>{text}</p>" for text in texts),
    lambda texts: "<list>" + "".join(f"<item>{text}</item>" for text in texts) + "</list>",
    lambda texts: "\\begin{enumerate}\n" + "\n".join(f"\\item {text}" for text in texts) + "\n\\end{enumerate}",
)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.sampled_from(STRUCTURES), st.sampled_from(CONTAINERS))
def test_no_part_of_a_structure_reaches_a_text(
    texts: list[str], structure: Callable[[list[str]], str], container: str
) -> None:
    found, failures = read(make_reader("list", ""), container.replace("{}", structure(texts)))
    assert found <= set(texts)
    assert found == set(texts) or failures


@settings(deadline=None, max_examples=300)
@given(TEXT, st.sampled_from(ENCLOSERS), st.sampled_from(ENCLOSERS), st.sampled_from(CONTAINERS))
def test_no_wrapper_of_one_text_reaches_it(text: str, encloser: str, inner: str, container: str) -> None:
    found, failures = read(make_reader("text", ""), container.replace("{}", encloser.format(inner.format(text))))
    assert found == {text}
    assert not failures


@settings(deadline=None)
@given(st.sampled_from(["refund", "Card arrival"]), st.sampled_from(ENCLOSERS), st.sampled_from(ENCLOSERS))
def test_no_wrapper_hides_a_choice_or_a_match(option: str, encloser: str, inner: str) -> None:
    answer = encloser.format(inner.format(option))
    assert read(make_reader({"choice": {"options": ["refund", "Card arrival"]}}, ""), answer) == ({option}, 0)
    assert read(make_reader({"regex": {"pattern": "[A-Za-z ]{1,20}"}}, ""), answer) == ({option}, 0)


READERS: tuple[object, ...] = (
    "list", {"list": {"continues": True}}, "json", {"json": {"texts": "[].text"}}, "tagged", "text",
    {"text": {"first_line": True}}, {"choice": {"options": ["a", "b"]}}, {"regex": {"pattern": "[a-z ]+"}},
    {"regex": {"pattern": r"(\w+ ?)+"}},
)  # fmt: skip
FLOODS = (
    "x ", "\n", "1. a\n", "1. ", "- ", "a\n", "\n- ", "**", "*a*", "<think>", "</think>", "a<think>b", "<think>x",
    "[THINK]", "◁think▷", "<|channel|>final<|message|>", "<|channel|>", "<|im_end|>", '"', '["', "[", "{", '{"a":',
    '["a",', "'a',", "// ", "/*", "```", "```\n", "~~~\n", "|", "| a |\n", "|---|\n", "<li>", "<ul>", "<ul><li>",
    "</li>", "<text>", "<text>a</text>", "<text>a</text>\n", "<tr><td>", "<a", "<", "&#39;", "\\item ", "> ", ">",
    "# ", "#", "(", "a) b\n", "i. b\n", "Example 1: a\n", "Here are ", "i hope these help\n", "\ufeff", "̀̕",
    "\x00", "1", "①", "x = [", "x:", "=", "'", "“", "“a”", ". ", "1 ", "\\", "\\\"", "\t", "\u3000",
)  # fmt: skip


@pytest.mark.parametrize("spec", READERS, ids=str)
@pytest.mark.parametrize("flood", FLOODS, ids=repr)
def test_the_work_for_an_answer_grows_linearly(spec: object, flood: str) -> None:
    reader = make_reader(spec, "")

    def parse(answer: str) -> object:
        remaining = without_thinking(answer)
        return remaining if isinstance(remaining, ParseFailure) else reader.read(remaining)

    # Below the limits of 10,000 lines and texts, beyond which an answer is not read.
    size = min(15_000 // len(flood), 9_000)
    assert_linear_growth(parse, flood * (size // 30), flood * size)
    parse("<think>" + flood * (size // 2))
    parse(flood * (size // 2) + "</think>")


@pytest.mark.parametrize("spec", READERS, ids=str)
def test_an_answer_that_no_request_asked_for_is_not_read(spec: object) -> None:
    reader = make_reader(spec, "")
    for answer in ("a" * 1_000_001, "a\n" * 10_001):
        (failure,) = reader.read(answer).failures
        assert failure.reason in {TOO_LONG, choice.TOO_LONG}


def test_an_answer_with_too_many_texts_is_not_read() -> None:
    for name, answer in (
        ("json", '["a"' + ',"a"' * 10_001 + "]"),
        ("tagged", "<text>a</text>" * 10_001),
        ("list", '["a"' + ',"a"' * 10_001 + "]"),
    ):
        assert [failure.reason for failure in make_reader(name, "").read(answer).failures] == [TOO_MANY]


def test_a_pattern_that_backtracks_without_end_is_a_failure_with_a_reason() -> None:
    reader = make_reader({"regex": {"pattern": "((a|aa)+)+b"}}, "")
    (failure,) = reader.read("a" * 5_000).failures
    assert (
        failure.reason
        == "the pattern of `answer: regex` took longer than 0.25 s: write it without repetitions inside repetitions"
    )
    assert make_reader({"regex": {"pattern": r"(\w+ ?)+"}}, "").read("where is it " * 50).texts


@pytest.mark.parametrize("tag", ["think", "Thought", "reasoning"])
def test_a_tag_that_encloses_reasoning_cannot_be_the_tag_of_texts(tag: str) -> None:
    with pytest.raises(
        RecipeError, match="encloses a model's reasoning, which is removed from answers; choose another tag"
    ):
        TaggedReader(tag=tag)
