"""The group of commands and what they share: exit codes, arguments, how a result is printed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.paths import path_fault
from textsynth.core.secrets import redact_message
from textsynth.core.version import __version__

MAX_WIDTH = 100
EXIT_CODES = """\b
Exit codes:
  0    done
  1    the run failed (also: a second run in the same folder, a full disk)
  2    the command, the recipe or a file it names is wrong
  3    finished, but the quota was not met; the table says what is missing and why
  4    answers are missing: requests were written for a batch (run --requests-only, run --answers)
  130  interrupted; the same command continues where it stopped"""


class CommandGroup(click.Group):
    """The commands in the order in which a user needs them; a misspelt one gets the nearest name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or raise click's usage error with the nearest name."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]!r}{did_you_mean(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


def example(*lines: str) -> str:
    """Return an epilog that shows `lines` as a user types them."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the bundled recipes that begin with `incomplete`; without any, let the shell complete files."""
    from textsynth.core.paths import recipe_names

    recipes = [CompletionItem(name) for name in recipe_names() if incomplete and name.startswith(incomplete)]
    return recipes or [CompletionItem(incomplete, type="file")]


class FilePath(click.Path):
    """The type of a path: one that no file can have is an error with the name of the argument or option."""

    def __init__(self, kind: type[Path] | type[str] = Path) -> None:
        super().__init__(path_type=kind)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path. Raises UsageError."""
        is_url = self.type is str and "://" in str(value)
        fault = None if is_url else path_fault(str(value))
        if fault is not None:
            raise UsageError(f"{param.get_error_hint(ctx) if param is not None else 'path'}: {fault}")
        return super().convert(value, param, ctx)


FILE = FilePath()
FILE_OR_URL = FilePath(str)
RECIPE = click.argument("recipe", type=FILE, shell_complete=complete_recipe)
RUN = click.argument("run", metavar="RUN", type=FILE)
OVERRIDES = click.option(
    "--set", "overrides", metavar="KEY.PATH=VALUE", multiple=True, help="Change one value of the recipe. Repeatable."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="textsynth", message="%(prog)s %(version)s")
def command_group() -> None:
    """Turn a YAML recipe into a checked, labelled text data set for the Hugging Face Hub."""


def text_width() -> int:
    """Return the columns that a text on stdout may take: those of the terminal, at most 100; 100 without a terminal."""
    return min(shutil.get_terminal_size((MAX_WIDTH, 24)).columns, MAX_WIDTH) if sys.stdout.isatty() else MAX_WIDTH


def notify(message: str) -> None:
    """Print a message to stderr."""
    click.echo(redact_message(message), err=True)


def emit(result: Any) -> None:  # noqa: ANN401
    """Print a result to stdout: a text as it is, anything else as indented JSON."""
    text = result if isinstance(result, str) else json.dumps(result, indent=2, ensure_ascii=False)
    click.echo(redact_message(text))
