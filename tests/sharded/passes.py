"""A recipe of existing texts, run and filtered in shards, and the rows of both data sets."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import run
from textsynth.sharded import ShardedPass, filter_shards

RECIPE = """\
name: sets
task: {task}
{labels}sources: {{raw: {source}}}
generate: [existing]
filter: {filters}
select: []
export: {{splits: {splits}}}
"""
FILTERS = "[{length: {min_words: 2, max_words: 60}}, exact_duplicate, near_duplicate]"
CONFIGS = ("data", "provenance", "dropped")


def write_set(
    folder: Path,
    files: Sequence[Sequence[Mapping[str, Any]]],
    *,
    filters: str = FILTERS,
    labels: str = "",
    splits: str = "{train: 1.0}",
    source: str = "raw",
    task: str = "classification",
) -> Recipe:
    """Write rows as files of several types, and a recipe that takes them; return the recipe."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    for number, rows in enumerate(files):
        path = raw / f"part-{number}"
        if number % 3 == 0:
            path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif number % 3 == 1:
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path.with_suffix(".parquet"))
        else:
            with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    recipe = folder / "recipe.yaml"
    options = {"filters": filters, "labels": labels, "splits": splits, "source": source, "task": task}
    recipe.write_text(RECIPE.format(**options), encoding="utf-8")
    return read_recipe(recipe)


def run_rows(recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each config after an ordinary run, sorted by id."""
    out = recipe.base / "run"
    run(recipe, out=out)
    return read_rows(out / "dataset")


def shard_rows(
    recipe: Recipe, *, shards: int = 3, on: str | None = None
) -> tuple[ShardedPass, dict[str, list[dict[str, Any]]]]:
    """Return the result of a pass over shards, and the rows of each config, sorted by id."""
    out = recipe.base / "shards"
    result = filter_shards(recipe, out=str(out), shards=shards, on=on)
    return result, read_rows(out)


def read_rows(dataset: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each config of a data set, sorted by id; those of `data` with the split of their file."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for config in CONFIGS:
        files = sorted((dataset / config).glob("*.parquet"))
        split_of = {file: {"split": file.name.split("-")[0]} if config == "data" else {} for file in files}
        of_config = [row | split_of[file] for file in files for row in pq.ParquetFile(file).read().to_pylist()]
        rows[config] = sorted(of_config, key=lambda row: str(row["id"]))
    return rows
