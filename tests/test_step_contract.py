"""What every item of every section promises, walked without a list: a new file is tested the moment it is there."""

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
from textsynth.core.protocols import Context, Filter, Generator, Labeller, QuotaDeficit, Selector, Source
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record, Verdict
from textsynth.core.registry import SECTIONS, class_name, component_names, load_component
from textsynth.models import ModelOptions
from textsynth.runner.candidate_pipeline import CandidatePipeline

BASES = {
    "models": ModelOptions,
    "sources": Source,
    "generate": Generator,
    "filter": Filter,
    "label": Labeller,
    "select": Selector,
}
assert set(BASES) == set(SECTIONS)
ITEMS = [(section, name) for section in SECTIONS for name in component_names(section)]
FILTERS = [name for section, name in ITEMS if section == "filter"]
GENERATORS = [name for section, name in ITEMS if section == "generate"]
LABELLERS = [name for section, name in ITEMS if section == "label"]
SELECTORS = [name for section, name in ITEMS if section == "select"]

SAID = {
    "refund": ("please send my money back", "I want a refund for the broken lamp", "when do I get my 20 euros back"),
    "delivery": ("where is my parcel", "the courier never came on Monday", "my order has not arrived yet"),
    "other": ("do you sell garden chairs", "which shops are open on Sunday", "is there a job for me at your place"),
}
ODD = (
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


def records(texts: Sequence[str], item: str = "labelled", labels: Sequence[str] = tuple(SAID)) -> list[Record]:
    return [
        Record(
            text,
            Provenance(item, parent_ids=(f"{place:016x}",), index=place),
            (labels[place % len(labels)],),
            {"source_text": "where is the parcel that I ordered", "document": "A parcel is late. It left on 3 May."},
        )
        for place, text in enumerate(texts)
    ]


def seeds(name: str) -> list[Record]:
    rows = [(text, label) for label, texts in SAID.items() for text in texts]
    shown = [(f"{text}, {word}", label) for text, label in rows for word in ("hello", "thank you")]
    return [Record(text, Provenance(name, index=row), (label,)) for row, (text, label) in enumerate(shown)]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit rows made of letter triples: like texts are near, and nothing is loaded."""
    rows = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        rows[row, 0] = 0.1
        for start in range(len(text) - 2):
            rows[row, zlib.crc32(text[start : start + 3].lower().encode("utf-8", "replace")) % 64] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def context() -> Context:
    sources = {"seeds": seeds("seeds"), "test": seeds("test")[:4]}
    return contexts.context(sources=sources, labels={label: label for label in SAID}, embed=embed)


def made(section: str, name: str) -> Options:
    """Return the item with its defaults; where it takes rows of a source, that is `seeds`."""
    found = load_component(section, name)
    named = [field.alias or key for key, field in found.model_fields.items() if _names_a_source(field)]
    return found.model_validate(dict.fromkeys(named, "seeds"))


def _names_a_source(field: FieldInfo) -> bool:
    return Ref("source") in field.metadata and (field.is_required() or field.default is not None)


def rule(name: str, batch: Sequence[Record]) -> tuple[list[Record], list[DroppedRecord]]:
    """Bring a batch to its ends with one filter, as a run does."""
    step = made("filter", name)
    assert isinstance(step, Filter)

    async def nobody(groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        return [[Completion("") for _ in some] for some in groups]

    ruling = asyncio.run(CandidatePipeline([(name, step.start(context()))], [], nobody).process(batch))
    return ruling.accepted, ruling.dropped


def mixed() -> list[Record]:
    """Return texts good and bad, with copies of each other and of the seeds."""
    plain = [text for texts in SAID.values() for text in texts]
    twins = [plain[0].upper() + "!", plain[1], f"{plain[2]} now", f"{plain[2]} now please"]
    own = [
        "As an AI language model I cannot write that.",
        "Sure, here are five examples:",
        "ja",
        "Wo bleibt mein Paket?",
    ]
    return records([*plain, *twins, *own, *ODD, seeds("seeds")[0].text, seeds("seeds")[3].text])


def told(name: str) -> list[str]:
    """Return what one filter says of the mixed texts, a line each; printed by the second process."""
    kept, dropped = rule(name, mixed())
    ends = [f"{one.id} kept {dict(one.scores)}" for one in kept]
    return ends + [f"{one.record.id} {one.reason!r} {one.score} {one.limit} {one.duplicate_of}" for one in dropped]


@pytest.mark.parametrize(("section", "name"), ITEMS)
def test_an_item_is_the_class_named_like_its_file_and_tells_all_its_options(section: str, name: str) -> None:
    found = load_component(section, name)
    assert found.__name__ == class_name(name)
    assert issubclass(found, BASES[section])
    assert found.__doc__
    for key, field in found.model_fields.items():
        assert field.description, f"{section}/{name}: the option {key!r} has no description"
        assert field.alias or not key.endswith("_"), f"{section}/{name}: {key!r} needs its name in the recipe as alias"


@pytest.mark.parametrize(("section", "name"), [item for item in ITEMS if item[0] != "models"])
def test_an_item_ends_with_what_it_does_not_do(section: str, name: str) -> None:
    text = inspect.getdoc(inspect.getmodule(load_component(section, name))) or ""
    last = text.split("\n\n")[-1]
    begin = "Does not catch: " if section in {"filter", "label", "select"} else "Does not "
    assert last.startswith(begin), f"{section}/{name}.py: the docstring ends with {last[:60]!r}"


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_says_nothing_of_nothing(name: str) -> None:
    judge = made("filter", name).start(context())  # type: ignore[attr-defined]
    assert judge.evaluate_batch([]) == []
    judge.commit([])
    assert judge.evaluate_batch([]) == []


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_a_filter_judges_any_single_text_and_always_the_same(name: str, text: str) -> None:
    judge = made("filter", name).start(context())  # type: ignore[attr-defined]
    one = records([text])
    verdicts = judge.evaluate_batch(one)
    assert len(verdicts) == 1
    assert verdicts == judge.evaluate_batch(one), "judging changed something"
    assert verdicts == made("filter", name).start(context()).evaluate_batch(one)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_answers_for_each_text_in_order(name: str) -> None:
    batch = records([text for texts in SAID.values() for text in texts] + list(ODD))
    judge = made("filter", name).start(context())  # type: ignore[attr-defined]
    verdicts = judge.evaluate_batch(batch)
    assert len(verdicts) == len(batch)
    for record, verdict in zip(batch, verdicts, strict=True):
        if verdict is None or verdict.twin is None:
            alone = judge.evaluate_batch([record])[0]
            assert alone == verdict, f"{record.text!r} is judged differently in company"


@pytest.mark.parametrize("name", FILTERS)
def test_a_verdict_is_a_plain_reason_with_its_number_and_limit(name: str) -> None:
    batch = mixed()
    before: set[str] = {record.id for name in ("seeds", "test") for record in seeds(name)}
    verdicts: list[Verdict | None] = made("filter", name).start(context()).evaluate_batch(batch)  # type: ignore[attr-defined]
    for record, verdict in zip(batch, verdicts, strict=True):
        if verdict is not None:
            assert verdict.reason is None or (verdict.reason.strip() and "\n" not in verdict.reason)
            for number in (verdict.score, verdict.limit):
                assert number is None or number == round(number, 4)
            assert verdict.duplicate_of is None or verdict.duplicate_of in before, (
                f"{record.text!r}: its twin comes later or nowhere"
            )
        before.add(record.id)


@pytest.mark.parametrize("name", FILTERS)
def test_every_text_has_one_end_and_every_twin_was_kept(name: str) -> None:
    batch = mixed()
    kept, dropped = rule(name, batch)
    ends = [record.id for record in kept] + [drop.record.id for drop in dropped]
    assert sorted(ends) == sorted(record.id for record in batch)
    given = {record.id for name in ("seeds", "test") for record in seeds(name)}
    assert {drop.duplicate_of for drop in dropped} - {None} <= {record.id for record in kept} | given
    assert [record.id for record in kept] == [record.id for record in batch if record.id in {one.id for one in kept}]


@pytest.mark.parametrize("name", FILTERS)
def test_filtering_twice_is_filtering_once(name: str) -> None:
    kept, _ = rule(name, mixed())
    again, dropped = rule(name, kept)
    assert not dropped, [(drop.record.text, drop.reason) for drop in dropped]
    assert [record.id for record in again] == [record.id for record in kept]


def test_every_filter_says_the_same_in_another_process() -> None:
    here = Path(__file__)
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('contract', {str(here)!r})\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "for name in module.FILTERS:\n    print(name, *module.told(name), sep='\\n')\n"
    )
    environ = {**os.environ, "PYTHONHASHSEED": "1234", "PYTHONIOENCODING": "utf-8:backslashreplace"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environ, cwd=here.parent, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    ours = "".join(f"{line}\n" for name in FILTERS for line in [name, *told(name)])
    assert done.stdout == ours.encode("utf-8", "backslashreplace")


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_plans_no_more_than_there_is_room_for_and_reads_anything(name: str) -> None:
    plans = []
    for _ in range(2):
        writer = made("generate", name).start(context(), name)  # type: ignore[attr-defined]
        short = [QuotaDeficit({"label": label}, 7) for label in SAID]
        assert made("generate", name).free or writer.plan_requests([], 10) == []  # type: ignore[attr-defined]
        assert writer.plan_requests(short, 0) == []
        asks = writer.plan_requests(short, 4)
        assert len(asks) <= 4
        assert all(ask.step == name for ask in asks)
        assert all(set(ask.labels) <= set(SAID) for ask in asks)
        plans.append(asks)
        for ask in asks:
            for answer in ("", "1. one text\n2. another", "no list at all", *ODD):
                ends = writer.parse_response(ask, "a" * 64, None if ask.prompt is None else Completion(answer))
                assert all(isinstance(end, (Record, DroppedRecord)) for end in ends)
                assert ask.prompt is None or ends, f"the answer {answer!r} vanished without a reason"
                ids = [end.id if isinstance(end, Record) else end.record.id for end in ends]
                assert len(set(ids)) == len(ids)
    assert plans[0] == plans[1]


@pytest.mark.parametrize("name", LABELLERS)
def test_a_labeller_asks_of_none_and_reads_anything(name: str) -> None:
    desk = made("label", name).start(context(), name)  # type: ignore[attr-defined]
    assert desk.build_requests([]) == []
    batch = records(ODD)
    asked = desk.build_requests(batch)
    assert len(asked) == len(batch)
    assert asked == made("label", name).start(context(), name).build_requests(batch)  # type: ignore[attr-defined]
    for record, asks in zip(batch, asked, strict=True):
        for answer in ("", "refund", "none of them", "refund or delivery", "re\nfund", *ODD):
            judged, verdict = desk.parse_responses(record, [Completion(answer)] * len(asks))
            assert judged.id == record.id
            assert set(judged.labels) <= set(SAID)
            assert verdict is None or verdict.keeps or verdict.reason


@pytest.mark.parametrize("name", SELECTORS)
def test_a_selector_picks_what_is_there_up_to_the_quota(name: str) -> None:
    step = made("select", name)
    assert isinstance(step, Selector)
    assert step.select([], {"refund": 3}, context()) == []
    batch = mixed()
    quota = {"refund": 2, "delivery": 100, "other": 0}
    picked = step.select(batch, quota, context())
    assert len(set(picked)) == len(picked)
    assert set(picked) <= {record.id for record in batch}
    for label, most in quota.items():
        chosen = [record for record in batch if record.id in picked and record.label == label]
        assert len(chosen) == min(most, sum(record.label == label for record in batch))
    assert picked == made("select", name).select(batch, quota, context())  # type: ignore[attr-defined]
