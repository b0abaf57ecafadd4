"""What a user's own component returns is validated; a slip is one sentence that names the component."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.run_cli import CliResult, run_cli
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
COMPONENT = """\
import textsynth as ts


class Session:
    def plan_requests(self, deficits, max_requests):
        return {plan}

    def parse_response(self, request, request_key, completion):
        return {records}

    def observe_accepted(self, accepted):
        pass


class Own(ts.{base}):
    def {method}:
        return {value}
"""
LABELLER = """\
from dataclasses import replace

import textsynth as ts


class Session:
    def build_requests(self, records):
        return {requests}

    def parse_responses(self, record, completions):
        return {result}


class Own(ts.Labeller):
    def start(self, context, name):
        return Session()
"""
SELECT = "select(self, records, quota, context)"
START = "start(self, context, name)"


def run_own(capsys: pytest.CaptureFixture[str], folder: Path, code: str, recipe: str) -> CliResult:
    (folder / "own.py").write_text(code)
    (folder / "recipe.yaml").write_text(recipe)
    return run_cli(capsys, "run", str(folder / "recipe.yaml"), "--out", str(folder / "run"))


@pytest.mark.parametrize(
    ("section", "method", "value", "message"),
    [
        ("select", SELECT, "None", "Own: select returned None, and must return a list of the ids (record.id) of the "),
        ("select", SELECT, "'abc'", "Own: select returned 'abc', and must return a list of the ids"),
        ("select", SELECT, "list(records)", "Own: select returned Record(text='my "),
        ("select", SELECT, "['abc']", "Own: select returned 'abc' among its ids, which is the id of none of its texts"),
        ("filter", "start(self, context)", "None", "./own.py: start returned None, and must return an object with the"),
        ("generate", START, "None", "./own.py: start returned None, and must return an object with the methods plan_"),
    ],
)
def test_a_wrong_return_value_of_a_component_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, section: str, method: str, value: str, message: str
) -> None:
    base = {"select": "Selector", "filter": "Filter", "generate": "Generator"}[section]
    code = COMPONENT.format(plan="[]", records="[]", base=base, method=method, value=value)
    steps = {"generate": "labelled", "filter": "length", "select": "", section: "./own.py"}
    result = run_own(capsys, tmp_path, code, RECIPE.format(**steps))
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("requests", "result", "message"),
    [
        ("None", "record, None", "./own.py: build_requests returned None for "),
        ("[]", "record, None", "./own.py: build_requests returned [] for "),
        ("[None for _ in records]", "record, None", "./own.py: build_requests returned [None, "),
        ("[[] for _ in records]", "None", "./own.py: parse_responses returned None for the text 'my "),
        ("[[] for _ in records]", "record", "./own.py: parse_responses returned Record("),
        ("[[] for _ in records]", "record, True", "./own.py: parse_responses returned (Record("),
        ("[[] for _ in records]", "record.text, None", "./own.py: parse_responses returned ('my "),
        (
            "[[] for _ in records]",
            "replace(record, labels=('refnd',)), None",
            "the label 'refnd', which `labels` does not list; did you mean 'refund'?",
        ),
    ],
)
def test_a_wrong_return_value_of_a_labeller_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, requests: str, result: str, message: str
) -> None:
    recipe = RECIPE.format(generate="labelled", filter="", select="") + "label: [./own.py]\n"
    command = run_own(capsys, tmp_path, LABELLER.format(requests=requests, result=result), recipe)
    assert command.code == 2
    assert message in command.err
    assert "Traceback" not in command.err


@pytest.mark.parametrize("plan", ["None", "['a text']"])
def test_a_plan_that_is_no_list_of_requests_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, plan: str
) -> None:
    code = COMPONENT.format(plan=plan, records="", base="Generator", method=START, value="Session()")
    result = run_own(capsys, tmp_path, code, RECIPE.format(generate="./own.py", filter="", select=""))
    assert result.code == 2
    assert "and must return a list of GenerationRequest, [] where there is nothing to ask" in result.err


REQUEST = GenerationRequest("./own.py", "", None, Sampling())


class FixedSession:
    """A generator session that returns the given values for every answer."""

    def __init__(self, *records: object, follow_up: object = None) -> None:
        self.records = list(records)
        self.next_request = follow_up

    def plan_requests(self, deficits: Sequence[object], max_requests: int) -> list[GenerationRequest]:
        return []

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        return self.records  # type: ignore[return-value]

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        pass

    def follow_up(self, request: GenerationRequest, completion: Completion) -> object:
        return self.next_request


def test_parsed_values_that_are_no_records_are_a_sentence() -> None:
    generator = ValidatedGenerator("./own.py", FixedSession("a text"))
    message = r"^\./own\.py: parse_response returned \['a text'\], and must return a list of Record and DroppedRecord$"
    with pytest.raises(UsageError, match=message):
        generator.parse_response(REQUEST, "", None)


def test_a_record_with_an_unlisted_label_is_a_sentence() -> None:
    session = FixedSession(Record("a text", Provenance("own"), ("refnd",)))
    generator = ValidatedGenerator("./own.py", session, {"refund": "", "other": ""})
    with pytest.raises(UsageError, match="'refnd', which `labels` does not list; did you mean 'refund'"):
        generator.parse_response(REQUEST, "", None)


@pytest.mark.parametrize("follow_up", ["hello", REQUEST, [REQUEST]])
def test_a_follow_up_that_is_no_request_with_a_prompt_is_a_sentence(follow_up: object) -> None:
    generator = ValidatedGenerator("./own.py", FixedSession(follow_up=follow_up))
    message = r"^\./own\.py: follow_up returned .*, and must return a GenerationRequest with a prompt, or None$"
    with pytest.raises(UsageError, match=message):
        generator.follow_up(REQUEST, Completion("answer"))


def test_right_values_are_passed_on() -> None:
    session = FixedSession()
    assert validate_session("own", session, ("plan_requests", "parse_response")) is session
    assert validate_selection("Own", ("a", "a"), {"a", "b"}) == {"a"}
    assert validate_selection("Own", [], {"a"}) == set()
    assert ValidatedGenerator("own", session).follow_up(REQUEST, Completion("answer")) is None
