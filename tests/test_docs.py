"""The README is run: its recipe, its commands, its code; what it prints and its tree are compared with the truth."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from textsynth.cli import command_group
from textsynth.recipe import read_recipe

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANSWERS = '''\
"""Stands in for the model: five texts an answer, each different."""

NAMES = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def answer(request):
    start = int(request.key[:8], 16)
    some = [f"{n}. my {NAMES[(start + n) % 10]} number {start // 7 + n} for {NAMES[start % 7]}" for n in range(1, 6)]
    return "\\n".join(some)
'''
SCRIPTED = 'models.generator={scripted: {function: "./answers.py:answer"}}'
# What embeds is left out: that takes half a minute, and is tested where it stands.
LIGHT = (SCRIPTED, "filter=[length, exact_duplicate]", "select=[]")
# Nothing of a run depends on where it is made but these.
ASIDE = {".git", ".venv", "runs", "build", "dist"}


class Block(NamedTuple):
    """A fenced block of the README: its language, the file it stands for ("" for none), and its text."""

    language: str
    file: str
    text: str


BLOCKS = [
    Block(language, file.strip(), text)
    for language, file, text in re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
]
COMMANDS = [
    (line.removeprefix("$ "), shown)
    for block in BLOCKS
    if block.language == "console"
    for line, shown in re.findall(r"^(\$ [^\n]*)\n(.*?)(?=^\$ |\Z)", block.text, re.MULTILINE | re.DOTALL)
]
TREE = next(block.text for block in BLOCKS if block.text.startswith("textsynth/"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with every file that the README shows, and answers for its recipe."""
    for block in BLOCKS:
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    (tmp_path / "answers.py").write_text(ANSWERS, encoding="utf-8")
    return tmp_path


def ran(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False, timeout=120)


def textsynth(line: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    assert words[0] == "textsynth"
    return ran([sys.executable, "-m", *words, *more], folder)


def test_the_readme_shows_what_the_tests_look_for() -> None:
    assert {"recipe.yaml", "seeds.csv", "shouting.py", "run.py"} == {block.file for block in BLOCKS if block.file}
    assert len(COMMANDS) >= 3


def test_the_recipe_has_the_lines_it_says_and_is_right_as_it_stands(folder: Path) -> None:
    text = (folder / "recipe.yaml").read_text(encoding="utf-8")
    assert "Twelve lines" in README
    assert len(text.splitlines()) == 12
    assert [item.name for item in read_recipe(folder / "recipe.yaml").generate] == ["labelled", "paraphrase"]
    assert textsynth("textsynth validate recipe.yaml", folder).returncode == 0


def test_the_recipe_runs_and_the_data_set_is_where_it_says(folder: Path) -> None:
    done = textsynth("textsynth run recipe.yaml", folder, *(word for one in LIGHT for word in ("--set", one)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "runs/tickets/dataset/README.md").is_file()
    for name in re.findall(r"^(\S+) {2,}", next(one.text for one in BLOCKS if one.text.startswith("dataset/")), re.M):
        assert (folder / "runs/tickets" / name).exists(), name


def test_the_line_that_changes_the_model_fits_the_recipe(folder: Path) -> None:
    models = next(block.text for block in BLOCKS if block.language == "yaml" and not block.file)
    (folder / "served.yaml").write_text((folder / "recipe.yaml").read_text() + models, encoding="utf-8")
    recipe = read_recipe(folder / "served.yaml", ["models.generator.http.model=other"])
    assert recipe.models["generator"].model == "other"  # type: ignore[attr-defined]


def test_the_words_for_the_card_fit_the_recipe(folder: Path) -> None:
    export = next(block.text for block in BLOCKS if block.text.startswith("export:"))
    (folder / "published.yaml").write_text((folder / "recipe.yaml").read_text() + export, encoding="utf-8")
    assert read_recipe(folder / "published.yaml").export.authors == ("Ann Lee",)


@pytest.mark.parametrize(("line", "shown"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_a_command_prints_what_the_readme_shows(line: str, shown: str, folder: Path) -> None:
    done = textsynth(line, folder)
    printed = (done.stdout + done.stderr).rstrip()
    assert printed == shown.rstrip(), f"the README should show:\n{printed}"


TEST = """text,label
give me back what I paid for the kettle,refund
I sent the jacket back and want my money,refund
the table came broken so refund me,refund
no parcel has come since Friday,delivery
is my bicycle still on its way,delivery
the van drove past without leaving my order,delivery
what a lovely shop and kind people,praise
the tent is the best I ever had,praise
well done for the fast answer,praise
"""


def test_the_proof_runs_on_a_run_and_on_a_file(folder: Path) -> None:
    """May take over ten seconds: the real embedder is loaded twice."""
    (folder / "test.csv").write_text(TEST, encoding="utf-8")
    (folder / "texts.csv").write_text((folder / "seeds.csv").read_text().replace("my", "our"), encoding="utf-8")
    textsynth("textsynth run recipe.yaml", folder, *(word for one in LIGHT for word in ("--set", one)))
    lines = re.findall(r"^textsynth evaluate .*$", README, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        done = textsynth(line, folder)
        assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["verdict"]["effect"] in ("helps", "no_difference", "harms", "leak")
    assert (folder / "runs/tickets/evaluation.json").is_file()
    section = re.search(r"^evaluate: .*$", README, re.MULTILINE)
    assert section is not None
    with (folder / "recipe.yaml").open("a", encoding="utf-8") as recipe:
        recipe.write(section[0] + "\n")
    assert textsynth("textsynth validate recipe.yaml --set sources.test=test.csv", folder).returncode == 0


def test_every_verb_that_the_readme_names_exists() -> None:
    assert set(re.findall(r"textsynth ([a-z]+)(?= [A-Z]| recipe)", README)) <= set(command_group.commands)


def test_the_filter_of_ones_own_works(folder: Path) -> None:
    own = re.search(r"`filter: (\[[^`]*shouting[^`]*\])`", README)
    assert own is not None
    loud = 'models.generator={scripted: {answers: ["1. WHERE IS MY PARCEL NOW"]}}'
    sets = ["--set", loud, "--set", f"filter={own[1]}".replace("exact_duplicate, ", ""), "--set", "select=[]"]
    done = textsynth("textsynth run recipe.yaml", folder, *sets)
    assert done.returncode == 3
    assert "shouting.py: is written in capitals" in done.stdout


def test_the_code_runs(folder: Path) -> None:
    done = ran([sys.executable, "run.py"], folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True 10 ['id', 'text']"


def listed() -> dict[str, str]:
    """Return path → its line in the tree; two spaces of indentation are one folder down."""
    found: dict[str, str] = {}
    inside: list[str] = []
    for line in TREE.splitlines():
        told = re.fullmatch(r"( *)(\S+) {2,}(\S.*)", line)
        assert told is not None, f"no name and words in the tree's line {line!r}"
        depth = len(told[1]) // 2
        inside = [*inside[:depth], told[2].rstrip("/")]
        found["/".join(inside)] = told[3]
        assert told[2].endswith("/") == (ROOT / "/".join(inside)).is_dir(), line
    return found


def test_the_tree_is_the_one_on_the_disk() -> None:
    for path in listed():
        assert (ROOT / path).exists(), f"{path} is in the README's tree and not on the disk"


def test_the_tree_leaves_nothing_out() -> None:
    done = ran(["git", "ls-files"], ROOT)
    if done.returncode != 0:
        pytest.skip("no git here, so nobody knows which files belong to the project")
    files = [Path(line) for line in done.stdout.splitlines()]
    top = {file.parts[0] for file in files if not file.parts[0].startswith(".")}
    rooms = {"/".join(file.parts[:2]) for file in files if file.parts[0] == "textsynth" and file.name != "py.typed"}
    missing = (top | rooms) - set(listed()) - {"textsynth/__init__.py"} - ASIDE
    assert not missing, f"the README's tree lacks {sorted(missing)}"


@pytest.mark.slow
def test_the_first_command_of_the_readme_runs_as_it_stands(tmp_path: Path) -> None:
    """Slow: it writes the quickstart's whole data set with the embedded model, up to four minutes."""
    assert "textsynth run recipes/quickstart.yaml" in README
    out = tmp_path / "quickstart"
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    command = [sys.executable, "-m", "textsynth", "run", "recipes/quickstart.yaml", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=900)
    if done.returncode == 1 and "offline" in done.stderr:
        pytest.skip("the embedded model is neither in the cache nor to be had from here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "report.html").is_file()
