"""The rows of one config of a run's data set, read a few thousand at a time: never all of them are in memory."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.core.errors import UsageError
from textsynth.core.registry import load_component
from textsynth.core.task import PARENT_TEXT_FIELDS, Task
from textsynth.store.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


# rows that are in memory at once while a file is read
A_BATCH = 5000


class DatasetReader:
    """All parquet files of a folder, in the order of their names; a folder that is not there has no rows.

    `splits` has the name of the file's split for each row. Labels come as names. Raises UsageError for a damaged file.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {path: _opened(path) for path in sorted(folder.glob("*.parquet"))}
        counts = [(path, file.metadata.num_rows) for path, file in self._files.items()]
        self.splits = [path.stem.split("-")[0] for path, count in counts for _ in range(count)]
        schemas = [file.schema_arrow for file in self._files.values()]
        self.columns: list[str] = schemas[0].names if schemas else []
        self.names: list[str] = _label_names(schemas[0].metadata or {}) if schemas else []

    def __len__(self) -> int:
        return len(self.splits)

    def column(self, name: str) -> list[Any]:
        """Return a column's cells, [] where there is no such column."""
        return list(self.values(name))

    def values(self, name: str) -> Iterator[Any]:
        """Return a column's cells one by one, none where there is no such column: a few thousand are held at once."""
        for batch in self._batches([name]) if name in self.columns else ():
            cells = batch.column(0).to_pylist()
            yield from map(self._named, cells) if name == "label" and self.names else cells

    def rows_at(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `places`, in that order."""
        wanted = sorted(set(places))
        found: dict[int, dict[str, Any]] = {}
        start = 0
        for batch in self._batches() if wanted else ():
            here = wanted[bisect_left(wanted, start) : bisect_left(wanted, start + len(batch))]
            rows = batch.take([place - start for place in here]).to_pylist() if here else []
            found.update(zip(here, rows, strict=True))
            start += len(batch)
            if start > wanted[-1]:
                break
        for row in found.values() if self.names else ():
            if "label" in row:
                row["label"] = self._named(row["label"])
        return [found[place] for place in places]

    def _batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for path, file in self._files.items():
            try:
                yield from file.iter_batches(A_BATCH, columns=columns)
            except (pa.ArrowException, OSError) as fault:
                raise _damaged(path, fault) from fault

    def _named(self, cell: int | list[int] | None) -> str | list[str] | None:
        if isinstance(cell, list):
            return [self.names[code] for code in cell]
        return None if cell is None else self.names[cell]


def check_complete(run: Path, manifest: Manifest) -> None:
    """Raise UsageError where rows of a finished run's data set are missing, as after a file was deleted."""
    counts = manifest["counts"]
    ends = counts["surplus"] + counts["dropped"] + counts["review"]
    for name, wanted in (("data", counts["selected"]), ("provenance", counts["selected"]), ("dropped", ends)):
        found = len(DatasetReader(run / "dataset" / name))
        if found != wanted:
            raise UsageError(
                f"{run / 'dataset' / name}: has {found:,} of the run's {wanted:,} rows; run the recipe again, which "
                "asks for no answer twice"
            )


def label_text(label: object) -> str:
    """Return the label or labels of a row as one text, "" for none."""
    return ", ".join(map(str, label)) if isinstance(label, list) else str(label or "")


def row_text(task: Task, row: Mapping[str, Any]) -> str:
    """Return a row's own text: that of the task's column, or of a dropped row; "" gives way to its raw answer."""
    return str(row.get("raw_answer") or "") if _is_unparsed(row) else str(row.get(_text_column(task, row)) or "")


def row_context(task: Task, row: Mapping[str, Any]) -> str | None:
    """Return what the row's text rewrites or belongs to, None where it stands alone."""
    if "section" in row:
        source_text: str | None = row["source_text"]
        return source_text
    return "\n".join(text for text in task.row_fields(row).values() if text) or None


def row_fields(task: Task, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the record fields that hold what the row's text rewrites or belongs to."""
    if "section" not in row:
        return {name: text for name, text in task.row_fields(row).items() if text}
    first = next(iter(task.required_fields), PARENT_TEXT_FIELDS[0])
    return {first: row["source_text"]} if row["source_text"] else {}


def _text_column(task: Task, row: Mapping[str, Any]) -> str:
    return "text" if "section" in row else task.text_column


def _is_unparsed(row: Mapping[str, Any]) -> bool:
    return "section" in row and not row["text"]


def text_of(row: Mapping[str, Any]) -> str:
    """Return the text of a row that a run wrote or judged, whatever its task calls it; else the raw answer."""
    return str(row.get("paraphrase") or row.get("summary") or row.get("text") or row.get("raw_answer") or "")


def confidence_of(own: float | None, measures: str | None) -> float | None:
    """Return the labeller's confidence, else the agreement with the seeds among the measures (JSON), else None."""
    if own is not None:
        return float(own)
    found = json.loads(measures or "{}")
    return next((float(found[name]) for name in found if name.split("-")[0] == "agreement"), None)


def source_of(row: Mapping[str, Any]) -> str | None:
    """Return what the row's text rewrites: the document, or the original of a paraphrase."""
    return row.get("document") or (row.get("text") if row.get("paraphrase") else None) or row.get("source_text")


def run_task(run: Path, manifest: Manifest) -> Task:
    """Return the task of a finished run. Raises UsageError where it is in a file of the user's own that is gone."""
    recipe_folder = (run / manifest["recipe"]["path"]).parent
    try:
        task = load_component("task", manifest["task"], recipe_folder)(**manifest["task_options"])
    except UsageError as error:
        raise UsageError(f"{run}: the run's task cannot be loaded: {error}") from error
    if not isinstance(task, Task):
        raise UsageError(f"{run}: the run's task {manifest['task']!r} is no task: its class is no ts.Task")
    return task


def _opened(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, buffer_size=1 << 16)
    except (pa.ArrowException, OSError) as fault:
        raise _damaged(path, fault) from fault


def _damaged(path: Path, fault: Exception) -> UsageError:
    told = str(fault).splitlines()[0]
    return UsageError(f"{path}: the data set is damaged ({told}); run the recipe again")


def _label_names(metadata: Mapping[bytes, bytes]) -> list[str]:
    told = json.loads(metadata.get(b"huggingface", b"{}"))
    label = told.get("info", {}).get("features", {}).get("label", {})
    names = label.get("names") or label.get("feature", {}).get("names") or []
    return [str(name) for name in names]
