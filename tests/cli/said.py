"""A small recipe to run commands on, and what a command left."""

from __future__ import annotations

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


class Said:
    """What a command left: its exit code, its results and its talk."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *args: object) -> None:
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        self.code = left.value.code
        self.out, self.err = capsys.readouterr()
