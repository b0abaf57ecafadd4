"""A run with nothing to do returns the result of the last one; a change of any input makes the run again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runner.recipes import digest
from textsynth.label import Choice
from textsynth.recipe import make_recipe, read_recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.unchanged import inputs_hash
from textsynth.store.decisions import Decision, add_decisions
from textsynth.store.manifest import read_manifest

UNCHANGED = "nothing has changed"
RECIPE = """\
version: 1
name: same
labels: {card: asks about a card, transfer: "asks about ${SUBJECT}"}
models:
  generator: {scripted: {function: "./answers.py:answer"}}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds, prompt: mine, per_request: 2}]
filter: [length, exact_duplicate]
select: []
want: {label: 6}
"""
ANSWERS = """\
def answer(request):
    start = int(request.key[:8], 16)
    return f"1. my card {start} is blue\\n2. the transfer {start} of {start % 97} is late"
"""
SEEDS = "text,label\nmy card is lost,card\nno transfer came in,transfer\nmy card broke,card\nit is late,transfer\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUBJECT", "a transfer of money")
    bundled = Path(__file__).parents[2] / "prompts" / "labelled.chat.jinja"
    (tmp_path / "mine.chat.jinja").write_text(bundled.read_text())
    (tmp_path / "seeds.csv").write_text(SEEDS)
    (tmp_path / "answers.py").write_text(ANSWERS)
    (tmp_path / "same.yaml").write_text(RECIPE)
    return tmp_path


def run_again(folder: Path, *sets: str, **options: Any) -> tuple[RunSummary, bool]:
    """Run the recipe; return the summary, and whether the last result stands."""
    log: list[str] = []
    summary = run(read_recipe(folder / "same.yaml", sets), out=folder / "run", log=log.append, **options)
    return summary, any(line.startswith(UNCHANGED) for line in log)


def test_the_same_run_has_the_same_result_and_asks_nothing(folder: Path) -> None:
    first, was_unchanged = run_again(folder)
    assert not was_unchanged
    before = digest(folder / "run")
    again, is_unchanged = run_again(folder)
    assert is_unchanged
    assert digest(folder / "run") == before
    assert (again.exit_code, again.stopped, again.sentence) == (first.exit_code, first.stopped, first.sentence)
    assert again.manifest["requests"]["sent"] == 0
    assert again.manifest == read_manifest(folder / "run")
    differing = {name for name in first.manifest if first.manifest[name] != again.manifest[name]}  # type: ignore[literal-required]
    assert differing == {"requests"}
    assert run_again(folder)[1]


def test_the_manifest_of_a_run_that_is_made_again_differs_in_its_time_only(folder: Path) -> None:
    run_again(folder)
    short, is_unchanged = run_again(folder)
    assert is_unchanged
    (folder / "run" / "dataset" / "README.md").unlink()
    ordinary, is_unchanged = run_again(folder)
    assert not is_unchanged
    assert {**ordinary.manifest, "seconds": 0} == {**short.manifest, "seconds": 0}


def append(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(path.read_text() + text)

    return change


def flip_answer(folder: Path) -> None:
    connection = sqlite3.connect(folder / "run" / "journal.sqlite")
    connection.execute("UPDATE answers SET answer = '1. another text entirely' WHERE rowid = 1")
    connection.commit()
    connection.close()


def replace_journal(folder: Path) -> None:
    """Leave what a killed `--fresh` leaves: another journal, and the earlier data set."""
    (folder / "run" / "journal.sqlite").unlink()
    other = folder / "other"
    run(read_recipe(folder / "same.yaml"), out=other, limit=2)
    shutil.copy(other / "journal.sqlite", folder / "run")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a comment in the recipe": append("same.yaml", "# a comment\n"),
    "another option": lambda folder: (folder / "same.yaml").write_text(
        RECIPE.replace("version: 1", "version: 1\nseed: 3")
    ),
    "a row of a source": append("seeds.csv", "where is my card,card\n"),
    "the prompt": append("mine.chat.jinja", "\n"),
    "a prompt that comes first": lambda folder: (folder / "mine.completion.jinja").write_text("{{ label }}"),
    "the code of a scripted model": append("answers.py", "# another version\n"),
    "a review decision": lambda folder: add_decisions(folder / "run", [Decision("0" * 16, "drop")]),
    "the card": lambda folder: (folder / "run/dataset/README.md").unlink(),
    "a file of the data set": lambda folder: next((folder / "run/dataset/data").glob("train*")).unlink(),
    "the manifest": lambda folder: (folder / "run/manifest.json").unlink(),
    "the journal": lambda folder: (folder / "run/journal.sqlite").unlink(),
    "another journal": replace_journal,
    "a damaged answer": flip_answer,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_makes_the_run_again(name: str, folder: Path) -> None:
    run_again(folder)
    CHANGES[name](folder)
    assert not run_again(folder)[1]
    # A damaged answer stays in the journal, so that such a run is made each time.
    assert run_again(folder)[1] == (name != "a damaged answer")


def test_options_of_the_command_make_the_run_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_again(folder)
    assert not run_again(folder, limit=4)[1]
    assert not run_again(folder)[1]
    assert not run_again(folder, "want.label=5")[1]
    assert not run_again(folder, "want.label=6")[1]
    assert not run_again(folder)[1]
    assert not run_again(folder, fresh=True)[1]
    monkeypatch.setenv("SUBJECT", "money that is late")
    assert not run_again(folder)[1]
    assert run_again(folder)[1]


def test_a_run_that_lacks_texts_is_made_again(folder: Path) -> None:
    assert run_again(folder, "budget.requests=2")[0].exit_code == 3
    assert not run_again(folder, "budget.requests=2")[1]


def test_a_report_of_an_earlier_run_is_replaced(folder: Path) -> None:
    run_again(folder)
    report = folder / "run" / "report.html"
    report.unlink()
    assert run_again(folder)[1]
    assert report.is_file()


def test_inputs_that_are_not_known_make_the_run_each_time(folder: Path) -> None:
    (folder / "own.py").write_text(
        "import textsynth as ts\n\n\nclass Own(ts.Filter):\n    def check(self, record):\n        return None\n"
    )
    (folder / "same.yaml").write_text(RECIPE.replace("[length,", "[./own.py,"))
    run_again(folder)
    assert not run_again(folder)[1]
    rows = make_recipe(
        base=folder, name="rows", sources={"raw": [{"text": "one"}, {"text": "two"}]}, generate=["existing"], select=[]
    )
    assert inputs_hash(rows, folder / "run", None) is None


def test_a_local_model_that_was_trained_again_makes_the_run_again(folder: Path) -> None:
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    weights = bytearray(200_000)
    (model / "model.safetensors").write_bytes(weights)
    recipe = make_recipe(
        base=folder,
        name="local",
        labels={"card": "asks about a card", "transfer": "asks about a transfer"},
        sources={"raw": "seeds.csv"},
        models={"judge": {"local": {"model": "./model"}}},
        generate=["existing"],
        label=[Choice(model="judge")],
        select=[],
    )
    before = inputs_hash(recipe, folder / "run", None)
    assert before is not None
    assert inputs_hash(recipe, folder / "run", None) == before
    weights[0] = 1
    (model / "model.safetensors").write_bytes(weights)
    assert inputs_hash(recipe, folder / "run", None) != before
