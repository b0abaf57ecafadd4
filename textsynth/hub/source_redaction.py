"""What was given to a run, and what of its provenance and dropped texts repeats it: that stays at home.

A text repeats a given one if it has the same letters and digits, or holds the whole of one of at least five words.
Rows that a run curates (`existing`) are its candidates, not given to write from: they are the data itself.

Does not catch: a given text with a word or two changed, which no check of the run called a copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from textsynth.core.errors import UsageError
from textsynth.export.tables import as_json
from textsynth.recipe import Recipe, read_recipe
from textsynth.recipe.pinning import pinned_as_run
from textsynth.recipe.references import references_in
from textsynth.similarity.overlap import OverlapIndex, SubstringIndex
from textsynth.store.manifest import Manifest

# drops that quote a given row: the text is that row, or nearly
COPIES = ("copies_source", "leak")


class SourceTexts(NamedTuple):
    """What was given to a run and must not leave with it: texts, and names of the fields that came with them."""

    texts: Sequence[str] = ()
    fields: frozenset[str] = frozenset()


def read_source_texts(folder: Path, manifest: Manifest, recipe: Recipe | None = None) -> SourceTexts:
    """Return what the run's sources gave it to write from or to test against, read again as its recipe says.

    `recipe` is the run's, where it is at hand; else it is read from where the manifest says that it is. Raises
    UsageError where the recipe or a source is no longer what it was: nobody can tell then which were given.
    """
    if not manifest["sources"]:
        return SourceTexts()
    told = manifest["recipe"]
    path = folder / told["path"]
    why = f"{folder}: provenance and dropped texts cannot be pushed, as it cannot be told which of them repeat a seed: "
    try:
        recipe = pinned_as_run(recipe or read_recipe(path, told["sets"]), manifest["sources"])
        curated = {
            name
            for item in recipe.generate
            if item.step.curates_source
            for _, name in references_in(item.step, "source")
        }
        sources = {name: source for name, source in recipe.sources.items() if name not in curated}
        rows = [source.read(recipe.base, name=name, seed=recipe.seed) for name, source in sources.items()]
    except UsageError as fault:
        raise UsageError(f"{why}{str(fault).splitlines()[0]}; or leave --with-provenance out") from fault
    if recipe.hash != told["hash"]:
        raise UsageError(f"{why}{path.name} has changed since; run it again, or leave --with-provenance out")
    records = [record for some in rows for record in some]
    return SourceTexts([one.text for one in records], frozenset(field for one in records for field in one.fields))


def has_sources(given: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that says whether a text repeats one of the given ones."""
    same, whole = OverlapIndex(given), SubstringIndex(given)

    def found(text: str) -> bool:
        lines = [text, *(text.splitlines() if "\n" in text else ())]
        return whole.find(text) is not None or any(same.find_exact(line) for line in lines if line.strip())

    return found


def redact_sources(file: Path, shown: Sequence[Path], given: SourceTexts) -> bytes:
    """Return a file of provenance or dropped texts without what was given; rows and columns stay.

    Texts that repeat a given one are blank, `source` (what a text rewrites) is empty where the data set, the files
    `shown`, has it in no column, and `attributes` lack the fields of given rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file, partitioning=None)
    columns = {"attributes": [_without(cell, given.fields) for cell in table["attributes"].to_pylist()]}
    if "source" in table.column_names:
        public = {text for path in shown for text in _texts(pq.read_table(path, partitioning=None))}
        columns |= _blanked(
            table.select(["step", "source_text", "text", "raw_answer"]).to_pylist(), public, given.texts
        )
    columns = {name: cells for name, cells in columns.items() if cells != table[name].to_pylist()}
    if not columns:
        return file.read_bytes()
    for name, cells in columns.items():
        place = table.schema.get_field_index(name)
        kind = table.schema.field(place)
        table = table.set_column(place, kind, pa.array(cells, kind.type))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _blanked(
    rows: Sequence[Mapping[str, Any]], public: Container[str], texts: Sequence[str]
) -> dict[str, list[str | None]]:
    found = has_sources(texts)
    hidden = [
        str(row["step"]).split("-")[0] in COPIES
        or any(found(row[name]) for name in ("text", "raw_answer") if row[name])
        for row in rows
    ]
    return {
        "text": ["" if blank else row["text"] for row, blank in zip(rows, hidden, strict=True)],
        "raw_answer": [None if blank else row["raw_answer"] for row, blank in zip(rows, hidden, strict=True)],
        "source_text": [row["source_text"] if row["source_text"] in public else None for row in rows],
    }


def _without(attributes: str | None, fields: Container[str]) -> str | None:
    """Return a JSON object without the keys `fields`."""
    told = json.loads(attributes) if attributes else {}
    kept = {name: value for name, value in told.items() if name not in fields}
    return attributes if len(kept) == len(told) else as_json(kept)


def _texts(table: Any) -> set[str]:  # noqa: ANN401
    return {cell for name in ("text", "document") if name in table.column_names for cell in table[name].to_pylist()}
