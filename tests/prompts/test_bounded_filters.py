from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from jinja2.filters import FILTERS

from textsynth.core.errors import PromptError
from textsynth.prompts import Prompt
from textsynth.prompts import bounded_filters as bounds

Load = Callable[..., Prompt]
GROW = (
    "{{% set it = namespace(a={0}) %}}{{% for _ in range(200) %}}{{% set it.a = {1} %}}{{% endfor %}}"
    "{{{{ it.a | string }}}}"
)
LISTS = '{% set one = ["a"] * 40000 %}{% set two = ["a"] * 40000 %}{% for _ in range(20000) %}'
BIG = '{% set big = "ab " * 60000 %}{% for _ in range(20000) %}'

BOMBS = [
    '{{ "a" * 10**9 }}',
    "{{ 10**9 * 'a' }}",
    "{{ [1] * 10**9 }}",
    "{{ (10**1000)**1000 }}",
    "{{ 10**(10**9) }}",
    '{{ "%1000000000d" % 1 }}',
    '{{ "%*d" % (1000000000, 1) }}',
    '{{ "%.1000000000f" | format(1.5) }}',
    '{{ ("%s" * 2000) % ("a" * 1000) }}',
    '{{ ("%(" * 90000) % 1 }}',
    '{{ "{:1000000000}".format(1) }}',
    '{{ "a".format_map({}) }}',
    '{{ "a".ljust(10**9) }}',
    '{{ "a".zfill(10**9) }}',
    '{{ "a".center(10**9) }}',
    '{{ "a\tb".expandtabs(10**9) }}',
    "{{ (5).to_bytes(10**9) }}",
    '{{ "a" | center(10**9) }}',
    '{{ "a\nb" | indent(10**9) }}',
    '{{ ("\n" * 1000) | indent("a" * 1000) }}',
    '{{ ("a" * 100000) | replace("a", "b" * 100000) }}',
    '{{ ("a" * 100000) | replace("", "b" * 100000) }}',
    '{{ ("a" * 100000).replace("a", "b" * 100000) }}',
    '{{ range(20000) | join("b" * 100000) }}',
    '{{ ("b" * 100000).join(["a"] * 10000) }}',
    '{{ 3.7 | round(10**9, "floor") }}',
    "{{ [1] | batch(10**9, 0) | list }}",
    "{{ [1] | slice(10**9) | list }}",
    "{{ [[1]] | sum(start=[]) }}",
    "{{ range(10**9) | list }}",
    "{{ range(10**30) }}",
    "{{ lipsum(10**6) }}",
    GROW.format('"x"', "it.a ~ it.a"),
    GROW.format('"x"', "it.a + it.a"),
    GROW.format("[1]", "it.a + it.a"),
    GROW.format("[1]", "[it.a, it.a]"),
    GROW.format("[1]", "(it.a, it.a)"),
    GROW.format("[1]", '{"a": it.a, "b": it.a}'),
    GROW.format("[1]", "dict(a=it.a, b=it.a)"),
    GROW.format("[1]", "(it.a + it.a) | batch(2) | list"),
    GROW.format("2", "it.a * it.a"),
    GROW.format("2", "it.a ** 2"),
    "{% for i in range(20000) %}{% for j in range(20000) %}{% endfor %}{% endfor %}",
    "{% for i in range(20000) %}{% for j in range(20000) %}{{ i }}{% endfor %}{% endfor %}",
    "{% for i in range(20000) if range(20000) | list %}{% endfor %}",
    "{% for i in range(20000) %}" + "some template text " * 2_000 + "{% endfor %}",
    "{% macro f() %}{% for i in range(20000) %}" + "some text " * 4_000 + "{% endfor %}{% endmacro %}{{ f() }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    BIG + "{{ big }}{% endfor %}",
    BIG + '{% if "zz" in big %}{% endif %}{% endfor %}',
    BIG + "{% set _ = big | upper | title %}{% endfor %}",
    BIG + '{% set _ = big.split("b") %}{% endfor %}',
    LISTS + "{% set _ = one[1:] %}{% endfor %}",
    LISTS + "{{ one == two }}{% endfor %}",
    LISTS + '{{ "b" is in one }}{{ one is eq(two) }}{% endfor %}',
    LISTS + "{% set _ = one | sort | unique | list %}{% endfor %}",
]


@pytest.mark.parametrize("body", BOMBS, ids=[str(place) for place in range(len(BOMBS))])
def test_what_makes_much_out_of_little_ends_quickly_with_a_sentence(prompt: Load, body: str) -> None:
    before = time.process_time()
    with pytest.raises(PromptError, match=r"it\.jinja:\d+: .*[a-z]"):
        prompt(body).render({})
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{{ ["a", "b"] | join(", ") }}', "a, b"),
        ('{{ [{"n": 1}, {"n": 2}] | join("-", attribute="n") }}', "1-2"),
        ('{{ ", ".join(["a", "b"]) }}', "a, b"),
        (
            '{{ "a-b" | replace("-", "+") }}{{ "a-b-c".replace("-", "", 1) }}{{ "ab" | replace("", "-") }}',
            "a+bab-c-a-b-",
        ),
        (
            '{{ "%.2f" | format(1.239) }} {{ "%s of %d" % ("a", 3) }} {{ "%(x)5s%%" | format(x="b") }}',
            "1.24 a of 3     b%",
        ),
        ('{{ {"a": "é", "b": [1]} | tojson }}', '{"a": "é", "b": [1]}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ 3 | string ~ 4 }}", "34"),
        ('{{ "a\nb" | indent(2) }}', "a\n  b"),
        ('{{ "a" | center(3) }}|', " a |"),
        ("{{ [3, 1, 2] | sort | map('string') | join }}", "123"),
        (
            '{{ [{"k": 1, "on": 1}, {"k": 2, "on": 0}] | selectattr("on") | map(attribute="k") | list | first }}',
            "1",
        ),
        ("{{ [1, 2, 3] | batch(2) | map('join', '+') | join(' ') }}", "1+2 3"),
        ("{{ [1, 2, 3] | sum }} {{ 2.567 | round(1) }} {{ [1, 2] | max }} {{ '7' | int + 1 }}", "6 2.6 2 8"),
        ('{{ "ab" | upper | lower | title | trim | length }}{{ "x" * 3 }}{{ 2 ** 8 }}{{ 7 % 4 }}', "2xxx2563"),
        ('{{ x | default("none") }}', "none"),
        (
            '{{ "a" in "abc" }} {{ 2 is in [1, 2] }} {{ 1 == 1.0 }} {{ "a" is eq "a" }} {{ 3 is divisibleby 3 }}',
            "True " * 4 + "True",
        ),
        (
            "{% for n, group in [{'a': 1}, {'a': 1}] | groupby('a') %}{{ n }}:{{ group | length }}{% endfor %}",
            "1:2",
        ),
        (
            "{% for i in range(3) %}{{ loop.index }}/{{ loop.length }}{{ ' ' if not loop.last else '' }}{% endfor %}",
            "1/3 2/3 3/3",
        ),
    ],
)
def test_within_bounds_all_works_as_in_jinja(prompt: Load, body: str, text: str) -> None:
    assert prompt(body, ["x"] if "x |" in body else []).render({}).text == text.strip()


def test_filters_that_draw_lots_or_write_html_are_left_out() -> None:
    assert FILTERS.keys() >= bounds.LEFT_OUT
    assert not bounds.LEFT_OUT & bounds.filters().keys()
    assert bounds.BEFORE.keys() <= bounds.filters().keys()
    assert "callable" not in bounds.tests()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{{ ['a'] | upper }}", "a whole list is put in"),
        ("{{ [['a']] | join }}", "a whole list is put in"),
        ("{{ none | upper }}", "an empty value"),
        ("{{ '%d' % 'a' }}", "the template fails with these values: %d format"),
        ("{{ 1 / 0 }}", "the template fails with these values: division by zero"),
        ("{{ 'a' < 1 }}", "the template fails with these values: '<' not supported"),
        ("{{ 'a' | tojson(indent='x') }}", "the template fails with these values"),
        ("{{ it | tojson }}", "the variable 'it' is not given"),
        ("{{ range(1, 2, 0) }}", "the template fails with these values: range"),
    ],
)
def test_what_fails_says_why_and_where(prompt: Load, body: str, told: str) -> None:
    with pytest.raises(PromptError) as caught:
        prompt("\n" + body, ["it"] if "it |" in body else []).render({})
    assert ":8: " in str(caught.value)
    assert told in str(caught.value)
