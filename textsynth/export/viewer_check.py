"""The rules by which the Hub's viewer shows a data set, checked on a folder before anyone else does.

Every config has a name of its own, exactly one is the default where there are several; each of its files exists, none
is empty, and all have the same columns and features.

Does not catch: what a release of the viewer asks for beyond that, or a repository that is gated or too large.
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
    told = read_card(card.read_text(encoding="utf-8")).metadata if card.is_file() else {}
    if not told:
        return [f"{NAME} has no metadata between two lines of ---"]
    configs = told.get("configs") or []
    names = [one["config_name"] for one in configs]
    faults = [f"the config {name} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    defaults = [one["config_name"] for one in configs if one.get("default")]
    if len(defaults) > 1:
        faults.append(f"{', '.join(defaults)} are all called the default config")
    return [*faults, *(fault for one in configs for fault in _config_faults(folder, one))]


def _config_faults(folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    import pyarrow.parquet as pq

    seen = None
    for one in config["data_files"]:
        path = folder / one["path"]
        where = f"config {config['config_name']}, split {one['split']}"
        if not path.is_file():
            yield f"{where}: there is no file {one['path']}"
            continue
        file = pq.ParquetFile(path)
        if file.metadata.num_rows == 0:
            yield f"{where}: {one['path']} has no rows"
        schema = file.schema_arrow
        if seen is not None and not schema.equals(seen, check_metadata=True):
            yield f"{where}: {one['path']} has other columns or features than the splits before it"
        seen = schema if seen is None else seen
