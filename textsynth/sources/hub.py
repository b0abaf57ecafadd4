"""Rows of a data set on the Hugging Face Hub, or of a folder that `load_dataset` reads.

If the path is a folder next to the recipe, that folder is read. Integer labels become their names if the data set has
them. A branch or tag is resolved to its commit when the run starts, and the manifest records the commit; with
HF_HUB_OFFLINE it is the copy that was downloaded last.

Does not catch: rows whose text does not match their label. Without a revision, the same recipe reads other rows once
the data set on the Hub has changed.
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
from textsynth.sources.columns import SourceTable, TableSource, one_based
from textsynth.sources.files import content_hash
from textsynth.sources.hub_errors import http_error
from textsynth.sources.revisions import commit_of, is_offline

SHA = re.compile(r"[0-9a-f]{40}")
STREAM_BATCH_ROWS = 1000


class Hub(TableSource):
    """Reads one split of a data set; `text`, `label` and `fields` name the columns."""

    path: str = Field(min_length=1, description="the data set on the Hub (`owner/name`), or a folder")
    config: str | None = Field(default=None, description="the config, if the data set has several")
    split: str = Field(default="train", min_length=1, description="the split to read")
    revision: str | None = Field(default=None, description="branch, tag or commit; default: the newest commit")
    streaming: bool = Field(
        default=False, description="read rows without storing the files on disk; for the first rows (`limit`)"
    )

    _pinned: bool = PrivateAttr(default=False)
    _license: str | None = PrivateAttr(default=None)

    @property
    def origin(self) -> SourceOrigin:
        """The data set, its config, split and commit."""
        return SourceOrigin(self.path, self.path, self.config, self.split, self.revision)

    @property
    def publisher_license(self) -> str | None:
        """The license that the data set's card names, known once the revision is pinned."""
        return self._license

    def pin_revision(self, base: Path, *, name: str) -> Hub:
        """Return the source with its revision resolved to a commit. Raises SourceError as `read` does."""
        if self._pinned or (base / self.path).is_dir():
            return self
        pinned = self.model_copy()
        with self._load_errors(name):
            if is_offline():
                builder = self._builder(self.path, self.revision)
                sha, pinned._license = builder.hash or "", builder.info.license or None
            else:
                sha, pinned._license = commit_of(self.path, self.revision)
            if SHA.fullmatch(self.revision or "") and sha != self.revision:
                raise SourceError(f"HF_HUB_OFFLINE is set, and only the commit {sha!r} of it was downloaded")
        if SHA.fullmatch(sha):
            pinned = pinned.model_copy(update={"revision": sha})
        pinned._pinned = True
        return pinned

    def content_hash(self, base: Path) -> str | None:
        """Return the commit of a pinned source, for a folder the hash of its files; None where no commit is known."""
        if (base / self.path).is_dir():
            return content_hash(base / self.path)
        return self.revision if self._pinned and SHA.fullmatch(self.revision or "") else None

    def rows(self, base: Path, *, name: str, seed: int) -> Sequence[Record]:
        """Return the rows as records, in order. Raises SourceError, also if the Hub cannot be reached."""
        folder = base / self.path
        source = self.pin_revision(base, name=name)
        with self._load_errors(name):
            table = _folder_table(source, folder) if folder.is_dir() else source._table()
        return self.table_rows(table, name=name, seed=seed)

    def _table(self) -> SourceTable:
        builder = self._builder(self.path, self.revision)
        self._check_split(builder)
        if self.streaming:
            return self._streamed_table(builder)
        builder.download_and_prepare()
        dataset = builder.as_dataset(self.split)
        if self.limit is not None:
            dataset = dataset.select(range(min(self.limit, len(dataset))))

        def read_column(name: str) -> Sequence[object]:
            cells: Sequence[object] = dataset[name][:]
            return cells

        label_names = _label_names(dataset.features)
        return SourceTable(self._where, dataset.column_names, read_column, one_based, "row", label_names)

    def _streamed_table(self, builder: Any) -> SourceTable:  # noqa: ANN401
        stream = builder.as_streaming_dataset(self.split)
        columns: dict[str, list[object]] = {}
        for batch in islice(stream.iter(STREAM_BATCH_ROWS), _batch_count(self.limit)):
            for name, cells in batch.items():
                columns.setdefault(name, []).extend(cells)
        columns = {name: cells[: self.limit] for name, cells in columns.items()}
        label_names = _label_names(stream.features or {})
        return SourceTable(self._where, list(columns), columns.__getitem__, one_based, "row", label_names)

    def _builder(self, path: str, revision: str | None) -> Any:  # noqa: ANN401
        import datasets

        try:
            return datasets.load_dataset_builder(path, self.config, revision=revision)
        except ValueError as error:
            if "Config" not in str(error):
                raise
            names = datasets.get_dataset_config_names(path, revision=revision)
            if self.config is None:
                raise SourceError(f"it has several configs; set one of them: config: {' | '.join(names)}") from error
            raise SourceError(f"it has no config {self.config!r}{did_you_mean(self.config, names)}") from error

    def _check_split(self, builder: Any) -> None:  # noqa: ANN401
        splits = [str(split) for split in builder.config.data_files or ()]
        # `datasets` itself parses `train[:100]` and `train+test`.
        if splits and re.fullmatch(r"\w[\w.]*", self.split) and self.split not in splits:
            raise SourceError(f"it has no split {self.split!r}{did_you_mean(self.split, splits)}")

    @property
    def _where(self) -> str:
        return f"{self.path}, split {self.split}"

    @contextmanager
    def _load_errors(self, name: str) -> Iterator[None]:
        """Raise every loading error as one sentence that also says how to read a file instead."""
        import datasets

        try:
            yield
        except (SourceError, OSError, ValueError, http_error(), datasets.exceptions.DatasetsError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise SourceError(
                f"sources.{name}: cannot load the data set {self.path!r}, split {self.split!r}: "
                f"{lines[0].rstrip('.')}; to read a file instead: --set 'sources.{name}=FILE.csv'"
            ) from error


def _folder_table(source: Hub, folder: Path) -> SourceTable:
    """Read a folder as a stream: the cache of `datasets` depends on the card alone, so it could return old rows."""
    builder = source._builder(str(folder), None)
    source._check_split(builder)
    return source._streamed_table(builder)


def _batch_count(limit: int | None) -> int | None:
    return None if limit is None else -(-limit // STREAM_BATCH_ROWS)


def _label_names(features: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return the names of integer labels, by column."""
    inner = {name: getattr(feature, "feature", feature) for name, feature in features.items()}
    return {name: list(feature.names) for name, feature in inner.items() if type(feature).__name__ == "ClassLabel"}
