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
from pathlib import Path

import textsynth as ts


class Shouting(ts.Filter):
    """Keeps texts of which at most `share` of the letters are capitals."""

    share: float = 0.5

    def check(self, record: ts.Record) -> ts.Verdict | None:
        found = sum(map(str.isupper, record.text)) / len(record.text)
        return ts.Verdict("is written in capitals", found, self.share) if found > self.share else None


rows = [{"text": "where is it", "label": "delivery"}]
recipe = ts.make_recipe(
    name="tickets",
    labels={"delivery": "asks where a parcel is", "refund": ts.Label("asks for money back", 5)},
    models={"generator": ts.models.Scripted(answers=["a", "b"]), "judge": "generator"},
    sources={"seeds": rows, "test": "test.csv", "more": ts.sources.Rows(path=Path("more.csv"))},
    generate=[ts.generate.Labelled(from_="seeds", vary={"tone": ["calm", "cross"]}), "paraphrase"],
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
except ts.RecipeError as fault:
    print([mistake.where for mistake in fault.issues])
'''
WRONG = """
import textsynth as ts

ts.make_recipe(nmae="x")
ts.make_recipe(want=[3])
ts.filter.NearDuplicat()
ts.filter.NearDuplicate(similarty=0.6)
ts.run("recipe.yaml", quite=True)
"""


def test_every_public_name_is_there_and_only_those() -> None:
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


def test_a_name_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="textsynth has no 'read_recip'; did you mean 'read_recipe'"):
        _ = ts.read_recip  # type: ignore[attr-defined]


def test_the_verbs_stay_verbs_when_the_folders_of_their_names_are_loaded() -> None:
    for name in ("run", "evaluate", "embed"):
        folder = importlib.import_module(f"textsynth.{name}")
        assert callable(getattr(ts, name))
        assert getattr(ts, name) is not folder
        assert sys.modules[f"textsynth.{name}"] is folder


def test_the_sections_are_their_folders() -> None:
    assert {name: getattr(ts, name) for name in SECTIONS} == {
        name: importlib.import_module(f"textsynth.{name}") for name in SECTIONS
    }


def test_importing_it_loads_nothing_but_itself() -> None:
    code = "import sys, types; before = set(sys.modules); import textsynth; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['textsynth']"


OTHERS = """\
[mypy]
[mypy-torch.*,transformers.*,sentence_transformers.*,datasets.*,pyarrow.*,sklearn.*,huggingface_hub.*]
follow_imports = skip
follow_imports_for_stubs = True
"""
"""What is not read, as it takes most of the time and says nothing about this package."""


def checked(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(textwrap.dedent(script), encoding="utf-8")
    (folder / "mypy.ini").write_text(OTHERS, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=mypy.ini", "script.py"]
    env = {"MYPYPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_users_script_passes_mypy_strict_and_its_slips_are_seen(tmp_path: Path) -> None:
    """Slow: mypy reads the whole package without its cache."""
    found = checked(SCRIPT + WRONG, tmp_path).splitlines()
    lines = SCRIPT.count("\n")
    wrong = [line for line in found if line.startswith("script.py:") and ": error:" in line]
    assert [int(line.split(":")[1]) - lines for line in wrong] == [4, 5, 6, 7, 8], "\n".join(found)
