"""The wheel, as a user gets it: everything inside, and at work in an empty environment outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVED = """\
name: served
labels: {refund: wants money back, delivery: asks where a parcel is}
models: {generator: {http: {base_url: "http://127.0.0.1:1/v1", model: none}}}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds}]
"""
SEEDS = "text,label\n" + "".join(f"{text} {n},{label}\n" for label, text in
    (("refund", "give my money back"), ("delivery", "where is my parcel")) for n in range(5))  # fmt: skip
SCRIPTED = 'models.generator={scripted: {answers: ["1. where is my new chair now\\n2. please pay me back today"]}}'


def said(*command: object, folder: Path) -> tuple[int, str]:
    """Run a command outside the repository with nothing of ours in its environment; return its exit code and words."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(one) for one in command]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=env, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with pip, which gets hatchling from the package index."""
    folder = tmp_path_factory.mktemp("wheel")
    code, told = said(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, folder=folder)
    if code != 0 and "hatchling" in told:
        pytest.skip("the package index cannot be reached from here, so no wheel can be built")
    assert code == 0, told
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_prompts_recipes_and_seed_data_are_inside_and_nothing_else_is(wheel: Path) -> None:
    """Slow where the build backend has to be fetched first."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("prompts", "recipes"):
        kept = [path for path in (ROOT / folder).iterdir() if path.is_file()]
        assert {f"textsynth/bundled/{folder}/{path.name}" for path in kept} <= names
    assert {"textsynth/py.typed", "textsynth/report/run.html.jinja"} <= names
    assert {f"textsynth/review/page.{kind}" for kind in ("html", "js", "css")} <= names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "textsynth").rglob("*.py")}
    assert modules <= names
    beside = {name for name in names if not name.startswith("textsynth/")}
    assert all(".dist-info/" in name for name in beside), beside


@pytest.mark.slow
def test_the_core_alone_validates_and_names_the_extra_that_is_missing(wheel: Path, tmp_path: Path) -> None:
    """Slow: an empty environment gets the wheel with its core dependencies from the package index (20 to 60 s)."""
    python = tmp_path / "env" / "bin" / "python"
    assert said(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env", folder=tmp_path)[0] == 0
    install = (sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check", wheel)
    code, told = said(*install, folder=tmp_path)
    if code != 0 and "No matching distribution" in told:
        pytest.skip("the package index cannot be reached from here")
    assert code == 0, told
    checked = said(sys.executable, "-m", "pip", "--python", python, "check", folder=tmp_path)
    assert (checked[0], "No broken requirements" in checked[1]) == (0, True), checked
    assert said(python, "-c", "import textsynth, sys; assert 'torch' not in sys.modules", folder=tmp_path) == (0, "")
    textsynth = python.parent / "textsynth"

    code, told = said(textsynth, "validate", "quickstart", folder=tmp_path)
    assert code == 0
    assert "the recipe is valid" in told
    assert "this machine cannot run it yet" in told
    assert "pip install 'textsynth[local]'" in told
    code, told = said(textsynth, "run", "quickstart", folder=tmp_path)
    assert code == 2
    assert told == (
        "the local model 'SmolLM2-135M-Instruct' needs the package 'torch', which is not installed: "
        "pip install 'textsynth[local]'\n"
    )
    (tmp_path / "served.yaml").write_text(SERVED, encoding="utf-8")
    (tmp_path / "seeds.csv").write_text(SEEDS, encoding="utf-8")
    code, told = said(textsynth, "run", "served.yaml", folder=tmp_path)
    assert (code, "the filter semantic_duplicate needs" in told, "textsynth[embed]" in told) == (2, True, True), told
    assert not (tmp_path / "runs").exists()

    light = ("--set", SCRIPTED, "--set", "filter=[length, exact_duplicate]", "--set", "select=[]")
    code, told = said(textsynth, "run", "quickstart", *light, "--limit", "2", folder=tmp_path)
    assert code in (0, 3), told
    assert (tmp_path / "runs" / "quickstart" / "dataset" / "README.md").is_file()
    assert said(textsynth, "init", folder=tmp_path)[0] == 0
    assert said(textsynth, "validate", "recipe.yaml", folder=tmp_path)[0] == 0


@pytest.mark.slow
def test_nothing_but_the_wheel_is_needed_to_run_the_quickstart(wheel: Path, tmp_path: Path) -> None:
    """Slow: it installs all of [local], torch among it, and writes the quickstart's data set; two to six minutes.

    Only where TEXTSYNTH_WHEEL=full asks for it: the other slow tests already run the quickstart with the same packages.
    """
    if os.environ.get("TEXTSYNTH_WHEEL") != "full":
        pytest.skip("set TEXTSYNTH_WHEEL=full to install [local] from the index and run the quickstart with it")
    python = tmp_path / "env" / "bin" / "python"
    assert said(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env", folder=tmp_path)[0] == 0
    pip = (sys.executable, "-m", "pip", "--python", python)
    code, told = said(*pip, "install", "-q", f"{wheel}[local]", folder=tmp_path)
    assert code == 0, told
    assert said(*pip, "check", folder=tmp_path)[0] == 0
    code, told = said(python.parent / "textsynth", "run", "quickstart", folder=tmp_path)
    assert code == 0, told
    assert "the quota is met" in told
