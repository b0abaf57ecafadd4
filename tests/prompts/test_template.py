from __future__ import annotations

import pytest

from textsynth.prompts.injection_guard import InsertedText, TurnBoundary
from textsynth.prompts.template import MAX_LENGTH, MAX_TAGS, CompiledTemplate, TemplateErrors, compile_template

USER = '{% chat role="user" %}hi{% endchat %}'
WRONG_ROLE = "the role of a chat block must be one of 'system', 'user', 'assistant', but is"


def turn(body: str) -> str:
    return f'{{% chat role="user" %}}{body}{{% endchat %}}'


def chat(body: str) -> CompiledTemplate:
    return compile_template(body, where="p.jinja", first_line=10, chat=True)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ("{{ a }", ["10: template syntax: unexpected '}'"]),
        (USER + "\n{% if a %}", ["11: template syntax: Unexpected end of template."]),
        (USER + "\n\n{% endfor %}", ["12: template syntax: Encountered unknown tag 'endfor'."]),
        ("{% chatt role='user' %}x{% endchat %}", ["10: template syntax: Encountered unknown tag 'chatt'."]),
        ("{% chat 'user' %}x{% endchat %}", ["10: template syntax: expected token 'role', got 'string'"]),
        ('{% chat role="user" %}x', ["10: template syntax: Unexpected end of template."]),
        ("hello", ["10: text outside of a chat block: 'hello'", '1: there is no {% chat role="user" %}…']),
        ("\n\n  before\n" + USER, ["12: text outside of a chat block: 'before'"]),
        (USER + "\n{{ a }}", ["11: a value is inserted outside of a chat block"]),
        ("{% for x in a %}\n" + USER + "\nand\n{% endfor %}", ["12: text outside of a chat block: 'and'"]),
        ('{% chat role="User" %}x{% endchat %}', [f"10: {WRONG_ROLE} 'User'"]),
        ("{% chat role=a %}x{% endchat %}", [f"10: {WRONG_ROLE} an expression"]),
        (turn(USER), ["10: a chat block inside another block"]),
        ("{% macro m() %}" + USER + "{% endmacro %}" + USER, ["10: a chat block inside another block"]),
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
def test_every_error_is_reported_with_its_line(body: str, messages: list[str]) -> None:
    with pytest.raises(TemplateErrors) as caught:
        chat(body)
    issues = sorted(str(issue).removeprefix("p.jinja:") for issue in caught.value.issues)
    assert len(issues) == len(messages)
    for issue, message in zip(issues, sorted(messages), strict=True):
        assert issue.startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x" * MAX_LENGTH, "characters; at most 50,000"),
        ("{{ a }}" * (MAX_TAGS + 1), "2,001 tags; at most 2,000"),
        ("{{ [" + "1," * 12_000 + "] }}", "nodes; at most 10,000"),
        ("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", "RecursionError"),
        ("{{ a" + "|upper" * 3_000 + " }}", "RecursionError"),
        ("{% if a %}" * 900 + "{% endif %}" * 900, "RecursionError"),
        ("{% for x in a %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks"),
        ("{{ " + "9" * 5_000 + " }}", "ValueError: Exceeds the limit"),
    ],
)
def test_a_template_that_is_too_large_is_refused(body: str, message: str) -> None:
    with pytest.raises(TemplateErrors, match=message):
        compile_template(body, where="p.jinja", first_line=10, chat=False)


def test_a_completion_prompt_has_no_chat_blocks() -> None:
    with pytest.raises(TemplateErrors, match="10: a chat block in a prompt with `mode: completion`"):
        compile_template(USER, where="p.jinja", first_line=10, chat=False)


def test_chat_blocks_can_be_inside_of_loops_and_conditions() -> None:
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


def test_names_that_jinja_defines_are_not_variables() -> None:
    body = "{% for i in range(n) %}{{ loop.index }}{{ i }}{{ dict(a=b).a }}{% endfor %}"
    assert compile_template(body, where="p.jinja", first_line=2, chat=False).variables == {"n", "b"}


def test_a_rendering_error_has_its_line_in_the_file() -> None:
    template = compile_template("a\nb\n{% if 1 %}\n{{ 1 / n }}{% endif %}", where="p.jinja", first_line=10, chat=False)
    with pytest.raises(ZeroDivisionError) as caught:
        template.pieces({"n": 0})
    assert template.line_of(caught.value) == 13
