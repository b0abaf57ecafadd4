"""Runs whose records are on the disk: the same result, few records in memory, and nothing left by a killed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runner.recipes import small_recipe
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import run

EXISTING = """\
version: 1
name: rows
labels: {card: asks about a card, transfer: asks about a transfer}
sources: {raw: rows.csv}
generate: [{existing: {source: raw}}]
filter: FILTERS
select: []
SECTIONS
"""
FILTERS = "[{length: {min_words: 3}}, exact_duplicate, near_duplicate]"


def existing_recipe(folder: Path, rows: int, sections: str = "", filters: str = FILTERS) -> Recipe:
    """Write rows, of which a third are copies or too short, and a recipe that takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [f"row {number} {number * 7} asks {number % 11}" if number % 3 else f"copy {number % 50}, a copy"
             for number in range(rows)]  # fmt: skip
    texts[::17] = ["short"] * len(texts[::17])
    lines = [f'"{text}",{("card", "transfer")[number % 2]}' for number, text in enumerate(texts)]
    (folder / "rows.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    (folder / "rows.yaml").write_text(EXISTING.replace("FILTERS", filters).replace("SECTIONS", sections))
    return read_recipe(folder / "rows.yaml")


def written(folder: Path) -> dict[str, bytes | object]:
    """Return the data set's files, and the manifest without times and hashes of the folder."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("seconds", "inputs"):
        manifest.pop(name, None)
    manifest["recipe"].pop("path")
    dataset = folder / "dataset"
    files: dict[str, bytes | object] = {
        path.relative_to(dataset).as_posix(): path.read_bytes() for path in dataset.rglob("*") if path.is_file()
    }
    return {**files, "manifest": manifest}


SECTIONS = (
    "export: {splits: {train: 1.0}}",
    "export: {splits: {train: 0.7, test: 0.3}}",
    "want: {label: 40}",
    "want: {total: 90}",
    "want: {total: 90}\nexport: {splits: {train: 0.5, test: 0.5}}",
)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sections=st.sampled_from(SECTIONS), in_memory=st.integers(0, 200))
def test_rows_that_left_memory_give_the_same_data_set(
    tmp_path_factory: pytest.TempPathFactory, sections: str, in_memory: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    recipe = existing_recipe(folder, 400, sections)
    for name, records in (("memory", 10**6), ("disk", in_memory)):
        run(recipe, out=folder / name, records_in_memory=records)
    assert written(folder / "disk") == written(folder / "memory")


@pytest.mark.parametrize(
    "sections",
    [
        "select: []",
        "select: [balanced]",
        "select: []\nexport: {splits: {train: 0.6, test: 0.4}}",
        "select: []\noversample: 1",
    ],
)
def test_generated_texts_that_left_memory_give_the_same_data_set(tmp_path: Path, sections: str) -> None:
    answers = json.dumps([f"1. where is card {n} now\n2. it ate card {n * 13} at noon, again" for n in range(40)])
    sections += "\nfilter: [{length: {min_words: 5}}, exact_duplicate, near_duplicate]"
    for name, records in (("memory", 10**6), ("disk", 0)):
        recipe = small_recipe(
            tmp_path, want="{label: 12}", attributes="{tone: [calm, angry]}", answers=answers, sections=sections
        )
        run(recipe, out=tmp_path / name, records_in_memory=records)
    assert written(tmp_path / "disk") == written(tmp_path / "memory")


COUNTING = """\
import gc
from pathlib import Path
from textsynth.core.protocols import Filter
from textsynth.core.records import Record


class Counting(Filter):
    def start(self, context):
        return Session()


class Session:
    def evaluate_batch(self, records):
        gc.collect()
        count = sum(type(each) is Record for each in gc.get_objects())
        with Path(__file__).with_name("counts.txt").open("a") as file:
            file.write(f"{count}\\n")
        return [None] * len(records)

    def commit(self, records):
        pass
"""


def test_the_records_in_memory_do_not_grow_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(COUNTING)
    recipe = existing_recipe(tmp_path, 12_000, filters="[./counting.py, {length: {min_words: 3}}, exact_duplicate]")
    run(recipe, out=tmp_path / "run", records_in_memory=500)
    counts = [int(line) for line in (tmp_path / "counts.txt").read_text().split()]
    assert len(counts) == 12
    assert max(counts[4:]) <= max(counts[:4]) < 6_000
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith("tmp")]


KILLING = COUNTING.replace(
    "        gc.collect()\n",
    "        import os, signal\n"
    "        self.windows = getattr(self, 'windows', 0) + 1\n"
    "        if 'KILL_IN_WINDOW' in os.environ and self.windows == int(os.environ['KILL_IN_WINDOW']):\n"
    "            os.kill(os.getpid(), signal.SIGKILL)\n"
    "        gc.collect()\n",
)


def test_a_run_killed_in_the_middle_leaves_no_texts_and_the_next_one_gives_the_same_data_set(tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(KILLING)
    recipe = existing_recipe(tmp_path, 9_000, filters="[./counting.py, {length: {min_words: 3}}, exact_duplicate]")
    code = (
        "import sys; from pathlib import Path; from textsynth.recipe import read_recipe; from textsynth.runner import "
        "run; run(read_recipe(Path(sys.argv[1])), out=Path(sys.argv[2]), records_in_memory=100)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "rows.yaml"), str(tmp_path / "run")]
    killed = subprocess.run(command, check=False, env={**os.environ, "KILL_IN_WINDOW": "6"})
    assert killed.returncode == -signal.SIGKILL
    left = {path.name for path in (tmp_path / "run").iterdir()}
    run(recipe, out=tmp_path / "run", records_in_memory=100)
    run(recipe, out=tmp_path / "other", records_in_memory=10**6)
    assert written(tmp_path / "run") == written(tmp_path / "other")
    expected = {path.name for path in (tmp_path / "other").iterdir()}
    assert {name for name in left if not name.startswith("journal")} <= expected
