"""The command line: one function a verb, each calls one function below. Heavy imports stand inside the verbs.

Results go to stdout, progress and talk to stderr. Exit codes: 0 done · 1 the run failed · 2 the command, the recipe
or a file it names is wrong · 3 finished, but the quota was not met · 4 answers of a batch are missing
· 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from textsynth.cli.common import verbs
from textsynth.cli.completion import completion
from textsynth.cli.export import export
from textsynth.cli.items import schema, steps
from textsynth.cli.push import push
from textsynth.cli.recipes import init, preview, run, validate
from textsynth.cli.review import review
from textsynth.cli.runs import evaluate, report, why
from textsynth.cli.serve import serve
from textsynth.core.errors import TextSynthError, UsageError

ON_RECIPES = (init, validate, preview, run)
ON_RUNS = (report, evaluate, why, review, push, export)
for verb in (*ON_RECIPES, *ON_RUNS, serve, steps, schema, completion):
    verbs.add_command(verb)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; a user's mistake is a sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Half a surrogate pair in a text, or a terminal that cannot show it, must not end a run.
            stream.reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty():
        # In a log the bars of the Hub's clients are hundreds of lines; they read this when they are first imported.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        verbs.main(args, prog_name="textsynth", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted; every answer that arrived is on disk, the same command goes on from there", err=True)
        code = 130
    except click.ClickException as fault:
        fault.show()
        code = fault.exit_code
    except TextSynthError as fault:
        click.echo(str(fault), err=True)
        code = fault.exit_code
    except Exception as fault:
        from textsynth.core.registry import locate_plugin_error  # loads pydantic, which --help does without

        told = locate_plugin_error(fault)
        if told is None:
            raise
        click.echo(told, err=True)
        code = UsageError.exit_code
    else:
        code = 0
    sys.exit(code)
