from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli
from textsynth.core.errors import UsageError
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record, Sampling
from textsynth.runner.plugin_checks import ValidatedGenerator, validate_selection, validate_session

RECIPE = """\
name: own
models: {{generator: {{scripted: {{pattern: "1. my {{word}} number {{n}}"}}}}}}
labels: {{refund: asks for money back, delivery: asks where a parcel is}}
generate: [{generate}]
filter: [{filter}]
select: [{select}]
want: {{label: 2}}
"""
CLASS = """\
import textsynth as ts


class Work:
    def plan_requests(self, deficits, max_requests):
        return {plan}

    def parse_response(self, request, request_key, completion):
        return {read}

    def observe_accepted(self, accepted):
        pass


class Own(ts.{base}):
    def {method}:
        return {value}
"""
LABELLER = """\
from dataclasses import replace

import textsynth as ts


class Work:
    def build_requests(self, records):
        return {asks}

    def parse_responses(self, record, completions):
        return {read}


class Own(ts.Labeller):
    def start(self, context, name):
        return Work()
"""
PICK = "select(self, records, quota, context)"
WRITE = "start(self, context, name)"


@pytest.mark.parametrize(
    ("section", "method", "value", "told"),
    [
        ("select", PICK, "None", "Own: select gave None, and gives a list of the ids (record.id) of what it picks"),
        ("select", PICK, "'abc'", "Own: select gave 'abc', and gives a list of the ids"),
        ("select", PICK, "list(records)", "Own: select gave Record(text='my "),
        ("select", PICK, "['abc']", "Own: select gave 'abc' among its ids, which is none of a text that it was shown"),
        ("filter", "start(self, context)", "None", "./own.py: start gave None, and gives an object with the methods"),
        ("generate", WRITE, "None", "./own.py: start gave None, and gives an object with the methods plan_requests, "),
    ],
)
def test_a_slip_in_what_a_step_of_ones_own_gives_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, section: str, method: str, value: str, told: str
) -> None:
    base = {"select": "Selector", "filter": "Filter", "generate": "Generator"}[section]
    code = CLASS.format(plan="[]", read="[]", base=base, method=method, value=value)
    items = {"generate": "labelled", "filter": "length", "select": "", section: "./own.py"}
    (tmp_path / "own.py").write_text(code)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(**items))
    said = run_cli(capsys, "run", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run"))
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("asks", "read", "told"),
    [
        ("None", "record, None", "./own.py: build_requests gave None for "),
        ("[]", "record, None", "./own.py: build_requests gave [] for "),
        ("[None for _ in records]", "record, None", "./own.py: build_requests gave [None, "),
        ("[[] for _ in records]", "None", "./own.py: parse_responses gave None for the text 'my "),
        ("[[] for _ in records]", "record", "./own.py: parse_responses gave Record("),
        ("[[] for _ in records]", "record, True", "./own.py: parse_responses gave (Record("),
        ("[[] for _ in records]", "record.text, None", "./own.py: parse_responses gave ('my "),
        (
            "[[] for _ in records]",
            "replace(record, labels=('refnd',)), None",
            "the label 'refnd', which `labels` does not list; did you mean 'refund'?",
        ),
    ],
)
def test_a_slip_in_what_a_labeller_of_ones_own_gives_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, asks: str, read: str, told: str
) -> None:
    (tmp_path / "own.py").write_text(LABELLER.format(asks=asks, read=read))
    recipe = RECIPE.format(generate="labelled", filter="", select="") + "label: [./own.py]\n"
    (tmp_path / "recipe.yaml").write_text(recipe)
    said = run_cli(capsys, "run", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run"))
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("plan", ["None", "['a text']"])
def test_a_plan_that_is_no_list_of_asks_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, plan: str
) -> None:
    (tmp_path / "own.py").write_text(CLASS.format(plan=plan, read="", base="Generator", method=WRITE, value="Work()"))
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(generate="./own.py", filter="", select=""))
    said = run_cli(capsys, "run", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run"))
    assert said.code == 2
    assert "and gives a list of GenerationRequest, [] where there is nothing to ask" in said.err


class Texts:
    """Reads every answer as what it was given."""

    def __init__(self, *found: object) -> None:
        self.found = list(found)

    def plan_requests(self, deficits: Sequence[object], max_requests: int) -> list[GenerationRequest]:
        return []

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        return self.found  # type: ignore[return-value]

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        pass


def test_a_reading_that_is_no_list_of_records_is_a_sentence() -> None:
    writer = ValidatedGenerator("./own.py", Texts("a text"))
    with pytest.raises(
        UsageError,
        match=r"^\./own\.py: parse_response gave \['a text'\], and gives a list of Record and DroppedRecord$",
    ):
        writer.parse_response(GenerationRequest("./own.py", "", None, Sampling()), "", None)


def test_a_text_with_a_label_that_is_not_listed_is_a_sentence() -> None:
    writer = ValidatedGenerator(
        "./own.py", Texts(Record("a text", Provenance("own"), ("refnd",))), {"refund": "", "other": ""}
    )
    with pytest.raises(UsageError, match="'refnd', which `labels` does not list; did you mean 'refund'"):
        writer.parse_response(GenerationRequest("./own.py", "", None, Sampling()), "", None)


def test_what_is_right_is_passed_on() -> None:
    writer = Texts()
    assert validate_session("own", writer, ("plan_requests", "parse_response")) is writer
    assert validate_selection("Own", ("a", "a"), {"a", "b"}) == {"a"}
    assert validate_selection("Own", [], {"a"}) == set()
