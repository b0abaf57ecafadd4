"""Rows of a data set on the Hugging Face Hub, or of a folder that `load_dataset` reads.

A path that is a folder beside the recipe is that folder. Label integers become their names where the data set gives
them.

Does not catch: a data set that changes on the Hub (name a `revision`), or rows whose text says something else than
their label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from textsynth.errors import SourceError
from textsynth.records import Record
from textsynth.sources.columns import Table, TableSource

if TYPE_CHECKING:
    import datasets


class Hub(TableSource):
    """Reads one split of a data set; columns are mapped by `text`, `label` and `fields`."""

    path: str = Field(min_length=1, description="the data set on the Hub (`owner/name`), or a folder")
    config: str | None = Field(default=None, description="the config, where the data set has several")
    split: str = Field(default="train", min_length=1, description="the split to read")
    revision: str | None = Field(default=None, description="branch, tag or commit; left out: the newest")

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in the data set's order. Raises SourceError, also when the Hub is not reached."""
        loaded = self._load(base, name)
        if self.limit is not None:
            loaded = loaded.select(range(min(self.limit, len(loaded))))
        where = f"{self.path}, split {self.split}"

        def column(wanted: str) -> Sequence[object]:
            cells: Sequence[object] = loaded[wanted][:]
            return cells

        table = Table(where, loaded.column_names, column, lambda row: row + 1, "row", _codes(loaded.features))
        return self.records(table, name=name, seed=seed)

    def _load(self, base: Path, name: str) -> datasets.Dataset:
        import datasets

        folder = base / self.path
        path = str(folder) if folder.is_dir() else self.path
        try:
            return datasets.load_dataset(path, self.config, split=self.split, revision=self.revision)
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as fault:
            told = str(fault).strip().splitlines() or [type(fault).__name__]
            raise SourceError(
                f"sources.{name}: cannot load the data set {self.path!r}, split {self.split!r}: {told[0].rstrip('.')}; "
                f"a file can take its place: --set 'sources.{name}=FILE.csv'"
            ) from fault


def _codes(features: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return the names that label integers stand for, by column."""
    inner = {name: getattr(feature, "feature", feature) for name, feature in features.items()}
    return {name: list(one.names) for name, one in inner.items() if type(one).__name__ == "ClassLabel"}
