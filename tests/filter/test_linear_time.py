"""The work of every filter that looks at the text itself grows linearly, whatever the text."""

from __future__ import annotations

import pytest

from tests.contexts import context
from tests.filter.filtering import record
from tests.growth import assert_linear_growth
from textsynth.core.protocols import Filter
from textsynth.filter.exact_duplicate import ExactDuplicate
from textsynth.filter.language import Language
from textsynth.filter.length import Length
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.filter.personal_data import PersonalData
from textsynth.filter.refusal import Refusal
from textsynth.similarity.overlap import SubstringIndex
from textsynth.text.normalize import has_negation, normal_form, numbers_in, proper_names

FLOODS = (
    "\n", "x ", "\n- ", "\n-", "**a", "# ", "\n#", "\n ", "i hope this help ", "i hope th\n", "sorry i ",
    "[insert ", "<", "let me know if you ", "a@", "@", "1", "1 ", "12-", "0000 ", "1.1.1.1 ", "+1 ", "555-",
    "DE12 ", "a@b.", "é", "中", "* ", "_", "sure, here is ", "here are ", "'", "\u0315\u0300", "A b. ", "one ",
    "&amp;", "&#39", "two hundred",
)  # fmt: skip
SMALL, LARGE = 1_000, 31_000


@pytest.mark.parametrize("step", [Refusal(), Length(), PersonalData(), Language(), ExactDuplicate(), NearDuplicate()])
@pytest.mark.parametrize("flood", FLOODS, ids=repr)
def test_the_work_of_a_filter_grows_linearly(step: Filter, flood: str) -> None:
    session = step.start(context())
    session.evaluate_batch([record("Das ist ein Satz mit 1234567 und a@b.de, der alles laedt")])

    def evaluate(text: str) -> object:
        normal_form.cache_clear()
        return session.evaluate_batch([record(text)])

    assert_linear_growth(evaluate, flood * (SMALL // len(flood)), flood * (LARGE // len(flood)))


@pytest.mark.parametrize("flood", FLOODS, ids=repr)
def test_the_work_for_features_of_a_text_grows_linearly(flood: str) -> None:
    index = SubstringIndex([f"{flood * 2} and where is my lamp now", "where is where is where is it"])

    def measure(text: str) -> object:
        normal_form.cache_clear()
        return numbers_in(text), has_negation(text), proper_names(text), index.find(text)

    assert_linear_growth(measure, flood * (SMALL // len(flood)), flood * (LARGE // len(flood)))


def test_a_row_is_found_inside_of_a_text_that_begins_like_it_many_times() -> None:
    index = SubstringIndex(["where is my new card", "is my old card here"])
    assert index.find("where is where is where is my new card today") == 0
    assert index.find("where is my old card here") == 1
    assert_linear_growth(index.find, "where is " * 300, "where is " * 10_000)
