"""A fixture that loads the body of a template as a prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from textsynth.prompts import Prompt, load_prompt


@pytest.fixture
def prompt(tmp_path: Path) -> Callable[..., Prompt]:
    """Return a function that writes and loads a prompt file. The template `body` begins at line 7 of the file."""

    def load(body: str, variables: Iterable[str] = (), *, mode: str = "completion", answer: str = "text") -> Prompt:
        path = tmp_path / "test.jinja"
        listed = ", ".join(f"{name}: a value" for name in variables)
        front = f"---\ndescription: a test\nvariables: {{{listed}}}\nanswer: {answer}\nmode: {mode}\n---\n"
        path.write_text(front + body, encoding="utf-8")
        return load_prompt(path)

    return load
