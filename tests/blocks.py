"""The fenced blocks of a documentation page, and a session that executes them in order, as a reader would.

A block with a file name after its language is written to that file. Commands are run, Python is executed, and a part of
a recipe is merged into the last recipe of the page and validated. The output of a `console` block is compared with what
the page shows, where `…` matches any text. Comments above a block say how its test differs from the page:

    <!-- not run: reason -->                        the block is not executed; the reason is required
    <!-- tested with: a scripted model, light checks -->   options that the test adds to each command
    <!-- exit: 3 -->                                the expected exit code of the last command
    <!-- printed: by the script above -->           the block shows what the last Python block printed
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
EXECUTED_LANGUAGES = ("bash", "sh", "console", "python", "yaml")
TIMEOUT_SECONDS = 300
ANSWERS = '''\
"""A scripted model: numbered texts, each different, that depend on the request alone."""

import hashlib
import json

THINGS = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def answer(request):
    start = int(request.key[:8], 16)
    texts = [f"my {THINGS[(start + n) % 10]} number {start // 7 + n} for {THINGS[start % 7]}" for n in range(1, 6)]
    return "\\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))


def choose_label(request):
    """Choose by the words of the text; without any such word, by the order of the labels, like an unsure model."""
    prompt = "\\n".join(message.content for message in request.prompt.messages)
    text = request.prompt.messages[-1].content.partition("\\nLabel: ")[0].lower()
    money = any(word in text for word in ("money", "refund", "euros", "paid", "pay"))
    parcel = any(word in text for word in ("where", "courier", "arrive", "came", "parcel"))
    if money == parcel and "number" not in text:
        return ("refund", "delivery")[hashlib.sha256(prompt.encode()).digest()[2] % 2]
    return "refund" if money or "0" in text.partition(" for ")[0] else "delivery"


def judge(request):
    """Give 5 points where `choose_label` chooses the text's label, else 2; where no points are asked for, choose."""
    chosen = choose_label(request)
    if "points" not in request.prompt.messages[0].content:
        return chosen
    points = 5 if f"label: {chosen}" in request.prompt.messages[-1].content.lower() else 2
    return json.dumps({"reason": "by its words", "points": {"fits": points, "natural": 4}})
'''
TEST_OPTIONS = {
    "a scripted model": """--set 'models.generator={scripted: {function: "./answers.py:answer"}}'""",
    "a scripted judge": """--set 'models.judge={scripted: {function: "./answers.py:judge"}}'""",
    "light checks": "--set 'filter=[length, exact_duplicate]' --set 'select=[]'",
}
# `textsynth` in the shell of a page: this interpreter, with the test's options for the commands that read a recipe.
WRAPPER = """#!/bin/bash
case "$1" in
  run|validate|preview|label) eval "exec {python} -m textsynth \\"\\$@\\" $TEST_OPTIONS" ;;
  *) exec {python} -m textsynth "$@" ;;
esac
"""


class Block(NamedTuple):
    """A fenced block: its language, its file ("" for none), its text, its marks, and the line it starts in."""

    language: str
    file: str
    text: str
    marks: Mapping[str, str]
    line: int


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order, without the directives of the site (`{toctree}`)."""
    return [
        Block(
            match["language"],
            match["file"].strip(),
            match["text"],
            dict(MARK.findall(match["marks"])),
            text.count("\n", 0, match.start("ticks")) + 1,
        )
        for match in FENCE.finditer(text)
        if not match["file"].startswith("{")
    ]


@dataclass
class PageSession:
    """Executes the blocks of one page in `folder`, which must be the working directory for the page's Python."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    recipe: str = ""
    printed: str = ""

    def __post_init__(self) -> None:
        (self.folder / ".bin").mkdir()
        wrapper = self.folder / ".bin" / "textsynth"
        wrapper.write_text(WRAPPER.format(python=sys.executable), encoding="utf-8")
        wrapper.chmod(0o755)
        (self.folder / "answers.py").write_text(ANSWERS, encoding="utf-8")

    def execute(self, block: Block) -> None:
        """Execute one block. Raises the error of its code, or AssertionError where its output differs."""
        if block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            self.recipe = block.file if block.language == "yaml" else self.recipe
        elif "not run" in block.marks:
            return
        elif block.language in ("bash", "sh"):
            self._run(block.text, block)
        elif block.language == "console":
            for command, shown in commands_of(block.text):
                printed = self._run(command, block)
                assert matches(shown, printed), f"{command}\nprinted:\n{printed}\nthe page shows:\n{shown}"
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block.text, str(self.folder / "page.py"), "exec"), self.names)
            self.printed = out.getvalue().rstrip()
        elif "printed" in block.marks:
            assert matches(block.text.rstrip(), self.printed), f"printed:\n{self.printed}"
        elif block.language == "yaml":
            self._validate_fragment(block)

    def _run(self, command: str, block: Block) -> str:
        names = [name.strip() for name in block.marks.get("tested with", "").split(",") if name.strip()]
        env = {
            **os.environ,
            "PATH": f"{self.folder / '.bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            "TEST_OPTIONS": " ".join(TEST_OPTIONS[name] for name in names),
        }
        process = subprocess.run(
            ["bash", "-e", "-c", command],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=env,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        expected = int(block.marks.get("exit", "0"))
        output = process.stdout + process.stderr
        assert process.returncode == expected, f"{command}\nended with {process.returncode}:\n{output}"
        return output.rstrip()

    def _validate_fragment(self, block: Block) -> None:
        """Validate the last recipe of the page with its sections replaced by those of the fragment."""
        assert self.recipe, "a part of a recipe needs a recipe above it on the page"
        recipe = yaml.safe_load((self.folder / self.recipe).read_text(encoding="utf-8"))
        path = self.folder / "with_fragment.yaml"
        path.write_text(yaml.safe_dump({**recipe, **yaml.safe_load(block.text)}, sort_keys=False), encoding="utf-8")
        read_recipe(path)


def commands_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, which begins with `$ `, and the output shown below it."""
    for command, shown in re.findall(r"^\$ ([^\n]*)\n(.*?)(?=^\$ |\Z)", text, re.MULTILINE | re.DOTALL):
        yield command, shown.rstrip()


def matches(shown: str, printed: str) -> bool:
    """Whether the output is what the page shows, where `…` matches any text."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
