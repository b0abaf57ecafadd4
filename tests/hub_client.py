"""A process that talks to the Hub of tests/hub_server.py: our commands, and code with the unmodified libraries.

huggingface_hub and datasets read their environment when they are imported, so they run in a process of their own; one
process serves many commands, because importing them takes a second. `HF_TOKEN` is read at each request, and set for
each command.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.hub_server import Server


class CommandResult(NamedTuple):
    """The exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str


class Client:
    """The client process, seen from the test."""

    def __init__(self, server: Server, home: Path, **environment: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.hub_client"]
        # The libraries also write to the file descriptor of stderr, past sys.stderr.
        with (home / "client.log").open("w") as log:
            self._process = subprocess.Popen(
                command,
                env=server.environment(home, **environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def textsynth(self, *args: object, token: str | None = "hf_anna", **environment: str) -> CommandResult:
        """Run one of our commands."""
        task = {"args": [str(arg) for arg in args], "environment": {"HF_TOKEN": token, **environment}}
        return CommandResult(*self._call(task))

    def python(self, code: str, *, token: str | None = "hf_anna", **variables: object) -> Any:
        """Run code with `variables`, and return the value that it assigns to `result`, as JSON."""
        values = {name: str(value) if isinstance(value, Path) else value for name, value in variables.items()}
        task = {"code": textwrap.dedent(code), "variables": values, "environment": {"HF_TOKEN": token}}
        answer = self._call(task)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _call(self, task: dict[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(task) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the client process has ended"
        return json.loads(line)


def run_command(args: list[str]) -> CommandResult:
    """Run one of our commands in this process."""
    from textsynth.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(args)
        except SystemExit as error:
            code = int(error.code or 0)
        except BaseException:
            code = -1
            err.write(traceback.format_exc())
    return CommandResult(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]


def run_task(task: dict[str, Any]) -> Any:
    """Run a command or code, as `Client` sends them."""
    for name, value in task["environment"].items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    if "args" in task:
        return run_command(task["args"])
    variables = dict(task["variables"])
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(task["code"], variables)
    except BaseException:
        return {"error": traceback.format_exc()}
    return {"result": variables["result"]}


def serve(read_line: Callable[[], str], write: Callable[[str], object]) -> None:
    """Run one task per line until the input ends."""
    while line := read_line():
        write(json.dumps(run_task(json.loads(line))) + "\n")


if __name__ == "__main__":
    answers = sys.stdout
    serve(sys.stdin.readline, lambda line: (answers.write(line), answers.flush()))
