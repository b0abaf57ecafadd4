"""The command line: one function per command, which calls one function below. Commands import heavy packages late.

Results are printed to stdout, progress and messages to stderr. Exit codes: 0 done · 1 the run failed · 2 the command,
the recipe or a file it names is wrong · 3 finished, but the quota was not met · 4 answers of a batch are missing
· 130 interrupted.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import NoReturn

import click

from textsynth.cli.common import command_group, notify
from textsynth.cli.completion import completion
from textsynth.cli.components import schema, steps
from textsynth.cli.crash import REMOVED_FOLDER, describe_crash, is_folder_removed
from textsynth.cli.export import export
from textsynth.cli.filter import filter_command
from textsynth.cli.push import push
from textsynth.cli.recipes import init, label, preview, run, validate
from textsynth.cli.review import review
from textsynth.cli.runs import evaluate, report, why
from textsynth.cli.serve import serve
from textsynth.console.streams import message_stream, result_stream
from textsynth.core.errors import TextSynthError, UsageError
from textsynth.core.resources import rare_collections

RECIPE_COMMANDS = (init, validate, preview, run, label, filter_command)
RUN_COMMANDS = (report, evaluate, why, review, push, export)
for command in (*RECIPE_COMMANDS, *RUN_COMMANDS, serve, steps, schema, completion):
    command_group.add_command(command)

EXIT_INTERRUPTED = 130
RESUMED_COMMANDS = ("run", "label", "filter")
RESUMED = "; what was finished is stored, and the same command continues from there"


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; every error is a sentence, never a traceback."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A lone surrogate in a text, or a terminal that cannot show a character, must not end a run.
            stream.reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty():
        # In a log the progress bars of the Hub's clients are hundreds of lines; they read this when first imported.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    with redirect_stdout(result_stream(sys.stdout)), redirect_stderr(message_stream(sys.stderr)):
        code = _run_command(args)
    gc.freeze()  # else Python searches for garbage once more before the process ends
    sys.exit(code)


def _run_command(args: Sequence[str] | None) -> int:
    """Run the command; return its exit code after a message about its error, if it has one."""
    try:
        with rare_collections():
            command_group.main(args, prog_name="textsynth", standalone_mode=False)
    except click.Abort:
        words = sys.argv[1:] if args is None else args
        click.echo(f"interrupted{RESUMED if words and words[0] in RESUMED_COMMANDS else ''}", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except TextSynthError as error:
        click.echo(f"{error}; {REMOVED_FOLDER}" if is_folder_removed() else str(error), err=True)
        return error.exit_code
    except Exception as error:
        if isinstance(error, FileNotFoundError) and is_folder_removed():
            notify(REMOVED_FOLDER)
            return UsageError.exit_code
        from textsynth.core.registry import locate_plugin_error  # loads pydantic, which --help does without

        message, code = locate_plugin_error(error), UsageError.exit_code
        if message is None:
            message, code = describe_crash(error), TextSynthError.exit_code
        notify(message)
        return code
    return 0


def _open_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed (`>&-`), as a service may start us.

    Otherwise the next file that is opened, such as the journal, would have the number of stdout or stderr.
    """
    if sys.stdin is not None and sys.stdout is not None and sys.stderr is not None:
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
