"""Rows of a data set on the Hugging Face Hub, or of a folder that `load_dataset` reads.

A path that is a folder beside the recipe is that folder. Label integers become their names where the data set gives
them. A branch or tag is the commit that it names when the run begins, which the manifest keeps; with HF_HUB_OFFLINE it
is what was downloaded last.

Does not catch: rows whose text says something else than their label; and a revision left out means that the same recipe
reads other rows once the data set has changed on the Hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from textsynth.core.errors import SourceError, did_you_mean
from textsynth.core.protocols import SourceOrigin
from textsynth.core.records import Record
from textsynth.sources.columns import SourceTable, TableSource, from_one
from textsynth.sources.revisions import commit_of, is_offline, network_fault

SHA = re.compile(r"[0-9a-f]{40}")
ROWS_AT_ONCE = 1000


class Hub(TableSource):
    """Reads one split of a data set; columns are mapped by `text`, `label` and `fields`."""

    path: str = Field(min_length=1, description="the data set on the Hub (`owner/name`), or a folder")
    config: str | None = Field(default=None, description="the config, where the data set has several")
    split: str = Field(default="train", min_length=1, description="the split to read")
    revision: str | None = Field(default=None, description="branch, tag or commit; left out: the newest")
    streaming: bool = Field(
        default=False, description="read rows as they come and keep nothing on disk: for the first rows (`limit`)"
    )

    _pinned: bool = PrivateAttr(default=False)
    _license: str | None = PrivateAttr(default=None)

    @property
    def origin(self) -> SourceOrigin:
        """The data set, its config, split and commit."""
        return SourceOrigin(self.path, self.path, self.config, self.split, self.revision)

    @property
    def publisher_license(self) -> str | None:
        """The licence that the data set's card names, once it is pinned."""
        return self._license

    def pin_revision(self, base: Path, *, name: str) -> Hub:
        """Return the source at the commit that its revision names now. Raises SourceError as `read` does."""
        if self._pinned or (base / self.path).is_dir():
            return self
        found = self.model_copy()
        with self._told(name):
            if is_offline():
                builder = self._builder(self.path, self.revision)
                sha, found._license = builder.hash or "", builder.info.license or None
            else:
                sha, found._license = commit_of(self.path, self.revision)
            if SHA.fullmatch(self.revision or "") and sha != self.revision:
                raise SourceError(f"HF_HUB_OFFLINE is set, and of this data set only commit {sha!r} was downloaded")
        if SHA.fullmatch(sha):
            found = found.model_copy(update={"revision": sha})
        found._pinned = True
        return found

    def read(self, base: Path, *, name: str, seed: int) -> list[Record]:
        """Return the rows as records, in the data set's order. Raises SourceError, also when the Hub is not reached."""
        here = base / self.path
        source = self.pin_revision(base, name=name)
        with self._told(name):
            table = _folder(source, here) if here.is_dir() else source._table()
        return self.records(table, name=name, seed=seed)

    def _table(self) -> SourceTable:
        builder = self._builder(self.path, self.revision)
        self._check_split(builder)
        if self.streaming:
            return self._streamed(builder)
        builder.download_and_prepare()
        loaded = builder.as_dataset(self.split)
        if self.limit is not None:
            loaded = loaded.select(range(min(self.limit, len(loaded))))

        def column(wanted: str) -> Sequence[object]:
            cells: Sequence[object] = loaded[wanted][:]
            return cells

        return SourceTable(self._where, loaded.column_names, column, from_one, "row", _codes(loaded.features))

    def _streamed(self, builder: Any) -> SourceTable:  # noqa: ANN401
        stream = builder.as_streaming_dataset(self.split)
        columns: dict[str, list[object]] = {}
        for batch in islice(stream.iter(ROWS_AT_ONCE), _batches(self.limit)):
            for column, cells in batch.items():
                columns.setdefault(column, []).extend(cells)
        columns = {column: cells[: self.limit] for column, cells in columns.items()}
        return SourceTable(
            self._where, list(columns), columns.__getitem__, from_one, "row", _codes(stream.features or {})
        )

    def _builder(self, path: str, revision: str | None) -> Any:  # noqa: ANN401
        import datasets

        try:
            return datasets.load_dataset_builder(path, self.config, revision=revision)
        except ValueError as fault:
            if "Config" not in str(fault):
                raise
            names = datasets.get_dataset_config_names(path, revision=revision)
            if self.config is None:
                raise SourceError(f"it has several configs; name one: config: {' | '.join(names)}") from fault
            raise SourceError(f"it has no config {self.config!r}{did_you_mean(self.config, names)}") from fault

    def _check_split(self, builder: Any) -> None:  # noqa: ANN401
        splits = [str(one) for one in builder.config.data_files or ()]
        # `train[:100]` and `train+test` are for `datasets` to read
        if splits and re.fullmatch(r"\w[\w.]*", self.split) and self.split not in splits:
            raise SourceError(f"it has no split {self.split!r}{did_you_mean(self.split, splits)}")

    @property
    def _where(self) -> str:
        return f"{self.path}, split {self.split}"

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Turn every fault of loading into one sentence that shows how a file takes the data set's place."""
        import datasets

        try:
            yield
        except (SourceError, OSError, ValueError, network_fault(), datasets.exceptions.DatasetsError) as fault:
            told = str(fault).strip().splitlines() or [type(fault).__name__]
            raise SourceError(
                f"sources.{name}: cannot load the data set {self.path!r}, split {self.split!r}: {told[0].rstrip('.')}; "
                f"a file can take its place: --set 'sources.{name}=FILE.csv'"
            ) from fault


def _folder(source: Hub, folder: Path) -> SourceTable:
    """Read a folder as a stream: the cache of `datasets` goes by the card's words, and served the rows of before."""
    builder = source._builder(str(folder), None)
    source._check_split(builder)
    return source._streamed(builder)


def _batches(limit: int | None) -> int | None:
    return None if limit is None else -(-limit // ROWS_AT_ONCE)


def _codes(features: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return the names that label integers stand for, by column."""
    inner = {name: getattr(feature, "feature", feature) for name, feature in features.items()}
    return {name: list(one.names) for name, one in inner.items() if type(one).__name__ == "ClassLabel"}
