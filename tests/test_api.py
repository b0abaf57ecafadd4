"""The names of `import textsynth as ts`: what they are, what they cost, and what a type checker sees."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import textsynth as ts
from textsynth.core.registry import SECTIONS

ROOT = Path(__file__).parent.parent
SCRIPT = '''
from collections.abc import Sequence
from pathlib import Path

import textsynth as ts
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.core.records import RenderedPrompt


class Shouting(ts.Filter):
    """Keeps texts of which at most `share` of the letters are capitals."""

    share: float = 0.5

    def check(self, record: ts.Record) -> ts.Verdict | None:
        share = sum(map(str.isupper, record.text)) / len(record.text)
        return ts.Verdict("is written in capitals", share, self.share) if share > self.share else None


class Asking(ts.Generator):
    """Sends one prompt."""

    def start(self, context: ts.Context, name: str) -> GeneratorSession:
        """Return the session."""
        return AskingSession(name)


class AskingSession:
    """Asks for one text per request."""

    def __init__(self, name: str) -> None:
        self.name = name

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[ts.GenerationRequest]:
        prompt = RenderedPrompt("ask", "0" * 64, (ts.Message("user", "Write a text."),))
        return [ts.GenerationRequest(self.name, "generator", prompt, ts.Sampling(temperature=0.5))]

    def parse_response(
        self, request: ts.GenerationRequest, request_key: str, completion: ts.Completion | None
    ) -> list[ts.Record | ts.DroppedRecord]:
        text = "" if completion is None else completion.text
        record = ts.Record(text, ts.Provenance(self.name, request_key=request_key))
        return [record] if text else [ts.DroppedRecord(record, "parse", self.name, "is empty")]

    def observe_accepted(self, accepted: Sequence[ts.Record]) -> None: ...


class Rating(ts.Task):
    """Texts with a rating."""

    generator = "labelled"

    @property
    def review_question(self) -> ts.ReviewQuestion:
        """Whether the rating is right."""
        return ts.ReviewQuestion("Is it right?", {"yes": "it is", "no": "it is not"}, "A better one")


rows = [{"text": "where is it", "label": "delivery"}]
recipe = ts.make_recipe(
    name="tickets",
    task=ts.task.Classification(),
    labels={"delivery": "asks where a parcel is", "refund": ts.Label("asks for money back", 5)},
    models={"generator": ts.models.Scripted(answers=["a", "b"]), "judge": "generator"},
    sources={"seeds": rows, "test": "test.csv", "more": ts.sources.Rows(path=Path("more.csv"))},
    generate=[
        ts.generate.Labelled(source="seeds", attributes={"tone": ["calm", "cross"]}),
        "paraphrase",
        Asking(share=0.1),
    ],
    filter=["length", {"near_duplicate": {"similarity": 0.6}}, ts.filter.ExactDuplicate, Shouting(share=0.3)],
    want={"label": 8},
    budget=ts.Budget(minutes=5),
)
run: ts.Run = ts.run(recipe, out="runs/tickets", quiet=True)
if not run.met:
    print(run.sentence, run.dropped, run.dataset["train"], run.provenance)
score = ts.evaluate(run, test="test.csv", train=rows)
print(score.effect, run.report.name, ts.load("runs/tickets").why("0"))
try:
    ts.read_recipe("recipe.yaml")
except ts.RecipeError as error:
    print([issue.where for issue in error.issues])
'''
WRONG = """
import textsynth as ts

ts.make_recipe(nmae="x")
ts.make_recipe(want=[3])
ts.filter.NearDuplicat()
ts.filter.NearDuplicate(similarty=0.6)
ts.run("recipe.yaml", quite=True)
"""


def test_every_public_name_exists_and_is_typed() -> None:
    for name in ts.__all__:
        assert getattr(ts, name) is not None, name
        assert name in dir(ts)
    tree = ast.parse((ROOT / "textsynth" / "__init__.py").read_text(encoding="utf-8"))
    typed = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed - {None} == set(ts.__all__)


def test_type_checkers_see_which_fields_have_a_default() -> None:
    for path in (ROOT / "textsynth").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        calls = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and "from pydantic import Field" in text
        ]
        fields = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Field" and call.args]
        assert not fields, f"{path}:{fields[0].lineno}: write Field(default=…), the only one that type checkers see"


@pytest.mark.parametrize(
    "name",
    ["Context", "Task", "GenerationRequest", "Completion", "Provenance", "DroppedRecord", "Message", "Sampling"],
)
def test_what_a_component_of_the_users_own_needs_is_public(name: str) -> None:
    assert name in ts.__all__
    assert getattr(ts, name).__name__ == name


def test_the_version_is_public() -> None:
    assert ts.__version__ == importlib.import_module("textsynth.core.version").__version__


def test_a_name_that_does_not_exist_is_an_error_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="textsynth has no 'read_recip'; did you mean 'read_recipe'"):
        _ = ts.read_recip  # type: ignore[attr-defined]


def test_evaluate_stays_a_function_when_the_package_of_its_name_is_imported() -> None:
    package = importlib.import_module("textsynth.evaluate")
    assert callable(ts.evaluate)
    assert ts.evaluate is not package
    assert sys.modules["textsynth.evaluate"] is package


def test_the_sections_are_packages() -> None:
    assert {name: getattr(ts, name) for name in SECTIONS} == {
        name: importlib.import_module(f"textsynth.{name}") for name in SECTIONS
    }
    assert ts.task.Classification.__name__ == "Classification"


def test_importing_the_package_loads_no_other_module() -> None:
    code = "import sys, types; before = set(sys.modules); import textsynth; print(sorted(set(sys.modules) - before))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == "['textsynth']"


SKIPPED = """\
[mypy]
[mypy-torch.*,transformers.*,sentence_transformers.*,datasets.*,pyarrow.*,sklearn.*,huggingface_hub.*]
follow_imports = skip
follow_imports_for_stubs = True
"""
"""Packages that mypy does not read: they take most of the time and are not under test."""


def mypy_output(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(textwrap.dedent(script), encoding="utf-8")
    (folder / "mypy.ini").write_text(SKIPPED, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=mypy.ini", "script.py"]
    env = {"MYPYPATH": str(ROOT), "PATH": ""}
    process = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)
    return process.stdout + process.stderr


@pytest.mark.slow
def test_a_users_script_passes_mypy_strict_and_errors_in_it_are_found(tmp_path: Path) -> None:
    """Slow: mypy reads the whole package without its cache."""
    output = mypy_output(SCRIPT + WRONG, tmp_path).splitlines()
    lines = SCRIPT.count("\n")
    errors = [line for line in output if line.startswith("script.py:") and ": error:" in line]
    assert [int(line.split(":")[1]) - lines for line in errors] == [4, 5, 6, 7, 8], "\n".join(output)
