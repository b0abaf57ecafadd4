from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.generate.derivations import Derivations, check_slots, compile_rules, split_rule

RULES = ["where is my {item}{time}?", "the {item} is late"]
SLOTS = {"item": ["card", "{brand} card"], "brand": ["Visa", "Maestro"], "time": ["", " today"]}
# {item} has 3 derivations and {time} 2: 3 · 2 + 3
COUNT = 9


def weighted(texts: Sequence[str], weights: Sequence[float] = ()) -> list[tuple[str, float]]:
    return list(itertools.zip_longest(texts, weights, fillvalue=1.0))


def derivations(
    rules: Sequence[tuple[str, float]], slots: Mapping[str, Sequence[tuple[str, float]]], seed: str = "1"
) -> Derivations:
    return Derivations(compile_rules({"label": rules}, slots, {})["label"], seed)


def example(seed: str = "1") -> Derivations:
    return derivations(weighted(RULES), {name: weighted(texts) for name, texts in SLOTS.items()}, seed)


def test_every_derivation_comes_once_and_then_none() -> None:
    session = example()
    texts = [derivation.text for derivation in session.take(100)]
    assert session.count == COUNT
    assert len(texts) == len(set(texts)) == COUNT
    assert "where is my Maestro card today?" in texts
    assert session.take(1) == []


def test_the_seed_decides_the_order() -> None:
    assert example().take(6) == example().take(6)
    assert example("1").take(6) != example("2").take(6)
    parts = example()
    assert [*parts.take(2), *parts.take(4)] == example().take(6)


def test_spans_are_exact_and_an_outer_slot_comes_first() -> None:
    for text, spans in example().take(COUNT):
        for start, end, slot in spans:
            assert any(text[start:end] == value for value in ("Visa card", "Maestro card", *SLOTS[slot]))
        assert sorted(spans, key=lambda span: (span.start, -span.end)) == list(spans)
    (visa,) = [item for item in example().take(COUNT) if item.text == "the Visa card is late"]
    assert [(visa.text[start:end], slot) for start, end, slot in visa.spans] == [
        ("Visa card", "item"),
        ("Visa", "brand"),
    ]


def test_an_empty_slot_has_no_span() -> None:
    (derivation,) = derivations([("hello{time}", 1.0)], {"time": [("", 1.0)]}).take(5)
    assert derivation == ("hello", ())


def test_texts_are_drawn_by_weight() -> None:
    slots = {"n": weighted([str(number) for number in range(1000)])}
    texts = derivations([("often {n}", 9.0), ("rare {n}", 1.0)], slots).take(500)
    counts = Counter(text.split()[0] for text, _ in texts)
    assert 10 < counts["rare"] < 100  # of 500, 50 are expected


def test_rules_with_equal_texts_give_each_text_once() -> None:
    session = derivations(weighted(["{a}{b}"]), {"a": weighted(["x", "xx"]), "b": weighted(["x", ""])})
    assert sorted(derivation.text for derivation in session.take(10)) == ["x", "xx", "xxx"]
    assert session.count == 4


def test_a_provider_has_no_end_and_stops_where_it_repeats() -> None:
    values = itertools.cycle(["Ana", "Bo"])
    rules = compile_rules({"label": [("I am {name}", 1.0)]}, {}, {"name": lambda: next(values)})
    session = Derivations(rules["label"], "1")
    assert session.count == math.inf
    assert [derivation.text for derivation in session.take(10)] == ["I am Ana", "I am Bo"]


def test_braces_are_written_twice() -> None:
    pieces = split_rule("a {{b}} { item }")
    assert "".join(text for text, is_slot in pieces if not is_slot) == "a {b} "
    assert pieces[-1] == ("item", True)


@pytest.mark.parametrize("rule", ["a { b", "a } b", "{}", "{ }", "{{a}"])
def test_a_brace_without_its_partner_is_an_error(rule: str) -> None:
    with pytest.raises(ValueError, match="where a slot's name in braces"):
        split_rule(rule)


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ({"b": ["x"]}, "rules.refund uses the slot 'a', which `slots` does not have; there are: b"),
        ({}, "rules.refund uses the slot 'a', which `slots` does not have, and there are no slots"),
        ({"a": ["{b}"], "b": ["x", "{c}"], "c": ["{b}"]}, "slots.b contains itself"),
    ],
)
def test_slots_that_do_not_exist_or_contain_themselves_are_errors(slots: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_slots({"refund": ["my {a}"]}, slots)


words = st.text("abcé", min_size=0, max_size=2)
pieces = st.one_of(words, st.sampled_from(["{s}", "{t}"]))


@given(
    st.lists(
        st.lists(st.one_of(words, st.sampled_from(["{s}", "{t}"])), min_size=1, max_size=3), min_size=1, max_size=3
    ),
    st.lists(words, min_size=1, max_size=3),
    st.lists(st.one_of(words, st.just("{s}")), min_size=1, max_size=3),
    st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
)
def test_all_texts_come_once_for_any_grammar(
    rules: list[list[str]], s: list[str], t: list[str], weights: list[float]
) -> None:
    values_of_t = [value for text in t for value in (s if text == "{s}" else [text])]
    all_texts = [
        "".join(parts)
        for rule in rules
        for parts in itertools.product(*({"{s}": s, "{t}": values_of_t}.get(piece, [piece]) for piece in rule))
    ]
    slots = {"s": weighted(s, weights[: len(s)]), "t": weighted(t, weights[: len(t)])}
    session = derivations(weighted(["".join(rule) for rule in rules], weights[: len(rules)]), slots)
    taken = session.take(len(all_texts) + 5)
    assert session.count == len(all_texts)
    assert sorted(text for text, _ in taken) == sorted(set(all_texts))
    for text, spans in taken:
        for start, end, slot in spans:
            assert text[start:end] in (s if slot == "s" else values_of_t)
