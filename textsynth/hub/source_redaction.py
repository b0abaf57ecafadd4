"""Removal of source texts from pushed provenance and dropped texts: seeds and test rows are never published.

A text repeats a source text if both have the same letters and digits, or if it contains the whole of a source text of
at least five words. Rows that a run curates (`existing`) do not count as source texts: they are the candidates, and so
the data set itself.

Does not catch: a source text with a word or two changed, unless a check of the run dropped it as a copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from textsynth.core.errors import UsageError
from textsynth.core.secrets import HIDDEN, HIDDEN_PART
from textsynth.export.tables import as_json
from textsynth.recipe import Recipe, read_recipe
from textsynth.recipe.pinning import pinned_as_run
from textsynth.recipe.references import references_in
from textsynth.similarity.overlap import OverlapIndex, SubstringIndex
from textsynth.store.manifest import Manifest

COPY_CHECKS = ("copies_source", "leak")
"""The checks whose dropped texts are copies, or near copies, of a source text."""


class SourceTexts(NamedTuple):
    """What must not be published: the texts of a run's sources, and the names of the fields that these rows have."""

    texts: Sequence[str] = ()
    fields: frozenset[str] = frozenset()


def read_source_texts(folder: Path, manifest: Manifest, recipe: Recipe | None = None) -> SourceTexts:
    """Return the texts of the run's sources that are seeds or test rows, read again as its recipe says.

    `recipe` is that of the run, if it is loaded; else it is read from the path in the manifest. Raises UsageError if
    the recipe or a source has changed since the run, because the source texts are then unknown.
    """
    if not manifest["sources"]:
        return SourceTexts()
    info = manifest["recipe"]
    path = folder / info["path"]
    reason = (
        f"{folder}: provenance and dropped texts cannot be pushed, because it is unknown which of them repeat a seed: "
    )
    try:
        recipe = pinned_as_run(recipe or read_recipe(path, info["sets"]), manifest["sources"])
        curated = {
            name
            for item in recipe.generate
            if item.step.curates_source
            for _, name in references_in(item.step, "source")
        }
        sources = {name: source for name, source in recipe.sources.items() if name not in curated}
        records = [
            record
            for name, source in sources.items()
            for record in source.read(recipe.base, name=name, seed=recipe.seed)
        ]
    except UsageError as error:
        raise UsageError(f"{reason}{str(error).splitlines()[0]}; or leave --with-provenance out") from error
    # Where a value of --set was not kept, as it is a secret, the text of the recipe says whether it has changed.
    hidden = any(HIDDEN in option or HIDDEN_PART in option for option in info["sets"])
    if recipe.text != info["text"] if hidden else recipe.hash != info["hash"]:
        raise UsageError(f"{reason}{path.name} has changed since; run it again, or leave --with-provenance out")
    fields = frozenset(field for record in records for field in record.fields)
    return SourceTexts([text for record in records for text in recipe.task.texts(record)], fields)


def source_matcher(source_texts: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that checks whether a text, or one line of it, repeats one of the source texts."""
    same, contained = OverlapIndex(source_texts), SubstringIndex(source_texts)

    def matches(text: str) -> bool:
        lines = [text, *(text.splitlines() if "\n" in text else ())]
        return contained.find(text) is not None or any(same.find_exact(line) for line in lines if line.strip())

    return matches


def redact_sources(file: Path, data_files: Sequence[Path], sources: SourceTexts) -> bytes:
    """Return a parquet file of provenance or dropped texts without source texts; rows and columns stay.

    Texts that repeat a source text become blank. `source_text` (the text that was rewritten) becomes null unless the
    published data set, the files `data_files`, contains it in a column. `attributes` lose the fields of source rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file, partitioning=None)
    columns = {"attributes": [_without_fields(cell, sources.fields) for cell in table["attributes"].to_pylist()]}
    if "text" in table.column_names:  # a file of dropped texts
        published = {text for path in data_files for text in _texts(pq.read_table(path, partitioning=None))}
        rows = table.select(["step", "source_text", "text", "raw_answer"]).to_pylist()
        columns |= _redacted_columns(rows, published, sources.texts)
    columns = {name: cells for name, cells in columns.items() if cells != table[name].to_pylist()}
    if not columns:
        return file.read_bytes()
    for name, cells in columns.items():
        index = table.schema.get_field_index(name)
        field = table.schema.field(index)
        table = table.set_column(index, field, pa.array(cells, field.type))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _redacted_columns(
    rows: Sequence[Mapping[str, Any]], published: Container[str], source_texts: Sequence[str]
) -> dict[str, list[str | None]]:
    matches = source_matcher(source_texts)
    hidden = [
        str(row["step"]).split("-")[0] in COPY_CHECKS
        or any(matches(row[name]) for name in ("text", "raw_answer") if row[name])
        for row in rows
    ]
    return {
        "text": ["" if blank else row["text"] for row, blank in zip(rows, hidden, strict=True)],
        "raw_answer": [None if blank else row["raw_answer"] for row, blank in zip(rows, hidden, strict=True)],
        "source_text": [row["source_text"] if row["source_text"] in published else None for row in rows],
    }


def _without_fields(attributes: str | None, fields: Container[str]) -> str | None:
    """Return a JSON object without the keys `fields`."""
    values = json.loads(attributes) if attributes else {}
    remaining = {name: value for name, value in values.items() if name not in fields}
    return attributes if len(remaining) == len(values) else as_json(remaining)


def _texts(table: Any) -> set[str]:  # noqa: ANN401
    """Return the cells of all columns of text."""
    columns = [table[field.name] for field in table.schema if str(field.type) == "string"]
    return {cell for column in columns for cell in column.to_pylist()}
