"""The wheel as a user installs it: its content, and a run in a new environment outside of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
RECIPE = """\
name: served
labels: {refund: wants money back, delivery: asks where a parcel is}
models: {generator: {http: {base_url: "http://127.0.0.1:1/v1", model: none}}}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds}]
"""
SEEDS = "text,label\n" + "".join(f"{text} {n},{label}\n" for label, text in
    (("refund", "give my money back"), ("delivery", "where is my parcel")) for n in range(5))  # fmt: skip
SCRIPTED = 'models.generator={scripted: {answers: ["1. where is my new chair now\\n2. please pay me back today"]}}'


class CommandResult(NamedTuple):
    """The exit code of a command, and what it printed to stdout and stderr."""

    code: int
    output: str


def run_outside(*command: object, folder: Path) -> CommandResult:
    """Run a command outside of the repository, without the variables of this environment."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    process = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=folder, env=env, check=False
    )
    return CommandResult(process.returncode, process.stdout + process.stderr)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with pip, which downloads hatchling from the package index."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT)
    result = run_outside(*build, folder=folder)
    if result.code != 0 and "hatchling" in result.output:
        pytest.skip("the package index cannot be reached from here, so no wheel can be built")
    assert result.code == 0, result.output
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_contains_the_package_with_prompts_recipes_and_seed_data_only(wheel: Path) -> None:
    """Slow where the build backend has to be downloaded first."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("prompts", "recipes"):
        files = [path for path in (ROOT / folder).iterdir() if path.is_file()]
        assert {f"textsynth/bundled/{folder}/{path.name}" for path in files} <= names
    assert {"textsynth/py.typed", "textsynth/report/run.html.jinja"} <= names
    assert {f"textsynth/review/page.{kind}" for kind in ("html", "js", "css")} <= names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "textsynth").rglob("*.py")}
    assert modules <= names
    others = {name for name in names if not name.startswith("textsynth/")}
    assert all(".dist-info/" in name for name in others), others


@pytest.mark.slow
def test_without_extras_recipes_are_validated_and_missing_extras_are_named(wheel: Path, tmp_path: Path) -> None:
    """Slow: a new environment gets the wheel with its core dependencies from the package index (20 to 60 s)."""
    python = tmp_path / "env" / "bin" / "python"
    assert run_outside(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env", folder=tmp_path).code == 0
    install = (sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check", wheel)
    result = run_outside(*install, folder=tmp_path)
    if result.code != 0 and "No matching distribution" in result.output:
        pytest.skip("the package index cannot be reached from here")
    assert result.code == 0, result.output
    result = run_outside(sys.executable, "-m", "pip", "--python", python, "check", folder=tmp_path)
    assert (result.code, "No broken requirements" in result.output) == (0, True), result
    without_torch = "import textsynth, sys; assert 'torch' not in sys.modules"
    assert run_outside(python, "-c", without_torch, folder=tmp_path) == (0, "")
    textsynth = python.parent / "textsynth"

    result = run_outside(textsynth, "validate", "quickstart", folder=tmp_path)
    assert result.code == 0
    assert "the recipe is valid" in result.output
    assert "this machine cannot run it yet" in result.output
    assert "pip install 'textsynth[local]'" in result.output
    result = run_outside(textsynth, "run", "quickstart", folder=tmp_path)
    assert result.code == 2
    assert result.output == (
        "the local model 'SmolLM2-135M-Instruct' needs the package 'torch', which is not installed: "
        "pip install 'textsynth[local]'\n"
    )
    (tmp_path / "served.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "seeds.csv").write_text(SEEDS, encoding="utf-8")
    result = run_outside(textsynth, "run", "served.yaml", folder=tmp_path)
    assert result.code == 2, result.output
    assert "the filter semantic_duplicate needs" in result.output
    assert "textsynth[embed]" in result.output
    assert not (tmp_path / "runs").exists()

    light = ("--set", SCRIPTED, "--set", "filter=[length, exact_duplicate]", "--set", "select=[]")
    result = run_outside(textsynth, "run", "quickstart", *light, "--limit", "2", folder=tmp_path)
    assert result.code in (0, 3), result.output
    assert (tmp_path / "runs" / "quickstart" / "dataset" / "README.md").is_file()
    assert run_outside(textsynth, "init", folder=tmp_path).code == 0
    assert run_outside(textsynth, "validate", "recipe.yaml", folder=tmp_path).code == 0


@pytest.mark.slow
def test_the_quickstart_runs_with_the_extra_local(wheel: Path, tmp_path: Path) -> None:
    """Slow: it installs the extra [local] with torch, and runs the quickstart; two to six minutes.

    Only with TEXTSYNTH_WHEEL=full: other slow tests run the quickstart with the same packages.
    """
    if os.environ.get("TEXTSYNTH_WHEEL") != "full":
        pytest.skip("set TEXTSYNTH_WHEEL=full to install [local] from the index and run the quickstart with it")
    python = tmp_path / "env" / "bin" / "python"
    assert run_outside(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env", folder=tmp_path).code == 0
    pip = (sys.executable, "-m", "pip", "--python", python)
    result = run_outside(*pip, "install", "-q", f"{wheel}[local]", folder=tmp_path)
    assert result.code == 0, result.output
    assert run_outside(*pip, "check", folder=tmp_path).code == 0
    result = run_outside(python.parent / "textsynth", "run", "quickstart", folder=tmp_path)
    assert result.code == 0, result.output
    assert "the quota is met" in result.output
