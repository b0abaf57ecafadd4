from __future__ import annotations

import pytest

from textsynth.core.options import SamplingOptions
from textsynth.parse.list import ListReader
from textsynth.parse.text import TextReader
from textsynth.prompts.front_matter import FrontMatterError, split_front_matter


def front(yaml: str) -> str:
    return f"---\n{yaml}\n---\nbody\n"


def test_a_front_matter_is_read_with_its_lines() -> None:
    file = split_front_matter(
        "---\ndescription: new texts\nvariables:\n  n: how many\n  label: 'the label: its name'\n"
        "answer: {list: {most: 5}}\nsampling: {temperature: 0.9, stop: [a]}\nmode: completion\n---\nbody\n---\nmore",
        "p.jinja",
    )
    assert file.front.description == "new texts"
    assert file.front.variables == {"n": "how many", "label": "the label: its name"}
    assert file.front.sampling == SamplingOptions(temperature=0.9, stop=("a",))
    assert file.front.mode == "completion"
    assert file.reader == ListReader(most=5)
    assert (file.body, file.first_line) == ("body\n---\nmore", 10)
    assert (file.lines["mode",], file.lines["variables", "label"]) == (8, 5)


@pytest.mark.parametrize(
    ("text", "body", "first_line"),
    [
        ("---\ndescription: it\n---", "", 4),
        ("---\n---\nhello", "hello", 3),
        ("hello\n---\n", "hello\n---\n", 1),
        ("", "", 1),
    ],
)
def test_a_front_matter_has_only_what_differs_from_the_defaults(text: str, body: str, first_line: int) -> None:
    file = split_front_matter(text, "p.jinja")
    assert (file.front.mode, file.front.variables, file.front.sampling) == ("chat", {}, SamplingOptions())
    assert (file.reader, file.body, file.first_line) == (TextReader(), body, first_line)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("\n---\ndescription: it\n---\n", ["1: the front matter begins with '---' in line 1, not below it"]),
        ("---\ndescription: it\n", ["1: the front matter has no end: no second line '---' within 500 lines"]),
        (front("description: ' '"), ["2: 'description' is empty; write the purpose of the prompt in one line"]),
        (
            front("descriptoin: it"),
            [
                "2: the front matter has no field 'descriptoin'; did you mean 'description'?",
            ],
        ),
        (
            front("description: it\n\nmode: chta"),
            ["4: mode takes 'chat' or 'completion', found 'chta'; did you mean 'chat'?"],
        ),
        (front("description: yes"), ["2: description takes text, found true"]),
        (
            front("description: 2024-01-01"),
            ["2: '2024-01-01' is a timestamp in YAML; put it in quotes to make it a text"],
        ),
        (
            front("description: it\nvariables: [a, b]"),
            ["3: variables takes a map of names to texts, found a list of 2"],
        ),
        (front("description: it\nvariables: {n: 5}"), ["3: variables.n takes text, found 5"]),
        (front("description: it\nvariables: {n: }"), ["3: variables.n takes text, found nothing"]),
        (front("description: it\nvariables: {no: x}"), ["3: the key 'no' is not a text in YAML; put it in quotes"]),
        (front("description: it\nvariables:\n  ? [a]\n  : x"), ["4: the key "]),
        (front("description: it\ndescription: that"), ["3: the key 'description' is repeated"]),
        (front("description: it\nanswer: lsit"), ["3: there is no answer reader 'lsit'; did you mean 'list'?"]),
        (
            front("description: it\nanswer:\n  list: {mots: 1}"),
            ["3: answer.list has no field 'mots'; did you mean 'most'?"],
        ),
        (front("description: it\nanswer: 5"), ["3: 'answer' must be a reader's name or a map of one name"]),
        (
            front("description: it\nsampling:\n  temprature: 1"),
            ["4: sampling has no field 'temprature'; did you mean 'temperature'?"],
        ),
        (
            front("description: it\nsampling: {top_p: 1.5}"),
            ["3: sampling.top_p takes a number (above 0, at most 1), found 1.5"],
        ),
        (
            front("description: it\nsampling: {max_tokens: 1e3}"),
            ["3: sampling.max_tokens takes a whole number (above 0), found '1e3'"],
        ),
        (
            front("description: it\nsampling: {temperature: .nan}"),
            ["3: sampling.temperature takes a number (at least 0, at most 5), found nan"],
        ),
        (front("description: it: that"), ["2: the front matter is not YAML: mapping values are not allowed here"]),
        (front("description: [a"), ["3: the front matter is not YAML: "]),
        (front("description: it\n\tmode: chat"), ["3: the front matter is not YAML: "]),
        (front("- description"), ["2: the front matter must be a map (description: …), but is ['description']"]),
        (front("just words"), ["2: the front matter must be a map (description: …), but is 'just words'"]),
        (front("description: &a it\nvariables: {n: *a}"), ["2: the front matter uses an anchor twice"]),
        (front("description: &a [*a]"), ["2: the front matter uses an anchor twice"]),
        (front("description: !!python/object:os.system x"), ["2: 'x' is a os.system in YAML; put it in quotes"]),
        (front("description: !x y"), ["2: 'y' is a !x in YAML; put it in quotes to make it a text"]),
        (front("description: " + "[" * 5_000), ["1: the front matter is nested too deeply"]),
        (front("description: it\x07"), ["1: the front matter is not YAML: "]),
        (
            front("description: ''\nvariables: {no: x, n: 5}\nanswer: lsit\nsampling: {top_p: 1.5}\ndescription: it"),
            [
                "2: 'description' is empty",
                "3: the key 'no' is not a text in YAML",
                "4: there is no answer reader 'lsit'",
                "6: the key 'description' is repeated",
            ],
        ),
        (
            front("description: yes\nvariables: {n: 5}\nanswer: lsit\nmode: chta"),
            [
                "2: description takes text",
                "3: variables.n takes text",
                "4: there is no answer reader 'lsit'",
                "5: mode takes 'chat' or 'completion'",
            ],
        ),
        (front("description: 1:2_x\nmode: 12:30:45"), ["3: mode takes 'chat' or 'completion', found 45045"]),
    ],
)
def test_every_error_is_reported_with_its_line(text: str, messages: list[str]) -> None:
    with pytest.raises(FrontMatterError) as caught:
        split_front_matter(text, "p.jinja")
    issues = sorted(str(issue).removeprefix(": ").removeprefix("p.jinja:") for issue in caught.value.issues)
    assert len(issues) == len(messages)
    for issue, message in zip(issues, sorted(messages), strict=True):
        assert issue.startswith(message)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ('description: "\\ud800"', "half of a character"),
        ('variables: {"\\udfff": x}', "half of a character"),
        ('sampling: {stop: ["\\ud800"]}', "half of a character"),
        ('answer: {regex: {pattern: "\\ud800"}}', "half of a character"),
        (f"sampling: {{max_tokens: {'9' * 5000}}}", "too many digits"),
        (f"sampling: {{max_tokens: 0x{'f' * 5000}}}", "too many digits"),
    ],
)
def test_what_no_text_or_number_can_hold_is_one_sentence(yaml: str, message: str) -> None:
    with pytest.raises(FrontMatterError, match=message):
        split_front_matter(front(yaml), "p.jinja")
