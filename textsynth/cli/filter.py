"""The command on existing texts that are too many for a run: filter."""

from __future__ import annotations

from pathlib import Path

import click

from textsynth.cli.common import FILE_OR_URL, JSON, OVERRIDES, RECIPE, emit, example, notify


@click.command(
    name="filter",
    epilog=example(
        "textsynth filter recipe.yaml --out clean",
        "textsynth filter recipe.yaml --out s3://bucket/clean --work /scratch/clean --shards 512 --on ray",
    ),
)
@RECIPE
@click.option(
    "--out", metavar="FOLDER", type=FILE_OR_URL, help="A folder, or a URL such as s3://…  [default: runs/NAME-filtered]"
)
@click.option(
    "--work",
    metavar="FOLDER",
    type=FILE_OR_URL,
    help="Where intermediate tables are written.  [default: work in --out]",
)
@click.option(
    "--shards", type=click.IntRange(min=1), help="Files to write.  [default: one for each 32 MB that are read]"
)
@click.option(
    "--on",
    metavar="CLUSTER",
    help="Run the tasks on a Ray cluster: ray (this machine), HOST:PORT or ray://HOST:PORT.",
)
@OVERRIDES
@click.option("--quiet", is_flag=True, help="Print only errors and one last line.")
@JSON
def filter_command(
    recipe: Path,
    out: str | None,
    work: str | None,
    shards: int | None,
    on: str | None,
    overrides: tuple[str, ...],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Filter existing texts that are too many for a run, from shards to shards.

    The recipe takes the rows of files with existing and has filters, and no quota, labellers or evaluation. The same
    texts are selected as in a run. The same command again continues where it stopped.
    """
    from textsynth.console.results import filtering_json, filtering_text
    from textsynth.recipe import read_recipe
    from textsynth.sharded import filter_shards

    checked = read_recipe(recipe, overrides)
    result = filter_shards(
        checked,
        out=str(Path("runs") / f"{checked.name}-filtered") if out is None else out,
        work=work,
        shards=shards,
        on=on,
        log=(lambda _: None) if quiet else notify,
    )
    emit(filtering_json(result) if as_json else result.sentence if quiet else filtering_text(result))
