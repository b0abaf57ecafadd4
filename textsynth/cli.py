"""The command line: one function a verb, each calls one function below. Heavy imports stand inside the verbs.

Results go to stdout, progress and talk to stderr. Exit codes: 0 done · 1 the run failed · 2 the command, the recipe
or a file it names is wrong · 3 finished, but the quota was not met · 130 interrupted.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from textsynth import __version__
from textsynth.errors import RecipeError, TextSynthError, nearest

EXIT_CODES = """\b
Exit codes:
  0    done
  1    the run failed (also: a second run in the same folder, a full disk)
  2    the command, the recipe or a file it names is wrong
  3    finished, but the quota was not met; the table says what is missing and why
  130  interrupted; the same command goes on where it stopped"""


class Verbs(click.Group):
    """The verbs in the order of a user's work, with the nearest one named after a slip."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they are defined."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or raise click's usage error with the nearest one."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"there is no verb {args[0]!r}{nearest(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


def example(*lines: str) -> str:
    """Return an epilog that shows `lines` as they are typed."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


FILE = click.Path(path_type=Path)
RECIPE = click.argument("recipe", type=FILE)
RUN = click.argument("run", metavar="RUN", type=FILE)
SETS = click.option(
    "--set", "sets", metavar="KEY.PATH=VALUE", multiple=True, help="Put another value into the recipe. Repeatable."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="textsynth", message="%(prog)s %(version)s")
def verbs() -> None:
    """Turn a YAML recipe into a checked, labelled text data set for the Hugging Face Hub."""


@verbs.command(
    epilog=example(
        "textsynth init tickets --labels refund,delivery,other",
        "textsynth init tickets --seeds examples.csv",
    )
)
@click.argument("folder", metavar="[DIR]", type=FILE, default=Path())
@click.option(
    "--labels", metavar="A,B,C|FILE", help="Label names, or a file with one `name` or `name: meaning` a line."
)
@click.option("--seeds", type=FILE, help="A file of examples (csv, jsonl, parquet).")
def init(folder: Path, labels: str | None, seeds: Path | None) -> None:
    """Write a commented recipe from label names and/or examples.

    DIR is made if it is not there; nothing in it is overwritten.
    """
    from textsynth.starter import start

    started = start(folder, labels=labels, seeds=seeds)
    for path in started.files:
        click.echo(str(path))
    click.echo(started.sentence, err=True)


@verbs.command(epilog=example("textsynth validate recipe.yaml", "textsynth validate recipe.yaml --set want.label=20"))
@RECIPE
@SETS
@JSON
def validate(recipe: Path, sets: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Show every mistake of a recipe, or what a run will take.

    No model is loaded and nothing is written.
    """
    from textsynth.recipe import read_recipe

    try:
        read = read_recipe(recipe, sets)
    except RecipeError as fault:
        if not as_json:
            raise
        mistakes = [{"where": one.where, "sentence": one.sentence} for one in fault.mistakes]
        emit({"ok": False, "mistakes": mistakes})
        raise SystemExit(fault.exit_code) from None
    from textsynth.results import plan_json, plan_text
    from textsynth.run.estimate import estimate

    plan = estimate(read)
    emit({"ok": True, "mistakes": [], **plan_json(plan)} if as_json else plan_text(plan))


@verbs.command(epilog=example("textsynth preview recipe.yaml", "textsynth preview recipe.yaml -n 1 --json"))
@RECIPE
@click.option("-n", "count", type=click.IntRange(min=1), default=3, show_default=True, help="How many requests.")
@SETS
@JSON
def preview(recipe: Path, count: int, sets: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Show a few prompts, their answers and what each check says.

    The model is asked; nothing is kept.
    """
    from textsynth.recipe import read_recipe
    from textsynth.results import samples_json, samples_text
    from textsynth.run.preview import preview as look

    samples = look(read_recipe(recipe, sets), count, talk)
    emit(samples_json(samples) if as_json else samples_text(samples))


@verbs.command(
    epilog=example(
        "textsynth run recipe.yaml",
        "textsynth run recipe.yaml --limit 20 --set seed=8",
        "textsynth run recipe.yaml --out runs/second --json",
    )
)
@RECIPE
@click.option("--out", type=FILE, help="The run's folder.  [default: runs/NAME]")
@SETS
@click.option("--limit", type=click.IntRange(min=1), help="At most this many selected texts.")
@click.option("--fresh", is_flag=True, help="Move the journal aside and ask everything again.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and one last line.")
@JSON
def run(
    recipe: Path,
    out: Path | None,
    sets: tuple[str, ...],
    limit: int | None,
    fresh: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run a recipe; the same command again goes on where it stopped."""
    from textsynth.display import open_display
    from textsynth.recipe import read_recipe
    from textsynth.results import result_json, result_text
    from textsynth.run import run as work

    read = read_recipe(recipe, sets)
    folder = out if out is not None else Path("runs") / read.name
    with open_display(read.name, quiet=quiet, as_json=as_json) as display:
        result = work(read, out=folder, limit=limit, fresh=fresh, watch=display.watch, say=display.say)
    emit(result_json(result) if as_json else result.sentence if quiet else result_text(result))
    raise SystemExit(result.exit_code)


@verbs.command(epilog=example("textsynth report runs/tickets"))
@RUN
@JSON
def report(run: Path, as_json: bool) -> None:  # noqa: FBT001
    """Give the account of a run as text, and write its report.html."""
    from textsynth.report import json_report, text_report, write_report

    page = write_report(run)
    emit(json_report(run) if as_json else text_report(run))
    click.echo(f"also as a page: {page}", err=True)


@verbs.command(
    epilog=example(
        "textsynth evaluate runs/tickets --train seeds.csv --test test.csv",
        "textsynth evaluate texts.csv --train seeds.csv --test test.csv --text utterance --label intent",
    )
)
@click.argument("what", metavar="RUN_OR_FILE", type=FILE)
@click.option("--test", type=FILE, help="Real rows to score on; nothing is ever fitted on them.")
@click.option("--train", type=FILE, help="The real seeds, which compete with the synthetic texts.")
@click.option("--dev", type=FILE, help="Real rows for thresholds, where texts have several labels.")
@click.option("--all", "whole", type=FILE, help="All real rows there are, for comparison.")
@click.option("--text", metavar="COLUMN", help="Column with the text in the files given here; left out: text.")
@click.option("--label", metavar="COLUMN", help="Column with the label; left out: label.")
@click.option("--labels", metavar="A,B,C|FILE", help="The labels of a file in their order, the lowest first.")
@click.option("--full", is_flag=True, help="More draws and rounds: narrower intervals, and slower.")
@click.option("--ordinal", is_flag=True, help="The labels stand in an order, the lowest first: quadratic kappa too.")
@click.option("--page", type=FILE, help="Write the result of a file as an HTML page.")
@JSON
def evaluate(what: Path, page: Path | None, *, full: bool, ordinal: bool, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Score the texts of a run or of a file on real data.

    Do they help, how sure is that, and where do they hurt. Of a run, the real sets of its recipe's `evaluate` are used
    where none are given here, and its report tells the result too.
    """
    from textsynth.evaluate import as_json as told_of
    from textsynth.report import evaluation_page, evaluation_text, write_report
    from textsynth.run.proving import prove_what, write_proof

    found = prove_what(what, given, full=full, ordinal=ordinal, say=talk)
    told = told_of(found)
    if what.is_dir():
        write_proof(what, found)
        click.echo(f"also as a page: {write_report(what)}", err=True)
    elif page is not None:
        page.write_text(evaluation_page(told), encoding="utf-8")
    emit(told if as_json else evaluation_text(told))


@verbs.command(epilog=example("textsynth why runs/tickets 0f3a9c1be4d27a55"))
@RUN
@click.argument("id_", metavar="ID")
@JSON
def why(run: Path, id_: str, as_json: bool) -> None:  # noqa: FBT001
    """Tell where one text comes from, and why it was kept or not."""
    from textsynth.journal import read_answer
    from textsynth.why import story

    told = story(run, id_, lambda key: read_answer(run, key))
    emit(told.json() if as_json else told.text())


@verbs.command(epilog=example("textsynth steps", "textsynth steps filter", "textsynth steps near_duplicate"))
@click.argument("name", required=False)
@JSON
def steps(name: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Describe the items of a recipe.

    NAME is a section or an item; an item is told with its options, defaults and what it does not catch.
    """
    from textsynth.recipe.describe import describe
    from textsynth.results import steps_json, steps_text

    found = describe(name)
    emit(steps_json(found) if as_json else steps_text(found, brief=name is None))


@verbs.command(epilog=example("textsynth schema > recipe.schema.json"))
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from textsynth.recipe import schema as recipe_schema

    emit(recipe_schema())


def talk(sentence: str) -> None:
    """Print a sentence to stderr."""
    click.echo(sentence, err=True)


def emit(result: Any) -> None:  # noqa: ANN401
    """Print a result to stdout: a text as it is, anything else as indented JSON."""
    text = result if isinstance(result, str) else json.dumps(result, indent=2, ensure_ascii=False)
    click.echo(text)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; a user's mistake is a sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Half a surrogate pair in a text, or a terminal that cannot show it, must not end a run.
            stream.reconfigure(errors="backslashreplace")
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
    else:
        code = 0
    sys.exit(code)
