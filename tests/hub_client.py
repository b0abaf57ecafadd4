"""A process that talks to the Hub of tests/hub_server.py: commands of ours, and code with the unmodified libraries.

huggingface_hub and datasets read their environment when they are imported, so this lives in a process of its own; one
is kept for many commands, as importing them takes a second. `HF_TOKEN` is read at each request and given with each.
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


class run_cli(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


class Client:
    """The process, and what it is asked to do."""

    def __init__(self, server: Server, home: Path, **more: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.hub_client"]
        environment = server.environment(home, **more)
        # what its libraries write past sys.stderr is nobody's
        with (home / "client.log").open("w") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def textsynth(self, *args: object, token: str | None = "hf_anna", **more: str) -> Said:
        """Run a command of ours."""
        return run_cli(*self._ask({"args": [str(one) for one in args], "environment": {"HF_TOKEN": token, **more}}))

    def python(self, code: str, *, token: str | None = "hf_anna", **given: object) -> Any:
        """Run code in which `given` are variables, and return what it leaves in `found`, as JSON."""
        given = {name: str(one) if isinstance(one, Path) else one for name, one in given.items()}
        told = {"code": textwrap.dedent(code), "given": given, "environment": {"HF_TOKEN": token}}
        answer = self._ask(told)
        if "fault" in answer:
            raise AssertionError(answer["fault"])
        return answer["found"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, told: dict[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(told) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the client has died"
        return json.loads(line)


def ran(args: list[str]) -> Said:
    """Run a command of ours in this process."""
    from textsynth.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(args)
        except SystemExit as left:
            code = int(left.code or 0)
        except BaseException:
            code = -1
            err.write(traceback.format_exc())
    return run_cli(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]


def done(told: dict[str, Any]) -> Any:
    """Do what is asked."""
    for name, value in told["environment"].items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    if "args" in told:
        return ran(told["args"])
    variables = dict(told["given"])
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(told["code"], variables)
    except BaseException:
        return {"fault": traceback.format_exc()}
    return {"found": variables["found"]}


def serve(read: Callable[[], str], write: Callable[[str], object]) -> None:
    """Answer line by line until there are no more."""
    while line := read():
        write(json.dumps(done(json.loads(line))) + "\n")


if __name__ == "__main__":
    answers = sys.stdout
    serve(sys.stdin.readline, lambda line: (answers.write(line), answers.flush()))
