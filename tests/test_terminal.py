"""The command line as a process: signals, pipes, terminals, start-up."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.run_cli import ANSWERS, RECIPE

COMMAND = [sys.executable, "-m", "textsynth"]
ROOT = Path(__file__).parent.parent
MAX_MODULES = 200
"""How many modules `--help` may load, those of Python among them; 144 with Python 3.11."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "answers.py").write_text(ANSWERS, encoding="utf-8")
    return tmp_path


def process(*args: object, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, args)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False, timeout=60)


def journaled_answers(journal: Path) -> int:
    """Return how many answers a run that is in progress has stored."""
    with contextlib.suppress(sqlite3.OperationalError):  # there is no file or no table yet
        connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
        with contextlib.closing(connection):
            (count,) = connection.execute("SELECT count(*) FROM answers").fetchone()
            return int(count)
    return 0


def test_ctrl_c_is_a_sentence_and_the_same_command_goes_on(folder: Path) -> None:
    recipe = RECIPE.replace('answer"}}', 'answer", latency_seconds: 0.2, concurrency: 2}}').replace(
        "label: 4", "label: 400"
    )
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen([*COMMAND, "run", "recipe.yaml"], cwd=folder, env=env, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not journaled_answers(folder / "runs/tickets/journal.sqlite") and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "the same command continues" in err
    assert "Traceback" not in err
    done = process("run", "recipe.yaml", "--json", "--set", "want.label=4", cwd=folder)
    assert done.returncode == 0
    assert json.loads(done.stdout)["manifest"]["requests"]["from_journal"] > 0


def test_a_reader_that_goes_away_is_no_fault() -> None:
    code = f"{' '.join(COMMAND)} schema | head -n 1"
    done = subprocess.run(code, shell=True, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_fault_in_a_check_of_one_s_own_is_a_sentence_with_its_line(folder: Path) -> None:
    own = "from textsynth import Filter\n\nclass Mine(Filter):\n    def check(self, record):\n        return 1 / 0\n"
    (folder / "mine.py").write_text(own, encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE.replace("[exact_duplicate]", "[./mine.py]"), encoding="utf-8")
    done = process("run", "recipe.yaml", cwd=folder)
    assert done.returncode == 2
    assert "mine.py:5: ZeroDivisionError: division by zero, of the text" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_without_colours_gets_none_and_texts_survive_a_poor_encoding(folder: Path) -> None:
    done = process("run", "recipe.yaml", cwd=folder, NO_COLOR="1", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


def test_a_terminal_gets_the_live_picture(folder: Path) -> None:
    lead, follow = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "NO_COLOR": "1"}
    env.pop("CI", None)
    with subprocess.Popen(
        [*COMMAND, "run", "recipe.yaml"], cwd=folder, env=env, stderr=follow, stdout=subprocess.PIPE, text=True
    ) as running:
        os.close(follow)
        shown = b""
        try:
            while piece := os.read(lead, 4096):
                shown += piece
        except OSError:  # Linux ends a pseudo-terminal that was hung up with EIO
            pass
        out, _ = running.communicate(timeout=30)
    os.close(lead)
    assert running.returncode == 0
    page = shown.decode()
    assert "tickets" in page
    assert "\x1b[?25l" in page, "the cursor was not hidden, so nothing was drawn live"
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", page), "NO_COLOR was set"
    assert "refund" in out


def test_help_loads_few_modules() -> None:
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    modules = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert "textsynth.cli" in modules
    assert len(modules) <= MAX_MODULES
    assert {"asyncio", "jinja2", "numpy", "pydantic", "rich", "sqlite3", "yaml"}.isdisjoint(modules)
