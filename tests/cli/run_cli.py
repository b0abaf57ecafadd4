"""Runs a command in this process; and a small recipe with the scripted answers of its model."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from textsynth.cli import main

RECIPE = """\
name: tickets
labels:
  refund: wants money back
  delivery: asks where a parcel is
models:
  generator: {scripted: {function: "./answers.py:answer"}}
generate:
  - labelled
filter: [exact_duplicate]
select: []
want: {label: 4}
"""
ANSWERS = '''\
"""Answers that differ from request to request."""


def answer(request):
    start = int(request.key[:8], 16)
    return "\\n".join(f"{n}. text number {start + n} about parcel {start * n % 97}" for n in range(1, 6))
'''


class CliResult(NamedTuple):
    """The exit code of a command, and what it printed to stdout and stderr."""

    code: int | str | None
    out: str
    err: str


def run_cli(capsys: pytest.CaptureFixture[str], *args: object) -> CliResult:
    """Run `textsynth` with these arguments; return its exit code and output."""
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    return CliResult(caught.value.code, out, err)
