"""Reads the rows of a run's data set, one config at a time, a few thousand at once: never all of them in memory."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.core.errors import UsageError
from textsynth.core.registry import load_component
from textsynth.core.task import PARENT_TEXT_FIELDS, Task
from textsynth.store.arrow_columns import arrow_column
from textsynth.store.dataset_hash import DATASET, dataset_hash
from textsynth.store.manifest import FILE, Manifest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


BATCH_ROWS = 5000


class DatasetReader:
    """The rows of all parquet files of a folder, in the order of the files' names; a missing folder has no rows.

    `columns` are the names of the columns; `names` are those of the labels by their integer codes. Labels are returned
    as names. Rows are counted, and those at few positions read, without reading all. Raises UsageError for a damaged
    file.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {path: _open_parquet(path) for path in sorted(folder.glob("*.parquet"))}
        schemas = [file.schema_arrow for file in self._files.values()]
        self.columns: list[str] = schemas[0].names if schemas else []
        self.names: list[str] = _read_label_names(next(iter(self._files)), schemas[0].metadata or {}) if schemas else []

    def __len__(self) -> int:
        return sum(file.metadata.num_rows for file in self._files.values())

    @cached_property
    def splits(self) -> list[str]:
        """The split of each row, by the name of its file."""
        return [name for name, size in self.split_sizes.items() for _ in range(size)]

    @property
    def split_sizes(self) -> dict[str, int]:
        """The number of rows of each split, in the order of the files."""
        sizes: dict[str, int] = {}
        for path, file in self._files.items():
            sizes[_split_of(path)] = sizes.get(_split_of(path), 0) + file.metadata.num_rows
        return sizes

    def batches(self, columns: Sequence[str], split: str | None = None) -> Iterator[dict[str, list[Any]]]:
        """Yield columns by name, a few thousand rows at once: those of one split, or all rows.

        A column that the data set does not have is left out.
        """
        for batch in self._batches([name for name in self.columns if name in columns], split):
            values = batch.to_pydict()
            if "label" in values and self.names:
                values["label"] = [self._label_name(label) for label in values["label"]]
            yield values

    def rows_of_split(self, columns: Sequence[str], split: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows whose column `split` has this value, in batches of any length."""
        import pyarrow as pa
        import pyarrow.compute as pc

        (name,) = arrow_column([split], pa.string())
        for batch in self._batches([*columns, "split"]):
            yield batch.filter(pc.equal(batch.column("split"), name))

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, [] where there is no such column."""
        return list(self.values(name))

    def values(self, name: str) -> Iterator[Any]:
        """Yield the values of a column, none where there is no such column; one batch is in memory at a time."""
        for batch in self._batches([name]) if name in self.columns else ():
            values = batch.column(0).to_pylist()
            yield from map(self._label_name, values) if name == "label" and self.names else values

    def rows_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `positions`, in that order."""
        import pyarrow as pa

        remaining = sorted(set(positions))
        rows: dict[int, dict[str, Any]] = {}
        for start, batch in self._batches_at(remaining):
            in_batch = remaining[bisect_left(remaining, start) : bisect_left(remaining, start + len(batch))]
            in_order = arrow_column([position - start for position in in_batch], pa.int64())
            taken = batch.take(in_order).to_pylist() if in_batch else []
            rows.update(zip(in_batch, taken, strict=True))
        for row in rows.values() if self.names else ():
            if "label" in row:
                row["label"] = self._label_name(row["label"])
        return [rows[position] for position in positions]

    def positions_of(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the positions of the rows with these ids, in the order of the rows; other ids are left out."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = arrow_column(sorted(set(ids)), pa.string())
        return self._positions(lambda column: pc.is_in(column, value_set=wanted)) if len(wanted) else {}

    def positions_of_prefix(self, prefix: str) -> dict[str, int]:
        """Return the positions of the rows whose ids begin with `prefix`, by id, in the order of the rows."""
        import pyarrow.compute as pc

        return self._positions(lambda column: pc.starts_with(column, prefix))

    def _positions(self, condition: Callable[[pa.Array], pa.Array]) -> dict[str, int]:
        """Return the positions of the rows whose id meets the condition, by id."""
        import pyarrow.compute as pc

        positions: dict[str, int] = {}
        start = 0
        for batch in self._batches(["id"]) if "id" in self.columns else ():
            column = batch.column(0)
            indices = pc.indices_nonzero(condition(column))
            positions.update(
                zip(column.take(indices).to_pylist(), (start + i for i in indices.to_pylist()), strict=True)
            )
            start += len(batch)
        return positions

    def _batches_at(self, positions: Sequence[int]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield the batches of the row groups that hold the sorted positions, each with the position of its start."""
        import pyarrow as pa

        start = 0
        for path, file in self._files.items():
            for group in range(file.num_row_groups):
                end = start + file.metadata.row_group(group).num_rows
                if bisect_left(positions, start) < bisect_left(positions, end):
                    try:
                        for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
                            yield start, batch
                            start += len(batch)
                    except (pa.ArrowException, OSError) as error:
                        raise _damaged(path, error) from error
                start = end

    def _batches(self, columns: list[str] | None = None, split: str | None = None) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for path, file in self._files.items():
            if split is not None and _split_of(path) != split:
                continue
            try:
                yield from file.iter_batches(BATCH_ROWS, columns=columns)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from error

    def _label_name(self, code: int | list[int] | None) -> str | list[str] | None:
        try:
            if isinstance(code, list):
                return [self.names[label] for label in code]
            return None if code is None else self.names[code]
        except IndexError as error:
            raise _damaged(next(iter(self._files)), ValueError(f"no label has the number {code}")) from error


def check_complete(run: Path, manifest: Manifest) -> None:
    """Raise UsageError where a data set is not the one that the manifest of its run names.

    Rows may be missing, as after a file was deleted; or a run was stopped between writing the two.
    """
    counts = manifest["counts"]
    not_selected = counts["surplus"] + counts["dropped"] + counts["review"]
    expected_rows = {"data": counts["selected"], "provenance": counts["selected"], "dropped": not_selected}
    for name, expected in expected_rows.items():
        rows = len(DatasetReader(run / "dataset" / name))
        if rows != expected:
            raise UsageError(
                f"{run / 'dataset' / name}: has {rows:,} of the run's {expected:,} rows; run the recipe again, which "
                "takes every answer from the journal"
            )
    named = manifest.get("dataset")
    if named is not None and named["sha256"] != dataset_hash(run):
        raise UsageError(
            f"{run / DATASET}: is not the data set that {run / FILE} describes: a run was stopped while it wrote them, "
            "or is writing them now, or a file was changed; run the recipe again, which takes every answer from the "
            "journal"
        )


def run_task(run: Path, manifest: Manifest) -> Task:
    """Return the task of a finished run. Raises UsageError where it is in a file of the user's own that is missing."""
    recipe_folder = (run / manifest["recipe"]["path"]).parent
    try:
        task = load_component("task", manifest["task"], recipe_folder)(**manifest["task_options"])
    except UsageError as error:
        raise UsageError(f"{run}: the run's task cannot be loaded: {error}") from error
    if not isinstance(task, Task):
        raise UsageError(f"{run}: the run's task {manifest['task']!r} is no task: its class is no ts.Task")
    return task


# ---- one row, of the config `default` or of `dropped`


def label_text(label: object) -> str:
    """Return the label or labels of a row as one text, "" for none."""
    return ", ".join(map(str, label)) if isinstance(label, list) else str(label or "")


def row_text(task: Task, row: Mapping[str, Any]) -> str:
    """Return the record's own text; of an answer that could not be parsed, the raw answer."""
    if _is_dropped(row):
        return str(row["text"] or row["raw_answer"] or "")
    return str(row.get(task.text_column) or "")


def row_context(task: Task, row: Mapping[str, Any]) -> str | None:
    """Return what the record's text rewrites or belongs to, None where it was written from nothing."""
    if _is_dropped(row):
        source_text: str | None = row["source_text"]
        return source_text
    return "\n".join(text for text in task.row_fields(row).values() if text) or None


def row_fields(task: Task, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the record fields that hold what the text rewrites or belongs to; a dropped row has the first of them."""
    if not _is_dropped(row):
        return {name: text for name, text in task.row_fields(row).items() if text}
    first_field = next(iter(task.required_fields), PARENT_TEXT_FIELDS[0])
    return {first_field: row["source_text"]} if row["source_text"] else {}


def _is_dropped(row: Mapping[str, Any]) -> bool:
    return "section" in row


# ---- parquet files


def _open_parquet(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, buffer_size=1 << 16)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _split_of(path: Path) -> str:
    return path.stem.split("-")[0]


def _damaged(path: Path, error: Exception) -> UsageError:
    message = str(error).splitlines()[0]
    return UsageError(f"{path}: the data set is damaged ({message}); move it away and run the recipe again")


def _read_label_names(path: Path, metadata: Mapping[bytes, bytes]) -> list[str]:
    """Return the names of the labels from the features that `datasets` stores in a file's metadata."""
    try:
        label = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {}).get("label", {})
        names = label.get("names") or label.get("feature", {}).get("names") or []
        return [str(name) for name in names]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error
