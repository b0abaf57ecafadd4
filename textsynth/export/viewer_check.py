"""The rules by which the Hub's viewer shows a data set, checked on a folder before it is published.

Every config has a unique name, and at most one is the default; each of its files exists, none is empty, and all have
the same columns and features.

Does not catch: what a release of the viewer demands beyond that, or a repository that is gated or too large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textsynth.export.card.metadata import read_card

NAME = "README.md"


def viewer_problems(folder: Path) -> list[str]:
    """Return a sentence for each rule that the data set in `folder` breaks, [] where the viewer can show it."""
    card = folder / NAME
    metadata = read_card(card.read_text(encoding="utf-8")).metadata if card.is_file() else {}
    if not metadata:
        return [f"{NAME} has no metadata between two lines of ---"]
    configs = metadata.get("configs") or []
    names = [config["config_name"] for config in configs]
    problems = [f"the config {name} exists twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    defaults = [config["config_name"] for config in configs if config.get("default")]
    if len(defaults) > 1:
        problems.append(f"{', '.join(defaults)} are all the default config")
    return [*problems, *(problem for config in configs for problem in _config_problems(folder, config))]


def _config_problems(folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    import pyarrow.parquet as pq

    first_schema = None
    for entry in config["data_files"]:
        path = folder / entry["path"]
        where = f"config {config['config_name']}, split {entry['split']}"
        if not path.is_file():
            yield f"{where}: there is no file {entry['path']}"
            continue
        file = pq.ParquetFile(path)
        if file.metadata.num_rows == 0:
            yield f"{where}: {entry['path']} has no rows"
        schema = file.schema_arrow
        if first_schema is not None and not schema.equals(first_schema, check_metadata=True):
            yield f"{where}: {entry['path']} has other columns or features than the splits before it"
        first_schema = first_schema or schema
