from __future__ import annotations

from pathlib import Path

import pytest

from tests.contexts import context
from textsynth.core.options import SamplingOptions
from textsynth.core.protocols import (
    Filter,
    Generator,
    Labeller,
    Selector,
    Source,
    StatelessFilterSession,
    merge_sampling,
)
from textsynth.core.records import Provenance, Record, Sampling, Verdict
from textsynth.filter.length import Length


def test_a_later_layer_of_sampling_wins_where_it_sets_something() -> None:
    prompt = SamplingOptions.model_validate({"temperature": 0.7, "max_tokens": 99})
    step = SamplingOptions.model_validate({"temperature": 0.0})
    assert merge_sampling(prompt, step) == Sampling(temperature=0.0, max_tokens=99)
    assert merge_sampling() == Sampling()


def test_a_stateless_filter_session_checks_each_record_in_order_and_remembers_nothing() -> None:
    batch = [Record(text, Provenance("x")) for text in ("ab", "abc", "a")]
    session = StatelessFilterSession(
        lambda record: Verdict("short", len(record.text), 2) if len(record.text) < 2 else None
    )
    assert session.evaluate_batch(batch) == [None, None, Verdict("short", 1, 2)]
    session.commit(batch)
    assert session.evaluate_batch(batch[:1]) == [None]
    assert isinstance(Length().start(context()), StatelessFilterSession)


def test_the_base_classes_implement_no_work() -> None:
    record = Record("a", Provenance("x"))
    for call in (
        lambda: Source().read(Path(), name="x", seed=0),
        lambda: Generator().start(context(), "x"),
        lambda: Filter().check(record),
        lambda: Labeller().start(context(), "x"),
        lambda: Selector().select([record], {}, context()),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_the_capabilities_of_the_base_classes_promise_nothing() -> None:
    generator, check, selector = Generator(), Filter(), Selector()
    assert (dict(generator.varied_attributes), generator.texts_per_request) == ({}, 1)
    assert (generator.curates_source, generator.shows_labels) == (False, False)
    assert (check.compares_with, check.looks_for, check.label_confidence) == ((), frozenset(), False)
    assert (selector.oversample, selector.balanced_fields) == (1.0, ())
