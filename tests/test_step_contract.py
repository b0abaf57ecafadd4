"""What every component of every section must do. Components are found by their files: a new one is tested at once."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic.fields import FieldInfo

from tests import contexts
from textsynth.core.options import Options, Ref
from textsynth.core.protocols import Context, Filter, Generator, Labeller, Selector, Source
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record, Verdict
from textsynth.core.registry import SECTIONS, class_name, component_names, load_component
from textsynth.core.sessions import FilterSession, QuotaDeficit
from textsynth.core.task import Task
from textsynth.models import ModelOptions
from textsynth.runner.candidate_pipeline import CandidatePipeline

BASES = {
    "models": ModelOptions,
    "sources": Source,
    "generate": Generator,
    "filter": Filter,
    "label": Labeller,
    "select": Selector,
    "task": Task,
}
assert set(BASES) == set(SECTIONS)
COMPONENTS = [(section, name) for section in SECTIONS for name in component_names(section)]
FILTERS = [name for section, name in COMPONENTS if section == "filter"]
GENERATORS = [name for section, name in COMPONENTS if section == "generate"]
LABELLERS = [name for section, name in COMPONENTS if section == "label"]
SELECTORS = [name for section, name in COMPONENTS if section == "select"]

TEXTS = {
    "refund": ("please send my money back", "I want a refund for the broken lamp", "when do I get my 20 euros back"),
    "delivery": ("where is my parcel", "the courier never came on Monday", "my order has not arrived yet"),
    "other": ("do you sell garden chairs", "which shops are open on Sunday", "is there a job for me at your place"),
}
UNUSUAL_TEXTS = (
    "é vs e\u0301, naïve café",
    "亀は万年 🐢👩\u200d🚀 \u202eabc\u202c",
    "\ufeffbyte order mark and \u00ad soft hyphen",
    "a\nline\r\nbreak\u2028and a tab\there",
    "half a pair \ud83d stays a text",
    "!!! ... ???",
    "x" * 5000,
    "\u0430\u0440\u0440\u04cf\u0435 looks like apple",
    "NUL \x00 and ESC \x1b[31m",
    " ",
)

# Options that a component needs besides a source.
REQUIRED: dict[str, dict[str, object]] = {
    "grammar": {"rules": {label: (f"{label} {{n}}",) for label in TEXTS}, "slots": {"n": tuple("abcdefghi")}}
}


def records(texts: Sequence[str], step: str = "labelled", labels: Sequence[str] = tuple(TEXTS)) -> list[Record]:
    return [
        Record(
            text,
            Provenance(step, parent_ids=(f"{index:016x}",), index=index),
            (labels[index % len(labels)],),
            {"source_text": "where is the parcel that I ordered", "document": "A parcel is late. It left on 3 May."},
        )
        for index, text in enumerate(texts)
    ]


def seeds(source: str) -> list[Record]:
    endings = ("hello", "thank you")
    rows = [(f"{text}, {ending}", label) for label, texts in TEXTS.items() for text in texts for ending in endings]
    return [Record(text, Provenance(source, index=row), (label,)) for row, (text, label) in enumerate(rows)]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit vectors of hashed letter trigrams: similar texts have a high cosine, and no model is loaded."""
    vectors = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        vectors[row, 0] = 0.1
        for start in range(len(text) - 2):
            vectors[row, zlib.crc32(text[start : start + 3].lower().encode("utf-8", "replace")) % 64] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def context() -> Context:
    sources = {"seeds": seeds("seeds"), "test": seeds("test")[:4]}
    return contexts.context(sources=sources, labels={label: label for label in TEXTS}, embed=embed)


def component(section: str, name: str) -> Options:
    """Return the component with its defaults; a source that it needs is `seeds`."""
    component_class = load_component(section, name)
    fields = component_class.model_fields.items()
    sources = [field.alias or key for key, field in fields if _needs_a_source(field)]
    return component_class.model_validate({**dict.fromkeys(sources, "seeds"), **REQUIRED.get(name, {})})


def _needs_a_source(field: FieldInfo) -> bool:
    return Ref("source") in field.metadata and (field.is_required() or field.default is not None)


def start_filter(name: str) -> FilterSession:
    step = component("filter", name)
    assert isinstance(step, Filter)
    return step.start(context())


def filter_window(name: str, window: Sequence[Record]) -> tuple[list[Record], list[DroppedRecord]]:
    """Return the accepted and the dropped records of one window, as a run with this filter alone does."""

    async def no_answers(groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        return [[Completion("") for _ in requests] for requests in groups]

    result = asyncio.run(CandidatePipeline([(name, start_filter(name))], [], no_answers).process(window))
    return result.accepted, result.dropped


def mixed_window() -> list[Record]:
    """Return texts of all kinds: good ones, bad ones, and copies of each other and of the seeds."""
    good = [text for texts in TEXTS.values() for text in texts]
    copies = [good[0].upper() + "!", good[1], f"{good[2]} now", f"{good[2]} now please"]
    bad = [
        "As an AI language model I cannot write that.",
        "Sure, here are five examples:",
        "ja",
        "Wo bleibt mein Paket?",
    ]
    return records([*good, *copies, *bad, *UNUSUAL_TEXTS, seeds("seeds")[0].text, seeds("seeds")[3].text])


def outcomes(name: str) -> list[str]:
    """Return one line for each text of the mixed window with the outcome of one filter."""
    accepted, dropped = filter_window(name, mixed_window())
    lines = [f"{record.id} accepted {dict(record.scores)}" for record in accepted]
    return lines + [
        f"{drop.record.id} {drop.reason!r} {drop.score} {drop.limit} {drop.duplicate_of}" for drop in dropped
    ]


@pytest.mark.parametrize(("section", "name"), COMPONENTS)
def test_a_component_is_the_class_named_like_its_file_and_describes_its_options(section: str, name: str) -> None:
    component_class = load_component(section, name)
    assert component_class.__name__ == class_name(name)
    assert issubclass(component_class, BASES[section])
    assert component_class.__doc__
    for key, field in component_class.model_fields.items():
        assert field.description, f"{section}/{name}: the option {key!r} has no description"
        assert field.alias or not key.endswith("_"), f"{section}/{name}: {key!r} needs its name in the recipe as alias"


@pytest.mark.parametrize(("section", "name"), [pair for pair in COMPONENTS if pair[0] not in {"models", "task"}])
def test_the_docstring_of_a_component_ends_with_its_limits(section: str, name: str) -> None:
    docstring = inspect.getdoc(inspect.getmodule(load_component(section, name))) or ""
    last_paragraph = docstring.split("\n\n")[-1]
    begin = "Does not catch: " if section in {"filter", "label", "select"} else "Does not "
    assert last_paragraph.startswith(begin), f"{section}/{name}.py: the docstring ends with {last_paragraph[:60]!r}"


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_accepts_an_empty_batch(name: str) -> None:
    session = start_filter(name)
    assert session.evaluate_batch([]) == []
    session.commit([])
    assert session.evaluate_batch([]) == []


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("text", UNUSUAL_TEXTS, ids=range(len(UNUSUAL_TEXTS)))
def test_a_filter_checks_every_text_and_always_with_the_same_result(name: str, text: str) -> None:
    session = start_filter(name)
    batch = records([text])
    verdicts = session.evaluate_batch(batch)
    assert len(verdicts) == 1
    assert verdicts == session.evaluate_batch(batch), "evaluate_batch changed the session"
    assert verdicts == start_filter(name).evaluate_batch(batch)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_returns_a_verdict_for_each_text_in_order(name: str) -> None:
    batch = records([text for texts in TEXTS.values() for text in texts] + list(UNUSUAL_TEXTS))
    session = start_filter(name)
    verdicts = session.evaluate_batch(batch)
    assert len(verdicts) == len(batch)
    for record, verdict in zip(batch, verdicts, strict=True):
        if verdict is None or verdict.duplicate_of is None:
            alone = session.evaluate_batch([record])[0]
            assert alone == verdict, f"{record.text!r} has another verdict in a batch of its own"


@pytest.mark.parametrize("name", FILTERS)
def test_a_verdict_is_one_line_with_rounded_score_and_limit_and_an_earlier_duplicate(name: str) -> None:
    batch = mixed_window()
    earlier: set[str] = {record.id for source in ("seeds", "test") for record in seeds(source)}
    verdicts: list[Verdict | None] = start_filter(name).evaluate_batch(batch)
    for record, verdict in zip(batch, verdicts, strict=True):
        if verdict is not None:
            assert verdict.reason is None or (verdict.reason.strip() and "\n" not in verdict.reason)
            for number in (verdict.score, verdict.limit):
                assert number is None or number == round(number, 4)
            assert verdict.duplicate_of is None or verdict.duplicate_of in earlier, (
                f"{record.text!r}: the text it duplicates comes later or does not exist"
            )
        earlier.add(record.id)


@pytest.mark.parametrize("name", FILTERS)
def test_every_text_has_one_outcome_and_every_duplicate_an_accepted_original(name: str) -> None:
    window = mixed_window()
    accepted, dropped = filter_window(name, window)
    ids = [record.id for record in accepted] + [drop.record.id for drop in dropped]
    assert sorted(ids) == sorted(record.id for record in window)
    accepted_ids = {record.id for record in accepted}
    source_ids = {record.id for source in ("seeds", "test") for record in seeds(source)}
    assert {drop.duplicate_of for drop in dropped} - {None} <= accepted_ids | source_ids
    assert [record.id for record in accepted] == [record.id for record in window if record.id in accepted_ids]


@pytest.mark.parametrize("name", FILTERS)
def test_filtering_accepted_texts_again_drops_none(name: str) -> None:
    accepted, _ = filter_window(name, mixed_window())
    accepted_again, dropped = filter_window(name, accepted)
    assert not dropped, [(drop.record.text, drop.reason) for drop in dropped]
    assert [record.id for record in accepted_again] == [record.id for record in accepted]


def test_every_filter_has_the_same_outcomes_in_another_process() -> None:
    path = Path(__file__)
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('contract', {str(path)!r})\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "for name in module.FILTERS:\n    print(name, *module.outcomes(name), sep='\\n')\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1234", "PYTHONIOENCODING": "utf-8:backslashreplace"}
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment, cwd=path.parent, check=False
    )
    assert process.returncode == 0, process.stderr.decode()[-2000:]
    expected = "".join(f"{line}\n" for name in FILTERS for line in [name, *outcomes(name)])
    assert process.stdout == expected.encode("utf-8", "backslashreplace")


def test_the_filters_for_pairs_keep_texts_without_a_second_text() -> None:
    for name in ("same_meaning", "faithfulness"):
        record = Record("a text", Provenance("labelled"), ("refund",))
        assert start_filter(name).evaluate_batch([record]) == [None]


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_plans_at_most_the_requests_it_may_and_parses_every_answer(name: str) -> None:
    plans = []
    for _ in range(2):
        step = component("generate", name)
        assert isinstance(step, Generator)
        session = step.start(context(), name)
        deficits = [QuotaDeficit({"label": label}, 7) for label in TEXTS]
        assert not step.needs_model or session.plan_requests([], 10) == []
        assert session.plan_requests(deficits, 0) == []
        requests = session.plan_requests(deficits, 4)
        assert len(requests) <= 4
        assert all(request.step == name for request in requests)
        assert all(set(request.labels) <= set(TEXTS) for request in requests)
        plans.append(requests)
        for request in requests:
            for answer in ("", "1. one text\n2. another", "no list at all", *UNUSUAL_TEXTS):
                completion = None if request.prompt is None else Completion(answer)
                candidates = session.parse_response(request, "a" * 64, completion)
                assert all(isinstance(candidate, (Record, DroppedRecord)) for candidate in candidates)
                assert request.prompt is None or candidates, f"the answer {answer!r} has no candidate and no failure"
                ids = [
                    candidate.id if isinstance(candidate, Record) else candidate.record.id for candidate in candidates
                ]
                assert len(set(ids)) == len(ids)
    assert plans[0] == plans[1]


@pytest.mark.parametrize("name", LABELLERS)
def test_a_labeller_builds_no_requests_for_no_records_and_parses_every_answer(name: str) -> None:
    step = component("label", name)
    assert isinstance(step, Labeller)
    session = step.start(context(), name)
    assert session.build_requests([]) == []
    batch = records(UNUSUAL_TEXTS)
    requests = session.build_requests(batch)
    assert len(requests) == len(batch)
    assert requests == step.start(context(), name).build_requests(batch)
    for record, requests_of_record in zip(batch, requests, strict=True):
        for answer in ("", "refund", "none of them", "refund or delivery", "re\nfund", *UNUSUAL_TEXTS):
            labelled, verdict = session.parse_responses(record, [Completion(answer)] * len(requests_of_record))
            assert labelled.id == record.id
            assert set(labelled.labels) <= set(TEXTS)
            assert verdict is None or verdict.keeps or verdict.reason


@pytest.mark.parametrize("name", SELECTORS)
def test_a_selector_selects_existing_texts_up_to_the_quota(name: str) -> None:
    step = component("select", name)
    assert isinstance(step, Selector)
    assert step.select([], {"refund": 3}, context()) == []
    candidates = mixed_window()
    quota = {"refund": 2, "delivery": 100, "other": 0}
    selected = step.select(candidates, quota, context())
    assert len(set(selected)) == len(selected)
    assert set(selected) <= {record.id for record in candidates}
    for label, limit in quota.items():
        of_label = [record for record in candidates if record.label == label]
        assert sum(record.id in selected for record in of_label) == min(limit, len(of_label))
    again = component("select", name)
    assert isinstance(again, Selector)
    assert selected == again.select(candidates, quota, context())
