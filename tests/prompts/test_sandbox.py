from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pytest

from textsynth.core.errors import PromptError
from textsynth.core.records import Message, Provenance, Record
from textsynth.prompts import Prompt
from textsynth.prompts.sandbox import INTERNAL_FILTERS, SAFE_METHODS, PromptEnvironment

Load = Callable[..., Prompt]


class Pair(NamedTuple):
    name: str
    count: int


@pytest.mark.parametrize(
    "body",
    [
        '{{ "".__class__ }}',
        '{{ "".__class__.__mro__ }}',
        "{{ x.__init__.__globals__ }}",
        "{{ x.__subclasses__() }}",
        "{{ [].append(1) }}",
        "{{ {}.update({}) }}",
        "{{ {}.fromkeys([1]) }}",
        '{{ "a".encode() }}',
        '{{ "a".format.__self__ }}',
        '{{ "a" | attr("upper") }}',
        '{{ ["__class__"] | map("attr", "__class__") | list }}',
        '{{ [""] | map(attribute="__class__") | join }}',
        "{{ self.__dict__ }}",
        "{{ range.__class__ }}",
        "{{ namespace.__init__ }}",
        "{{ (x for x in x) }}",
        "{% set x.y = 1 %}",
        '{% import "os" as os %}',
        "{{ cycler }}",
    ],
)
def test_nothing_outside_of_the_values_can_be_reached(prompt: Load, body: str) -> None:
    with pytest.raises(PromptError, match=r"test\.jinja:\d+: "):
        prompt(body, ["x"] if "x" in body.replace("map(", "") else []).render({"x": 1})


@pytest.mark.parametrize(
    "body",
    [
        "{{ dict.update(x, {'a': 9}) }}",
        "{{ dict.clear(x) }}",
        "{{ dict.pop(x, 'a') }}",
        "{{ dict.popitem(x) }}",
        "{{ dict.setdefault(x, 'c', 1) }}",
        "{{ dict.fromkeys('ab') }}",
        "{{ x.update({'a': 9}) }}",
        "{{ x['update']({'a': 9}) }}",
        "{{ x.setdefault('c', 1) }}",
        "{{ x.pop('a') }}",
        "{{ x.clear() }}",
        "{{ ([x] | map(attribute='clear') | first)() }}",
        *(
            f"{{{{ x.b.{call} }}}}"
            for call in (
                "append(1)",
                "extend([1])",
                "insert(0, 1)",
                "remove(1)",
                "pop()",
                "clear()",
                "reverse()",
                "sort()",
            )
        ),
        *(f"{{{{ x.s.{call} }}}}" for call in ("add(1)", "update([1])", "discard(1)", "clear()", "pop()")),
        "{% set x.a = 9 %}",
        "{% set ns = namespace(x) %}{% set ns.a = 9 %}ok",
        "{% set y = dict(x, a=9) %}{{ y.a }}",
        "{{ x.b | sort(reverse=true) | join }}{{ x.b | reverse | join }}{{ (x.b + [7]) | length }}",
    ],
)
def test_no_template_changes_the_values_of_the_caller(prompt: Load, body: str) -> None:
    values = {"a": 1, "b": [2, 1, 3], "s": {1}}
    loaded = prompt("ok" + body, ["x"] if "x" in body.replace("extend", "") else [])
    with suppress(PromptError):
        loaded.render({"x": values})
    assert values == {"a": 1, "b": [2, 1, 3], "s": {1}}
    assert list(values) == ["a", "b", "s"]


def test_a_forbidden_method_is_an_error_that_lists_the_allowed_ones(prompt: Load) -> None:
    with pytest.raises(PromptError, match=r"cannot use \.ljust on a value of type str; there are: capitalize, "):
        prompt('{{ "a".ljust(3) }}').render({})
    with pytest.raises(PromptError, match=r"cannot use \.append on a value of type list; there are: count, index"):
        prompt("{{ [].append(3) }}").render({})


def test_all_allowed_methods_exist() -> None:
    assert all(hasattr(kind, name) for kind, names in SAFE_METHODS.items() for name in names)


@pytest.mark.parametrize(
    ("body", "value", "text"),
    [
        ("{{ x.name }} {{ x['count'] }}", {"name": "a", "count": 2}, "a 2"),
        ("{{ x.pop }}{{ x.update }}", {"pop": "a", "update": "b"}, "ab"),
        ("{% for key, value in x.items() %}{{ key }}={{ value }} {% endfor %}", {"a": 1, "b": 2}, "a=1 b=2"),
        ("{{ x.name }} {{ x.count }}", Pair("a", 2), "a 2"),
        ("{{ x.text }}", Record("a text", Provenance("seeds")), "a text"),
        ("{{ x.role }}", Message("user", "a"), "user"),
        ("{{ x[0] }}{{ x[-1] }}{{ x[1:] | join }}{{ x | first }}", ["a", "b", "c"], "acbca"),
        ("{{ x.upper() }}{{ x.split('-') | first }}{{ x.startswith('a') }}", "a-b", "A-BaTrue"),
        (
            "{% for y in x %}{{ y.split(',', maxsplit=1) | last }}{{ '-'.join([y, y]) }}{% endfor %}",
            ["a,b,c"],
            "b,ca,b,c-a,b,c",
        ),
        ("{% for y in x %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{{ loop.changed(y) }}{% endfor %}", [5], "1aTrue"),
        ("{{ x }}", 3, "3"),
        ("{{ x if x else 'none' }}", "", "none"),
        ("{% macro twice(y) %}{{ y }}{{ y }}{% endmacro %}{{ twice(x) | upper }}", "ab", "ABAB"),
        ("{% set y %}[{{ x }}]{% endset %}{{ y | length }}{{ y }}", "ab", "4[ab]"),
        ("{% with y = x %}{{ y }}{% endwith %}", "ab", "ab"),
        ("{% set ns = namespace(n=0) %}{% for y in x %}{% set ns.n = ns.n + y %}{% endfor %}{{ ns.n }}", [1, 2], "3"),
    ],
)
def test_values_of_all_types_can_be_inserted(prompt: Load, body: str, value: object, text: str) -> None:
    assert prompt(body, ["x"]).render({"x": value}).text == text


def test_the_output_of_a_macro_or_set_block_is_inserted_text(prompt: Load) -> None:
    macro, block = "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}", "{% set s %}{{ x }}{{ y }}{% endset %}"
    assert prompt(macro + block + "{{ m(x, y) }} {{ s }} {{ x ~ y }}", ["x", "y"]).render(
        {"x": "<|im_", "y": "start|>"}
    ).text == " ".join(["< |im_start|>"] * 3)


def test_no_template_can_use_the_internal_filters() -> None:
    environment = PromptEnvironment()
    assert INTERNAL_FILTERS.keys() <= environment.filters.keys()
    assert not any(name.isidentifier() for name in INTERNAL_FILTERS)
    assert environment.loader is None


def test_every_rendering_has_a_budget_of_its_own(prompt: Load) -> None:
    loaded = prompt("{% for i in range(20000) %}{% endfor %}x")
    assert {loaded.render({}).text for _ in range(60)} == {"x"}
