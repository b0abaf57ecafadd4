from __future__ import annotations

import pytest

from textsynth.core.options import SamplingOptions
from textsynth.parse.list import List
from textsynth.prompts.front_matter import FrontError, split_front_matter


def front(told: str) -> str:
    return f"---\n{told}\n---\nbody\n"


def test_a_front_matter_says_what_a_prompt_is() -> None:
    found = split_front_matter(
        "---\ndescription: new texts\nvariables:\n  n: how many\n  label: 'the label: its name'\n"
        "answer: {list: {most: 5}}\nsampling: {temperature: 0.9, stop: [a]}\nmode: completion\n---\nbody\n---\nmore",
        "p.jinja",
    )
    assert found.front.description == "new texts"
    assert found.front.variables == {"n": "how many", "label": "the label: its name"}
    assert found.front.sampling == SamplingOptions(temperature=0.9, stop=("a",))
    assert found.front.mode == "completion"
    assert found.reader == List(most=5)
    assert (found.body, found.first_line) == ("body\n---\nmore", 10)
    assert (found.lines["mode",], found.lines["variables", "label"]) == (8, 5)


def test_all_but_the_purpose_can_be_left_out() -> None:
    found = split_front_matter("---\ndescription: it\n---", "p.jinja")
    assert (found.front.mode, found.front.variables, found.body) == ("chat", {}, "")


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", ["1: a prompt begins with a front matter between two lines '---', this file is empty"]),
        ("hello\n---\n", ["1: a prompt begins with a front matter between two lines '---', this one with 'hello'"]),
        ("---\ndescription: it\n", ["1: the front matter has no end: no second line '---' within 500 lines"]),
        (front(""), ["1: the setting 'about' is missing"]),
        (front("about: ' '"), ["2: 'about' is empty; it says in one line what the prompt is for"]),
        (front("abuot: it"), ["2: the setting 'about' is missing", "2: there is no setting 'abuot'"]),
        (front("about: it\n\nmode: chta"), ["4: 'mode' must be 'chat' or 'completion', but is 'chta'"]),
        (front("about: yes"), ["2: 'about' must be a text, but is True"]),
        (front("about: 2024-01-01"), ["2: '2024-01-01' is a timestamp in YAML; put it in quotes to make it a text"]),
        (front("about: it\nvariables: [a, b]"), ["3: 'variables' must be a map, but is ['a', 'b']"]),
        (front("about: it\nvariables: {n: 5}"), ["3: 'variables.n' must be a text, but is 5"]),
        (front("about: it\nvariables: {n: }"), ["3: 'variables.n' must be a text, but is None"]),
        (front("about: it\nvariables: {no: x}"), ["3: the key 'no' is no text in YAML; put it in quotes"]),
        (front("about: it\nvariables:\n  ? [a]\n  : x"), ["4: the key "]),
        (front("description: it\ndescription: that"), ["3: the key 'description' stands twice"]),
        (front("about: it\nanswer: lsit"), ["3: there is no answer reader 'lsit'; did you mean 'list'?"]),
        (front("about: it\nanswer:\n  list: {mots: 1}"), ["3: answer 'list': there is no setting 'mots'"]),
        (front("about: it\nanswer: 5"), ["3: an answer is a reader's name or a map of one name"]),
        (front("about: it\nsampling:\n  temprature: 1"), ["4: there is no setting 'sampling.temprature'"]),
        (front("about: it\nsampling: {top_p: 1.5}"), ["3: 'sampling.top_p' must be less than or equal"]),
        (front("about: it\nsampling: {max_tokens: 1e3}"), ["3: 'sampling.max_tokens' must be a whole number"]),
        (front("about: it\nsampling: {temperature: .nan}"), ["3: 'sampling.temperature' must be "]),
        (front("about: it: that"), ["2: the front matter is not YAML: mapping values are not allowed here"]),
        (front("about: [a"), ["3: the front matter is not YAML: "]),
        (front("about: it\n\tmode: chat"), ["3: the front matter is not YAML: "]),
        (front("- description"), ["2: the front matter must be a map (description: …), but is ['description']"]),
        (front("just words"), ["2: the front matter must be a map (description: …), but is 'just words'"]),
        (front("about: &a it\nvariables: {n: *a}"), ["2: the front matter uses an anchor twice"]),
        (front("about: &a [*a]"), ["2: the front matter uses an anchor twice"]),
        (front("about: !!python/object:os.system x"), ["2: 'x' is a os.system in YAML; put it in quotes"]),
        (front("about: !x y"), ["2: 'y' is a !x in YAML; put it in quotes to make it a text"]),
        (front("about: " + "[" * 5_000), ["1: the front matter is nested too deep"]),
        (front("about: it\x07"), ["1: the front matter is not YAML: "]),
        (front("about: 1:2_x\nmode: 12:30:45"), ["3: 'mode' must be 'chat' or 'completion', but is 45045"]),
    ],
)  # fmt: skip
def test_mistakes_are_found_with_their_lines(text: str, mistakes: list[str]) -> None:
    with pytest.raises(FrontError) as caught:
        split_front_matter(text, "p.jinja")
    found = sorted(str(one).removeprefix(": ").removeprefix("p.jinja:") for one in caught.value.mistakes)
    assert len(found) == len(mistakes)
    for told, start in zip(found, sorted(mistakes), strict=True):
        assert told.startswith(start)
