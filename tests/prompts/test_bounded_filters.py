from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from jinja2.filters import FILTERS

from tests.growth import count_calls
from textsynth.core.errors import PromptError
from textsynth.prompts import Prompt
from textsynth.prompts.bounded_filters import ARGUMENT_CHECKS, EXCLUDED_FILTERS, make_filters, make_tests
from textsynth.prompts.render_budget import MAX_STEPS

Load = Callable[..., Prompt]
GROW = (
    "{{% set ns = namespace(a={0}) %}}{{% for _ in range(200) %}}{{% set ns.a = {1} %}}{{% endfor %}}"
    "{{{{ ns.a | string }}}}"
)
LISTS = '{% set left = ["a"] * 40000 %}{% set right = ["a"] * 40000 %}{% for _ in range(20000) %}'
BIG = '{% set big = "ab " * 60000 %}{% for _ in range(20000) %}'

BIG_TEXT = '{% set big = "a" * 150000 %}'
MANY_BIG = BIG_TEXT + "{{ ([{}] * 40000) | map(attribute='x', default=big) | "
MANY = '{% set many = [""] * 20000 %}'

BOMBS = [
    BIG_TEXT + '{{ big | map("replace", "a", big) | list | length }}',
    BIG_TEXT + '{{ big | map("replace", "a", big) | join | length }}',
    BIG_TEXT + '{{ big | map("replace", "a", big) | sort | length }}',
    BIG_TEXT + '{% for t in big | map("replace", "a", big) %}{% endfor %}',
    BIG_TEXT + MANY + '{{ many | map("default", big, true) | map("string") | sort | length }}',
    BIG_TEXT + '{{ ([["a", "a"]] * 10000) | map("join", big) | list | length }}',
    BIG_TEXT + MANY + '{{ many | map("format", big) | map("center", 100000) | list | length }}',
    BIG_TEXT + MANY + '{{ many | map("indent", big) | map("tojson") | map("replace", "a", big) | list }}',
    BIG_TEXT + '{{ (["a"] * 20000) | map("batch", 40000, 0) | map("list") | list | length }}',
    BIG_TEXT + MANY + '{{ many | map("slice", 40000) | map("list") | list | length }}',
    MANY_BIG + "sort | length }}",
    MANY_BIG + "unique | list | length }}",
    MANY_BIG + "max | length }}",
    MANY_BIG + 'select("lower") | list | length }}',
    MANY_BIG + "groupby(0) | length }}",
    BIG_TEXT + "{{ " + " ~ ".join(["big"] * 4_000) + " }}",
    BIG_TEXT + "{% for _ in range(20000) %}{% if big is lower %}{% endif %}{% endfor %}",
    BIG_TEXT + "{% set nested = [[big]] %}{% for _ in range(20000) %}{% if nested is upper %}{% endif %}{% endfor %}",
    BIG_TEXT + "{% set _ = [" + "big," * 3_000 + "] %}",
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
    GROW.format('"x"', "ns.a ~ ns.a"),
    GROW.format('"x"', "ns.a + ns.a"),
    GROW.format("[1]", "ns.a + ns.a"),
    GROW.format("[1]", "[ns.a, ns.a]"),
    GROW.format("[1]", "(ns.a, ns.a)"),
    GROW.format("[1]", '{"a": ns.a, "b": ns.a}'),
    GROW.format("[1]", "dict(a=ns.a, b=ns.a)"),
    GROW.format("[1]", "(ns.a + ns.a) | batch(2) | list"),
    GROW.format("2", "ns.a * ns.a"),
    GROW.format("2", "ns.a ** 2"),
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
    LISTS + "{% set _ = left[1:] %}{% endfor %}",
    LISTS + "{{ left == right }}{% endfor %}",
    LISTS + '{{ "b" is in left }}{{ left is eq(right) }}{% endfor %}',
    LISTS + "{% set _ = left | sort | unique | list %}{% endfor %}",
]


def peak_memory(function: Callable[[], object]) -> int:
    """Return the largest number of bytes that Python objects take while the function runs."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_every_filter_and_test_on_many_large_texts_has_bounded_memory(prompt: Load) -> None:
    body = BIG_TEXT + MANY + "{{ "
    uses = [f"many | map('default', big, true) | map('{name}') | list | length" for name in make_filters()]
    uses += [f"([{{}}] * 20000) | map(attribute='x', default=big) | {name} | length" for name in make_filters()]
    uses += [f"many | map('default', big, true) | select('{name}') | list | length" for name in make_tests()]
    for use in uses:
        loaded = prompt(f"{body}{use} }}}}")

        def render(loaded: Prompt = loaded) -> None:
            with suppress(PromptError):
                loaded.render({})

        assert peak_memory(render) < 50_000_000, use


@pytest.mark.parametrize("body", BOMBS, ids=[str(number) for number in range(len(BOMBS))])
def test_a_template_with_a_huge_result_is_refused_with_few_calls_and_little_memory(prompt: Load, body: str) -> None:
    def render() -> None:
        with pytest.raises(PromptError, match=r"test\.jinja:\d+: .*[a-z]"):
            prompt(body).render({})

    tracemalloc.start()
    try:
        calls = count_calls(render)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert calls < 5 * MAX_STEPS
    assert peak_bytes < 50_000_000


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
def test_within_the_limits_everything_works_as_in_jinja(prompt: Load, body: str, text: str) -> None:
    assert prompt(body, ["x"] if "x |" in body else []).render({}).text == text.strip()


def test_filters_that_are_random_or_write_html_are_excluded() -> None:
    assert FILTERS.keys() >= EXCLUDED_FILTERS
    assert not EXCLUDED_FILTERS & make_filters().keys()
    assert ARGUMENT_CHECKS.keys() <= make_filters().keys()
    assert "callable" not in make_tests()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{{ ['a'] | upper }}", "a list is inserted"),
        ("{{ [['a']] | join }}", "a list is inserted"),
        ("{{ none | upper }}", "an empty value"),
        ("{{ '%d' % 'a' }}", "the template fails with these values: %d format"),
        ("{{ 1 / 0 }}", "the template fails with these values: division by zero"),
        ("{{ 'a' < 1 }}", "the template fails with these values: '<' not supported"),
        ("{{ 'a' | tojson(indent='x') }}", "the template fails with these values"),
        ("{{ x | tojson }}", "the variable 'x' has no value"),
        ("{{ range(1, 2, 0) }}", "the template fails with these values: range"),
        ("{{ 'a long text' | truncate(-1) }}", "the template fails with these values: expected length >= 3, got -1"),
    ],
)
def test_an_error_has_its_reason_and_line(prompt: Load, body: str, message: str) -> None:
    with pytest.raises(PromptError) as caught:
        prompt("\n" + body, ["x"] if "x |" in body else []).render({})
    assert ":8: " in str(caught.value)
    assert message in str(caught.value)
