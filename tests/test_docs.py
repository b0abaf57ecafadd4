"""The README is checked: its recipe runs, its commands work, its tree and figures are those of the program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

import textsynth as ts
from tests.blocks import ANSWERS, blocks_of
from tests.hub_client import Client
from tests.hub_server import Server
from textsynth.cli import command_group
from textsynth.core.registry import SECTIONS
from textsynth.recipe import read_recipe

pytest_plugins = ["tests.hub_fixtures"]

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks_of(README)
MAX_LINES = 150
MAX_PICTURE_BYTES = 60_000
SCRIPTED = 'models.generator={scripted: {function: "./answers.py:answer"}}'
# Filters and selectors that embed texts are left out; tests/filter and tests/select run them.
WITHOUT_EMBEDDINGS = (SCRIPTED, "filter=[length, exact_duplicate]", "select=[]")
COMMANDS = [
    shlex.split(line, comments=True)
    for block in BLOCKS
    if block.language == "sh"
    for line in block.text.splitlines()
    if line.startswith("textsynth ")
]
SVG_TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that the README shows, and the answers of a scripted model."""
    for block in BLOCKS:
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    (tmp_path / "answers.py").write_text(ANSWERS, encoding="utf-8")
    return tmp_path


def run_command(command: list[str], folder: Path, timeout: int = 120) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False, timeout=timeout)


def set_options(overrides: tuple[str, ...]) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def test_the_readme_is_short_and_shows_the_files_of_its_recipe() -> None:
    assert len(README.splitlines()) <= MAX_LINES
    assert [block.file for block in BLOCKS if block.file] == ["recipe.yaml", "seeds.csv"]


def test_the_recipe_is_valid(folder: Path) -> None:
    recipe = read_recipe(folder / "recipe.yaml")
    assert [step.name for step in recipe.generate] == ["labelled", "paraphrase"]
    assert recipe.want == {("label",): 20}


def test_the_commands_work_in_their_order(folder: Path, hub_server: Server, client: Client) -> None:
    assert [command[1] for command in COMMANDS] == ["validate", "preview", "run", "report", "push"]
    earlier_writes = hub_server.writes()  # of other tests
    for command in COMMANDS:
        if command[1] == "push":
            result = client.textsynth("push", folder / command[2], "anna/tickets", *command[4:])
            assert result.code == 0, result.err
            assert "nothing was sent" in result.out
        else:
            options = set_options(WITHOUT_EMBEDDINGS) if command[1] in ("validate", "preview", "run") else []
            process = run_command([sys.executable, "-m", *command, *options], folder)
            assert process.returncode == 0, process.stdout + process.stderr
    assert hub_server.writes() == earlier_writes


def test_a_run_writes_the_files_that_the_readme_lists(folder: Path) -> None:
    recipe = read_recipe(folder / "recipe.yaml", WITHOUT_EMBEDDINGS)
    run = ts.run(recipe, out=folder / "runs" / "tickets", quiet=True)
    assert run.met
    listing = next(block.text for block in BLOCKS if block.text.startswith("runs/tickets/"))
    names = re.findall(r"^  (\S+)", listing, re.MULTILINE)
    assert len(names) == 4
    assert all((run.folder / name).exists() for name in names)


def test_the_line_for_a_served_model_fits_the_recipe(folder: Path) -> None:
    models = next(block.text for block in BLOCKS if block.language == "yaml" and not block.file)
    (folder / "served.yaml").write_text((folder / "recipe.yaml").read_text(encoding="utf-8") + models, encoding="utf-8")
    recipe = read_recipe(folder / "served.yaml", ["models.generator.http.model=other"])
    assert isinstance(recipe.models["generator"], ts.models.Http)
    assert recipe.models["generator"].model == "other"


def test_the_section_evaluate_fits_the_recipe(folder: Path) -> None:
    section = re.search(r"`(evaluate: \{[^`]*\})`", README)
    assert section is not None
    recipe = (folder / "recipe.yaml").read_text(encoding="utf-8") + section[1] + "\n"
    (folder / "evaluated.yaml").write_text(recipe, encoding="utf-8")
    (folder / "test.csv").write_text("text,label\ngive me a refund,refund\n", encoding="utf-8")
    evaluate = read_recipe(folder / "evaluated.yaml", ["sources.test=test.csv"]).evaluate
    assert evaluate is not None
    assert (evaluate.train, evaluate.test) == ("seeds", "test")


def test_the_rule_of_components_holds_for_its_example() -> None:
    step = re.search(r"`filter: \[(\w+): (\{[^`]*\})\]` is `([^`]*)`, class\s+`(\w+)`", README)
    assert step is not None
    name, options, path, class_name = step.groups()
    assert (ROOT / path).is_file()
    assert Path(path).stem == name
    component = getattr(ts.filter, class_name)
    assert set(yaml.safe_load(options)) <= set(component.model_fields)
    assert {"models", "filter"} <= set(SECTIONS)


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"textsynth ([a-z]+)(?= [A-Z]| recipe| runs|`)", README))
    assert {"validate", "run", "steps"} <= named
    assert named <= set(command_group.commands)


def test_the_functions_that_the_readme_names_exist() -> None:
    assert all(hasattr(ts, name) for name in re.findall(r"`ts\.(\w+)", README))


def svg_lines(text: str) -> list[str]:
    """Return the lines of text in a picture of a terminal, from the top."""
    rows: dict[float, str] = {}
    for element in ET.fromstring(text).iter(SVG_TEXT):
        y = float(element.attrib["y"])
        rows[y] = rows.get(y, "") + (element.text or "")
    return [rows[y].replace("\xa0", " ").rstrip() for y in sorted(rows)]


def test_the_picture_is_small_and_loads_nothing() -> None:
    assert "](docs/run.svg)" in README
    picture = (ROOT / "docs" / "run.svg").read_text(encoding="utf-8")
    assert len(picture.encode()) <= MAX_PICTURE_BYTES
    assert "url(http" not in picture
    assert "the quota is met" in svg_lines(picture)


def test_the_picture_can_be_recorded_again(tmp_path: Path) -> None:
    """May take over ten seconds: the run embeds texts."""
    process = run_command([sys.executable, str(ROOT / "docs" / "recording.py"), str(tmp_path / "run.svg")], ROOT)
    assert process.returncode == 0, process.stderr
    recorded = svg_lines((tmp_path / "run.svg").read_text(encoding="utf-8"))
    shown = svg_lines((ROOT / "docs" / "run.svg").read_text(encoding="utf-8"))
    quota = recorded.index("label     wanted  selected  missing  dropped")
    assert set(recorded[quota : quota + 4]) <= set(shown), "record it again: python docs/recording.py"
    assert {"the quota is met", "  textsynth report runs/tickets"} <= set(recorded) & set(shown)


@pytest.mark.slow
def test_the_first_command_of_the_readme_works(tmp_path: Path) -> None:
    """Slow: it writes the quickstart's whole data set with the bundled model, up to four minutes."""
    assert "textsynth run recipes/quickstart.yaml" in README
    out = tmp_path / "quickstart"
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    command = [sys.executable, "-m", "textsynth", "run", "recipes/quickstart.yaml", "--out", str(out)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=900)
    if process.returncode == 1 and "offline" in process.stderr:
        pytest.skip("the bundled model is not in the cache and cannot be downloaded")
    assert process.returncode == 0, process.stdout + process.stderr
    assert (out / "report.html").is_file()
