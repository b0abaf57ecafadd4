"""The verbs on a recipe: init, validate, preview, run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from textsynth.cli.common import FILE, JSON, RECIPE, SETS, bundled_names, emit, example, notify, text_width
from textsynth.cli.push import push_result, wish_for
from textsynth.core.errors import RecipeError


@click.command(
    epilog=example(
        "textsynth init tickets",
        "textsynth init tickets --labels refund,delivery,other",
        "textsynth init tickets --seeds examples.csv",
        "textsynth init tickets --recipe paraphrase",
    )
)
@click.argument("folder", metavar="[DIR]", type=FILE, default=Path())
@click.option(
    "--labels", metavar="A,B,C|FILE", help="Label names, or a file with one `name` or `name: meaning` a line."
)
@click.option("--seeds", type=FILE, help="A file of examples (csv, jsonl, parquet).")
@click.option(
    "--recipe", metavar="NAME", shell_complete=bundled_names, help="Copy a bundled recipe and its data instead."
)
def init(folder: Path, labels: str | None, seeds: Path | None, recipe: str | None) -> None:
    """Write a commented recipe from label names and/or examples.

    Without any, the bundled quickstart is copied, which runs as it is. DIR is made if it is not there; nothing in it
    is overwritten.
    """
    from textsynth.recipe.init import init_recipe

    started = init_recipe(folder, labels=labels, seeds=seeds, recipe=recipe)
    for path in started.files:
        click.echo(str(path))
    click.echo(started.sentence, err=True)


@click.command(epilog=example("textsynth validate recipe.yaml", "textsynth validate recipe.yaml --set want.label=20"))
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
        mistakes = [{"where": one.where, "sentence": one.sentence} for one in fault.issues]
        emit({"ok": False, "mistakes": mistakes})
        raise SystemExit(fault.exit_code) from None
    from textsynth.console.results import plan_json, plan_text
    from textsynth.runner.estimate import estimate

    plan = estimate(read)
    emit({"ok": True, "mistakes": [], **plan_json(plan)} if as_json else plan_text(plan))


@click.command(epilog=example("textsynth preview recipe.yaml", "textsynth preview recipe.yaml -n 1 --json"))
@RECIPE
@click.option("-n", "count", type=click.IntRange(min=1), default=3, show_default=True, help="How many requests.")
@SETS
@JSON
def preview(recipe: Path, count: int, sets: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Show a few prompts, their answers and what each check says.

    The model is asked; nothing is kept.
    """
    from textsynth.console.results import samples_json, samples_text
    from textsynth.recipe import read_recipe
    from textsynth.runner.preview import preview as look

    samples = look(read_recipe(recipe, sets), count, notify)
    emit(samples_json(samples) if as_json else samples_text(samples))


@click.command(
    epilog=example(
        "textsynth run recipe.yaml",
        "textsynth run recipe.yaml --limit 20 --set seed=8",
        "textsynth run recipe.yaml --out runs/second --json",
        "textsynth run recipe.yaml --requests-only requests.jsonl",
        "textsynth run recipe.yaml --answers answers.jsonl --requests-only requests.jsonl",
        "textsynth run recipe.yaml --push",
    )
)
@RECIPE
@click.option("--out", type=FILE, help="The run's folder.  [default: runs/NAME]")
@SETS
@click.option("--limit", type=click.IntRange(min=1), help="At most this many selected texts.")
@click.option("--fresh", is_flag=True, help="Move the journal aside and ask everything again.")
@click.option(
    "--requests-only", type=FILE, help="Ask no server: write what is missing to FILE (- is stdout), a batch's lines."
)
@click.option("--answers", type=FILE, help="Take in the answers of a batch from FILE; ask no server.")
@click.option("--push", is_flag=True, help="Publish the data set to the recipe's export.hub when the quota is met.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and one last line.")
@JSON
def run(
    recipe: Path,
    out: Path | None,
    sets: tuple[str, ...],
    limit: int | None,
    fresh: bool,  # noqa: FBT001
    requests_only: Path | None,
    answers: Path | None,
    push: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run a recipe; the same command again goes on where it stopped.

    Without a server at hand a run goes in rounds: --requests-only writes what is missing, for `vllm run-batch` or a
    service's batches, and --answers takes the answers in.
    """
    from textsynth.console.progress import open_display
    from textsynth.console.results import offline_round_json, offline_round_text, result_json, result_text
    from textsynth.recipe import read_recipe
    from textsynth.runner import run as work

    if push and (requests_only is not None or answers is not None):
        raise click.UsageError("--push publishes a whole run; give it with the last round's plain `textsynth run`")
    read = read_recipe(recipe, sets)
    wish = wish_for(read) if push else None
    folder = out if out is not None else Path("runs") / read.name
    with open_display(read.name, quiet=quiet, as_json=as_json) as display:
        shared: dict[str, Any] = {
            "out": folder, "limit": limit, "fresh": fresh, "watch": display.watch, "log": display.say,
        }  # fmt: skip
        if requests_only is None and answers is None:
            result = work(read, **shared)
            told = result_json(result) if as_json else result.sentence if quiet else result_text(result, text_width())
            code = result.exit_code
        else:
            from textsynth.runner.offline import run_round

            turn = run_round(read, requests_only=requests_only, answers=answers, **shared)
            told = offline_round_json(turn) if as_json else turn.sentence if quiet else offline_round_text(turn)
            code = turn.exit_code
    if wish is not None:
        push_result(folder, code, told, wish, quiet=quiet)
    if requests_only == Path("-"):
        notify(told if isinstance(told, str) else json.dumps(told))
    else:
        emit(told)
    raise SystemExit(code)
