"""The fenced blocks of a page, and a session that does what a reader of the page would do with them, in their order.

A block with a file's name behind its language is that file. Commands are run, Python is executed, a recipe's fragment
is put into the page's last recipe and checked. What a block prints is compared where the page shows it (`console`);
`…` stands for anything. Comments above a block say what is different when it is tested:

    <!-- not run: why -->                 the reason must be given
    <!-- tested with: a scripted model, light checks -->
    <!-- exit: 3 -->                      the code that the last command ends with
    <!-- printed: by the script above --> what the last Python block printed
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from textsynth.recipe import read_recipe

ROOT = Path(__file__).parent.parent
FENCE = re.compile(
    r"(?P<marks>(?:^<!--[^\n]*-->\n+)*)^(?P<ticks>`{3,})(?P<language>\w*)(?P<file>[^\n]*)\n(?P<text>.*?)^(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"<!-- (not run|tested with|exit|printed): (.*?) -->")
RUN = ("bash", "sh", "console", "python", "yaml")
ANSWERS = '''\
"""Stands in for a model: numbered texts, each different, that depend on the request alone."""

THINGS = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def answer(request):
    start = int(request.key[:8], 16)
    some = [f"my {THINGS[(start + n) % 10]} number {start // 7 + n} for {THINGS[start % 7]}" for n in range(1, 6)]
    return "\\\\n".join(f"{n}. {text}" for n, text in enumerate(some, 1))


def judge(request):
    """Choose by words, and without any by the request, as one who is not sure."""
    text = request.prompt.messages[-1].content.lower()
    money = any(word in text for word in ("money", "refund", "euros", "paid", "pay"))
    parcel = any(word in text for word in ("where", "courier", "arrive", "came", "parcel"))
    if money == parcel and "number" not in text:
        return ("refund", "delivery")[int(request.key[:8], 16) % 2]
    return "refund" if money or "0" in text.partition(" for ")[0] else "delivery"
'''.replace("\\\\n", "\\n")
STAND_INS = {
    "a scripted model": """--set 'models.generator={scripted: {function: "./answers.py:answer"}}'""",
    "a scripted judge": """--set 'models.judge={scripted: {function: "./answers.py:judge"}}'""",
    "light checks": "--set 'filter=[length, exact_duplicate]' --set 'select=[]'",
    "few texts": "--limit 6",
}
SHIM = """#!/bin/bash
case "$1" in
  run|validate|preview) eval "exec {python} -m textsynth \\"\\$@\\" $WITH" ;;
  *) exec {python} -m textsynth "$@" ;;
esac
"""


class Block(NamedTuple):
    """A fenced block: its language, the file it is ("" for none), its text, its marks, and the line it begins in."""

    language: str
    file: str
    text: str
    marks: Mapping[str, str]
    line: int


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [
        Block(
            found["language"],
            found["file"].strip(),
            found["text"],
            dict(MARK.findall(found["marks"])),
            text.count("\n", 0, found.start("ticks")) + 1,
        )
        for found in FENCE.finditer(text)
        if not found["file"].startswith("{")  # what only the site reads
    ]


@dataclass
class Session:
    """A reader at work in `folder`, which is made the working directory for the Python of the page."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    recipe: str = ""
    printed: str = ""

    def __post_init__(self) -> None:
        (self.folder / ".bin").mkdir()
        shim = self.folder / ".bin" / "textsynth"
        shim.write_text(SHIM.format(python=sys.executable), encoding="utf-8")
        shim.chmod(0o755)
        (self.folder / "answers.py").write_text(ANSWERS, encoding="utf-8")

    def do(self, block: Block) -> None:
        """Do what a reader would do with the block; fails with what went wrong."""
        if block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            self.recipe = block.file if block.language == "yaml" else self.recipe
        elif "not run" in block.marks:
            return
        elif block.language in ("bash", "sh"):
            self._command(block.text, block)
        elif block.language == "console":
            for command, shown in commands_of(block.text):
                printed = self._command(command, block)
                assert matches(shown, printed), f"{command}\nprinted:\n{printed}\nthe page shows:\n{shown}"
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block.text, str(self.folder / "page.py"), "exec"), self.names)
            self.printed = out.getvalue().rstrip()
        elif "printed" in block.marks:
            assert matches(block.text.rstrip(), self.printed), f"printed:\n{self.printed}"
        elif block.language == "yaml":
            self._fragment(block)

    def _command(self, text: str, block: Block) -> str:
        wanted = [one.strip() for one in block.marks.get("tested with", "").split(",") if one.strip()]
        env = {
            **os.environ,
            "PATH": f"{self.folder / '.bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            "WITH": " ".join(STAND_INS[one] for one in wanted),
        }
        done = subprocess.run(
            ["bash", "-e", "-c", text],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=env,
            check=False,
            timeout=300,
        )
        code = int(block.marks.get("exit", "0"))
        assert done.returncode == code, f"{text}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return (done.stdout + done.stderr).rstrip()

    def _fragment(self, block: Block) -> None:
        """Check the last recipe of the page with the sections of the fragment in place of its own."""
        assert self.recipe, "a part of a recipe needs a recipe above it on the page"
        whole = yaml.safe_load((self.folder / self.recipe).read_text(encoding="utf-8"))
        path = self.folder / "with_fragment.yaml"
        path.write_text(yaml.safe_dump({**whole, **yaml.safe_load(block.text)}, sort_keys=False), encoding="utf-8")
        read_recipe(path)


def commands_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, which begins with `$ `, and what is shown below it."""
    for command, shown in re.findall(r"^\$ ([^\n]*)\n(.*?)(?=^\$ |\Z)", text, re.MULTILINE | re.DOTALL):
        yield command, shown.rstrip()


def matches(shown: str, printed: str) -> bool:
    """Whether what was printed is what the page shows, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
