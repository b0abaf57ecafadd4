"""The command that writes a run's texts for other tools: export."""

from __future__ import annotations

from pathlib import Path

import click

from textsynth.cli.common import FILE_OR_URL, JSON, RUN, emit, example, notify
from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize

DATASET = "dataset"
CONFIGS = ("default", "provenance", "dropped")


def complete_format(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the formats that begin with `incomplete`."""
    from textsynth.export.formats import format_names

    return [name for name in (*format_names(), DATASET) if name.startswith(incomplete)]


@click.command(
    epilog=example(
        "textsynth export runs/tickets --as csv --out tickets.csv",
        "textsynth export runs/tickets --as argilla --config dropped",
        "textsynth export runs/tickets --as messages --split train",
        "textsynth export runs/tickets --as dataset --out s3://bucket/tickets --rows-per-file 100000",
    )
)
@RUN
@click.option(
    "--as",
    "name",
    required=True,
    metavar="FORMAT",
    shell_complete=complete_format,
    help="The format, or ./FILE.py with a format of your own.",
)
@click.option(
    "--out",
    metavar="PATH",
    type=FILE_OR_URL,
    help="A folder, a file for csv and jsonl, a URL for dataset.  [default: RUN/export/FORMAT]",
)
@click.option(
    "--config", type=click.Choice(CONFIGS), default="default", show_default=True,
    help="The selected texts, the same with their provenance, or the dropped texts.",
)  # fmt: skip
@click.option("--split", metavar="NAME", help="Only this split.")
@click.option("--rows-per-file", type=click.IntRange(min=1), help="Rows of each file of dataset.  [default: all]")
@click.option("--instruction", metavar="TEXT", help="The instruction to a model, in messages and prompt-completion.")
@click.option("--replace", is_flag=True, help="Overwrite existing files.")
@JSON
def export(
    run: Path,
    name: str,
    out: str | None,
    config: str,
    split: str | None,
    rows_per_file: int | None,
    instruction: str | None,
    *,
    replace: bool,
    as_json: bool,
) -> None:
    """Write the texts of a run as files that other tools read.

    argilla: records with suggestions and scores, and the settings. label-studio: tasks with predictions, and the
    interface. csv: for a spreadsheet, with an empty column for your own label. messages and prompt-completion: JSONL to
    train a model on. dataset: the data set itself with all configs, for load_dataset, in files of --rows-per-file rows;
    --out may then be a URL such as s3://…
    """
    if name == DATASET:
        _export_dataset(run, out, rows_per_file, replace=replace, as_json=as_json)
        return
    if rows_per_file is not None or (out is not None and "://" in out):
        raise UsageError(f"--rows-per-file and a URL in --out are for --as {DATASET}, and {name} is none")
    from textsynth.export.exported_texts import export_info, read_texts
    from textsynth.export.formats import load_format, write_format
    from textsynth.store.manifest import read_manifest

    load_format(name)  # an unknown format is an error before the run is read
    manifest = read_manifest(run)
    info = export_info(run, manifest, instruction)
    texts = read_texts(run, manifest, config, split)
    target = Path(out) if out is not None else run / "export" / Path(name).stem
    _refuse_file_of_run(run, target)
    existing = {path for path in [target, *target.rglob("*")] if path.is_file()}
    paths = write_format(name, texts, info, target, replace=replace)
    replaced = sorted(str(path) for path in paths if path in existing)
    if replaced:
        notify(f"replaced: {', '.join(replaced)}")
    if as_json:
        emit({"format": name, "config": config, "texts": len(texts), "files": [str(path) for path in paths]})
        return
    emit("\n".join(map(str, paths)))
    notify(f"{pluralize(len(texts), 'text')} written as {name}")


def _export_dataset(run: Path, out: str | None, rows_per_file: int | None, *, replace: bool, as_json: bool) -> None:
    from textsynth.export.shards import write_shards
    from textsynth.store.dataset import check_complete
    from textsynth.store.manifest import read_manifest
    from textsynth.store.storage import open_folder

    manifest = read_manifest(run)
    check_complete(run, manifest)
    folder = open_folder(str(run / "export" / DATASET) if out is None else out)
    if folder.is_local:
        _refuse_file_of_run(run, Path(folder.url))
    names = write_shards(run / "dataset", folder, rows_per_file, replace=replace)
    files = [f"{folder.url}/{name}" for name in names]
    texts = manifest["counts"]["selected"]
    if as_json:
        emit({"format": DATASET, "texts": texts, "files": files})
        return
    emit("\n".join(files))
    notify(f"{pluralize(texts, 'text')} written as {DATASET}")


def _refuse_file_of_run(run: Path, target: Path) -> None:
    """Raise UsageError where the export would replace a file of the run, or write among those of its data set."""
    folder, path = run.resolve(), target.resolve()
    is_inside = path.is_relative_to(folder) and not path.is_relative_to(folder / "export")
    if (is_inside and target.exists()) or path.is_relative_to(folder / "dataset"):
        raise UsageError(f"{target}: belongs to the run; name a path outside of {run}, or leave --out out")
