from __future__ import annotations

import pytest

from textsynth.prompts.injection_guard import InsertedText, TurnBoundary
from textsynth.prompts.template import MAX_LENGTH, MAX_TAGS, CompiledTemplate, TemplateErrors, compile_template

USER = '{% chat role="user" %}hi{% endchat %}'


def turn(body: str) -> str:
    return f'{{% chat role="user" %}}{body}{{% endchat %}}'


def chat(body: str) -> CompiledTemplate:
    return compile_template(body, where="p.jinja", first_line=10, chat=True)


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        ("{{ a }", ["10: not a template: unexpected '}'"]),
        (USER + "\n{% if a %}", ["11: not a template: Unexpected end of template."]),
        (USER + "\n\n{% endfor %}", ["12: not a template: Encountered unknown tag 'endfor'."]),
        ("{% chatt role='user' %}x{% endchat %}", ["10: not a template: Encountered unknown tag 'chatt'."]),
        ("{% chat 'user' %}x{% endchat %}", ["10: not a template: expected token 'role', got 'string'"]),
        ('{% chat role="user" %}x', ["10: not a template: Unexpected end of template."]),
        ("hello", ["10: text outside of a chat block: 'hello'", '1: there is no {% chat role="user" %}…']),
        ("\n\n  before\n" + USER, ["12: text outside of a chat block: 'before'"]),
        (USER + "\n{{ a }}", ["11: a value is put in outside of a chat block"]),
        ("{% for x in a %}\n" + USER + "\nand\n{% endfor %}", ["12: text outside of a chat block: 'and'"]),
        ('{% chat role="User" %}x{% endchat %}', ["10: the role of a chat block is 'User'; it must be one of "]),
        ("{% chat role=a %}x{% endchat %}", ["10: the role of a chat block is an expression; it must be one of"]),
        (turn(USER), ["10: a chat block stands inside another block"]),
        ("{% macro m() %}" + USER + "{% endmacro %}" + USER, ["10: a chat block stands inside another block"]),
        (USER + '{% include "x" %}', ["10: a prompt cannot use {% include %}: a prompt is one file"]),
        (USER + '{% extends "x" %}', ["10: a prompt cannot use {% extends %}"]),
        (USER + '{% import "x" as x %}', ["10: a prompt cannot use {% import %}"]),
        (USER + '{% from "x" import y %}', ["10: a prompt cannot use {% from %}"]),
        (USER + "{% block b %}{% endblock %}", ["10: a prompt cannot use {% block %}"]),
        (turn('{% filter upper %}x{% endfilter %}'), ["10: a prompt cannot use {% filter %}"]),
        (USER + "{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}", ["10: a prompt cannot use {% call %}"]),
        (turn('{% autoescape true %}{{ a }}{% endautoescape %}'), ["10: a prompt cannot use {% autoescape %}"]),
        ("{% for x in a recursive %}" + USER + "{% endfor %}", ["10: a prompt cannot use a recursive loop"]),
        (turn('{{ a | uper }}'), ["10: there is no filter 'uper'; did you mean 'upper'?"]),
        (turn('{{ a is strin }}'), ["10: there is no test 'strin'; did you mean 'string'?"]),
        ("one\n" + USER + "two", ["10: text outside of a chat block: 'one'", "11: text outside of a chat block"]),
    ],
)  # fmt: skip
def test_mistakes_are_found_with_their_lines(body: str, mistakes: list[str]) -> None:
    with pytest.raises(TemplateErrors) as caught:
        chat(body)
    found = sorted(str(mistake).removeprefix("p.jinja:") for mistake in caught.value.mistakes)
    assert len(found) == len(mistakes)
    for told, start in zip(found, sorted(mistakes), strict=True):
        assert told.startswith(start)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("x" * MAX_LENGTH, "characters; at most 50,000"),
        ("{{ a }}" * (MAX_TAGS + 1), "2,001 tags; at most 2,000"),
        ("{{ [" + "1," * 12_000 + "] }}", "parts; at most 10,000"),
        ("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", "RecursionError"),
        ("{{ a" + "|upper" * 3_000 + " }}", "RecursionError"),
        ("{% if a %}" * 900 + "{% endif %}" * 900, "RecursionError"),
        ("{% for x in a %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks"),
        ("{{ " + "9" * 5_000 + " }}", "ValueError: Exceeds the limit"),
    ],
)
def test_templates_without_measure_are_refused(body: str, told: str) -> None:
    with pytest.raises(TemplateErrors, match=told):
        compile_template(body, where="p.jinja", first_line=10, chat=False)


def test_a_completion_has_no_turns() -> None:
    with pytest.raises(TemplateErrors, match="10: a chat block in a prompt with `mode: completion`"):
        compile_template(USER, where="p.jinja", first_line=10, chat=False)


def test_turns_may_be_looped_over_and_chosen() -> None:
    body = """
{% set greeting = "hello" %}
{% macro shout(x) %}{{ x | upper }}!{% endmacro %}
{% if rules %}{% chat role="system" %}{{ rules }}{% endchat %}{% endif %}
{% for shot in shots %}
{% chat role="user" %}{{ loop.index }} {{ shot }}{% endchat %}
{% chat role="assistant" %}{{ shout(shot) }}{% endchat %}
{% endfor %}
{% chat role="user" %}{{ greeting }}{% endchat %}
"""
    template = chat(body)
    assert template.variables == {"rules", "shots"}
    pieces = template.pieces({"rules": "", "shots": ["a", "b"]})
    assert [str.__str__(piece) for piece in pieces if type(piece) is TurnBoundary] == [
        "user", "", "assistant", "", "user", "", "assistant", "", "user", "",
    ]  # fmt: skip
    assert [piece for piece in pieces if type(piece) is InsertedText] == ["1", "a", "A!", "2", "b", "B!", "hello"]


def test_names_of_jinja_are_no_variables() -> None:
    body = "{% for i in range(n) %}{{ loop.index }}{{ i }}{{ dict(a=b).a }}{% endfor %}"
    assert compile_template(body, where="p.jinja", first_line=2, chat=False).variables == {"n", "b"}


def test_a_failure_has_the_line_of_the_file() -> None:
    template = compile_template("a\nb\n{% if 1 %}\n{{ 1 / n }}{% endif %}", where="p.jinja", first_line=10, chat=False)
    with pytest.raises(ZeroDivisionError) as caught:
        template.pieces({"n": 0})
    assert template.line_of(caught.value) == 13
