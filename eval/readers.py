"""What each command that only reads shows of a run's folder; for `killed_commands.py`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.hub_client import Client

ROOT = Path(__file__).parent.parent
REPO = "anna/killed"
WAIVED = ("--waive", "leak", "--waive", "license")


class Readers:
    """Runs every reader on a folder; `old` and `new` are what they show of the two undisturbed results."""

    def __init__(self, client: Client, recipe: Path, folder: Path) -> None:
        self._client, self._recipe, self._folder = client, recipe, folder
        self.old: dict[str, str] = {}
        self.new: dict[str, str] = {}
        self.sentences: set[str] = set()

    def check(self, run: Path, ids: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """Return what each reader shows of a run, and what is wrong with it."""
        states, problems = {}, []
        for name, shown in self.show(run, ids).items():
            states[name] = self._state(name, shown)
            if states[name] == "?":
                problems.append(f"{name}: {shown[-400:]}")
        results = {state for name, state in states.items() if state in ("old", "new")}
        if len(results) > 1:
            problems.append(f"readers differ: {states}")
        return states, problems

    def show(self, run: Path, ids: Sequence[str]) -> dict[str, str]:
        """Return what each reader prints of a run, an error with its exit code in front."""
        out = self._folder / "exported"
        shutil.rmtree(out, ignore_errors=True)
        shown = {
            "validate": self._run("validate", self._recipe, "--json"),
            "export": self._run("export", run, "--as", "csv", "--out", out),
            **{f"why {number}": self._run("why", run, id_, "--json") for number, id_ in enumerate(ids, start=1)},
            "push --dry-run": self._run(
                "push", run, REPO, "--dry-run", "--json", "--waive", "leak", "--waive", "license"
            ),
            "review": self._review(run),
            "report": self._report(run),
        }
        if out.exists():
            shown["export"] = "".join(path.read_text() for path in sorted(out.rglob("*")) if path.is_file())
        return {name: text.replace(str(run), "RUN") for name, text in shown.items()}

    def _state(self, name: str, shown: str) -> str:
        if shown == self.old.get(name) == self.new.get(name):
            return "the same"
        if shown == self.new.get(name):
            return "new"
        if shown == self.old.get(name):
            return "old"
        if re.fullmatch(r"exit [12]: [^\n]+\n?", shown) and "bug in TextSynth" not in shown:
            self.sentences.add(f"{name}: {shown.strip()}")
            return "sentence"
        return "?"

    def _run(self, *arguments: object) -> str:
        result = self._client.textsynth(*arguments)
        return result.out if result.code == 0 else f"exit {result.code}: {result.err or result.out}"

    def _report(self, run: Path) -> str:
        shown = self._run("report", run, "--json")
        if not shown.startswith("{"):
            return shown
        content = json.loads(shown)
        manifest = content["manifest"]
        manifest["seconds"] = manifest["requests"] = None
        manifest["notes"] = [note for note in manifest["notes"] if "checksum" not in note]
        return json.dumps(content, sort_keys=True)

    def _review(self, run: Path) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "textsynth", "review", str(run), "--no-browser", "--selected", "--by", "ann"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            if line.startswith("http://"):
                process.kill()
                break
            lines.append(line)
        process.communicate()
        return "".join(lines) if process.returncode < 0 else f"exit {process.returncode}: {''.join(lines)}"
