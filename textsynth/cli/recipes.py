"""The commands on a recipe: init, validate, preview, run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from textsynth.cli.common import FILE, JSON, OVERRIDES, RECIPE, complete_recipe, emit, example, notify, text_width
from textsynth.cli.push import prepare_push, push_result
from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.paths import RECIPE_FILE

STDOUT = Path("-")


@click.command(
    epilog=example(
        "textsynth init tickets",
        "textsynth init tickets --labels refund,delivery,other",
        "textsynth init tickets --seeds examples.csv",
        "textsynth init tickets --task pairs --labels duplicate,different",
        "textsynth init tickets --recipe paraphrase",
        "textsynth init tickets --attributes topic,writer",
    )
)
@click.argument("folder", metavar="[DIR]", type=FILE, default=Path())
@click.option(
    "--labels",
    metavar="A,B,C|FILE",
    help="Label names, or a file with one `name` or `name: description` per line.",
)
@click.option("--seeds", type=FILE, help="A file of examples (csv, jsonl, parquet).")
@click.option("--task", metavar="NAME", help="What the texts are for; `textsynth steps task` lists the tasks.")
@click.option(
    "--recipe", metavar="NAME", shell_complete=complete_recipe, help="Copy a bundled recipe and its data instead."
)
@click.option(
    "--attributes", metavar="A,B", help="Have the model of the recipe in DIR list values of these attributes."
)
def init(
    folder: Path,
    labels: str | None,
    seeds: Path | None,
    task: str | None,
    recipe: str | None,
    attributes: str | None,
) -> None:
    """Write a commented recipe from label names, examples, a task, or several of them.

    Without any, the bundled quickstart is copied, which runs as it is. DIR is created if it does not exist; no file
    in it is overwritten. With --attributes the model of the recipe in DIR lists values for each label, which are
    written to attributes.yaml for you to edit.
    """
    from textsynth.recipe.init import init_recipe

    if attributes is not None:
        _list_attribute_values(folder, attributes, [labels, seeds, task, recipe])
        return
    result = init_recipe(folder, labels=labels, seeds=seeds, recipe=recipe, task=task)
    emit("\n".join(map(str, result.files)))
    notify(result.sentence)


def _list_attribute_values(folder: Path, attributes: str, others: Sequence[object]) -> None:
    from textsynth.recipe import read_recipe
    from textsynth.runner.attribute_pools import write_attribute_pools

    if any(option is not None for option in others):
        raise UsageError("--attributes needs a recipe in DIR: write it first, and then list the values")
    names = [name.strip() for name in attributes.split(",")]
    pools = write_attribute_pools(read_recipe(folder / RECIPE_FILE), names, notify)
    emit(str(pools.file))
    notify(pools.sentence)


@click.command(epilog=example("textsynth validate recipe.yaml", "textsynth validate recipe.yaml --set want.label=20"))
@RECIPE
@OVERRIDES
@JSON
def validate(recipe: Path, overrides: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Show every issue of a recipe, or what a run will request.

    No model is loaded and nothing is written.
    """
    from textsynth.recipe import read_recipe

    try:
        checked = read_recipe(recipe, overrides)
    except RecipeError as error:
        if not as_json:
            raise
        issues = [{"where": issue.where, "sentence": issue.sentence} for issue in error.issues]
        emit({"ok": False, "mistakes": issues})
        raise SystemExit(error.exit_code) from None
    from textsynth.console.results import plan_json, plan_text
    from textsynth.runner.estimate import estimate

    plan = estimate(checked)
    emit({"ok": True, "mistakes": [], **plan_json(plan)} if as_json else plan_text(plan))


@click.command(epilog=example("textsynth preview recipe.yaml", "textsynth preview recipe.yaml -n 1 --json"))
@RECIPE
@click.option("-n", "count", type=click.IntRange(min=1), default=3, show_default=True, help="How many requests.")
@OVERRIDES
@JSON
def preview(recipe: Path, count: int, overrides: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Show a few prompts, their answers and all verdicts.

    Requests are sent to the model; nothing is stored.
    """
    from textsynth.console.results import samples_json, samples_text
    from textsynth.recipe import read_recipe
    from textsynth.runner.preview import preview as preview_recipe

    samples = preview_recipe(read_recipe(recipe, overrides), count, notify)
    emit(samples_json(samples) if as_json else samples_text(samples))


@click.command(
    epilog=example(
        "textsynth run recipe.yaml",
        "textsynth run recipe.yaml --limit 20 --set seed=8",
        "textsynth run recipe.yaml --out runs/second --json",
        "textsynth run recipe.yaml --requests-only requests.jsonl",
        "textsynth run recipe.yaml --answers answers.jsonl --requests-only requests.jsonl",
        "textsynth run recipe.yaml --on ray --workers 4",
        "textsynth run recipe.yaml --push",
    )
)
@RECIPE
@click.option("--out", type=FILE, help="The run's folder.  [default: runs/NAME]")
@OVERRIDES
@click.option("--limit", type=click.IntRange(min=1), help="The maximum number of selected texts.")
@click.option("--fresh", is_flag=True, help="Move the journal aside and request every answer again.")
@click.option(
    "--requests-only",
    type=FILE,
    help="Send no request to a server: write the missing ones to FILE (- is stdout), as lines of a batch.",
)
@click.option("--answers", type=FILE, help="Read the answers of a batch from FILE; send no request to a server.")
@click.option(
    "--on",
    metavar="CLUSTER",
    help="Let models and embedder compute on a Ray cluster: ray (this machine), HOST:PORT or ray://HOST:PORT.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="With --on: workers of each model but vllm, whose number is its replicas.  [default: one per node or CPU]",
)
@click.option(
    "--index-shards",
    type=click.IntRange(min=1),
    help="With --on: divide the indexes of near_duplicate and semantic_duplicate into shards on the cluster.",
)
@click.option("--push", is_flag=True, help="Publish the data set to the recipe's export.hub when the quota is met.")
@click.option("--quiet", is_flag=True, help="Print only errors and one last line.")
@JSON
def run(
    recipe: Path,
    out: Path | None,
    overrides: tuple[str, ...],
    limit: int | None,
    fresh: bool,  # noqa: FBT001
    requests_only: Path | None,
    answers: Path | None,
    on: str | None,
    workers: int | None,
    index_shards: int | None,
    push: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run a recipe; the same command again continues the run.

    A run without a server works in rounds: --requests-only writes the missing requests, for `vllm run-batch` or the
    batch interface of a service, and --answers reads their answers.
    """
    from textsynth.console.progress import open_display
    from textsynth.console.results import offline_round_json, offline_round_text, result_json, result_text
    from textsynth.recipe import read_recipe
    from textsynth.runner import run as run_recipe

    if push and (requests_only is not None or answers is not None):
        raise click.UsageError("--push publishes a complete run; give it with a plain `textsynth run` after the rounds")
    if on is not None and (requests_only is not None or answers is not None):
        raise click.UsageError(
            "--on lets models answer on a cluster; a round with --requests-only or --answers asks none"
        )
    if workers is not None and on is None:
        raise click.UsageError("--workers are those of a cluster; name it with --on, such as --on ray")
    if index_shards is not None and on is None:
        raise click.UsageError("--index-shards are those of a cluster; name it with --on, such as --on ray")
    checked = read_recipe(recipe, overrides)
    push_options = prepare_push(checked) if push else None
    folder = out if out is not None else Path("runs") / checked.name
    result: str | dict[str, Any]
    with open_display(checked.name, quiet=quiet, as_json=as_json) as display:
        options: dict[str, Any] = {
            "out": folder, "limit": limit, "fresh": fresh, "watch": display.update, "log": display.log,
        }  # fmt: skip
        if requests_only is None and answers is None:
            summary = run_recipe(checked, on=on, workers=workers, index_shards=index_shards, **options)
            result = (
                result_json(summary) if as_json else summary.sentence if quiet else result_text(summary, text_width())
            )
            exit_code = summary.exit_code
        else:
            from textsynth.runner.offline import run_round

            turn = run_round(checked, requests_only=requests_only, answers=answers, **options)
            result = offline_round_json(turn) if as_json else turn.sentence if quiet else offline_round_text(turn)
            exit_code = turn.exit_code
    if push_options is not None:
        push_result(folder, exit_code, result, push_options, quiet=quiet)
    if requests_only == STDOUT:
        notify(result if isinstance(result, str) else json.dumps(result))
    else:
        emit(result)
    raise SystemExit(exit_code)


@click.command(
    epilog=example(
        "textsynth label messages.csv --recipe recipe.yaml",
        "textsynth label messages.parquet --recipe recipe.yaml --text body --json",
    )
)
@click.argument("file", type=FILE)
@click.option("--recipe", required=True, type=FILE, shell_complete=complete_recipe, help="The recipe with labellers.")
@click.option("--out", type=FILE, help="The folder of the run.  [default: runs/NAME-labels]")
@click.option("--text", metavar="COLUMN", help="The column with the text, or A,B for two texts; default: the task's.")
@OVERRIDES
@click.option("--fresh", is_flag=True, help="Move the journal aside and request every answer again.")
@click.option("--quiet", is_flag=True, help="Print only errors and one last line.")
@JSON
def label(
    file: Path,
    recipe: Path,
    out: Path | None,
    text: str | None,
    overrides: tuple[str, ...],
    *,
    fresh: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Label the texts of a file with the labellers of a recipe.

    Nothing is generated, filtered or selected. The folder gets a data set and a file with each text, its label,
    confidence and status; the same command again continues. Exit code 3: the budget did not suffice for all texts.
    """
    from textsynth.console.progress import open_display
    from textsynth.console.results import labelling_json, labelling_text
    from textsynth.recipe import read_recipe
    from textsynth.runner.label_file import label_texts, labelling_name

    checked = read_recipe(recipe, overrides)
    name = labelling_name(checked)
    folder = out if out is not None else Path("runs") / name
    with open_display(name, quiet=quiet, as_json=as_json) as display:
        result = label_texts(checked, file, out=folder, text=text, fresh=fresh, watch=display.update, log=display.log)
    emit(labelling_json(result) if as_json else result.sentence if quiet else labelling_text(result))
    raise SystemExit(result.exit_code)
