"""Texts that were given to a run, and which of its dropped texts repeat them: those stay at home.

A text repeats a given one if it has the same letters and digits, or holds the whole of one of at least five words.
Rows that a run curates (`existing`) are its candidates, not given to write from: they are the data itself.

Does not catch: a given text with a word or two changed, which no check of the run called a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from textsynth.copies import CopyIndex, WholeIndex
from textsynth.errors import UsageError
from textsynth.recipe import read_recipe
from textsynth.recipe.pinning import as_run

# drops that quote a given row: the text is that row, or nearly
COPIES = ("copies_source", "leak")


def given_texts(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return the texts of the run's sources that it wrote from or tested against, read again as its recipe says.

    Raises UsageError where the recipe or a source is no longer what it was: nobody can tell then which were given.
    """
    if not manifest.get("sources"):
        return []
    told = manifest["recipe"]
    path = folder / str(told.get("path", ""))
    why = f"{folder}: passports and dropped texts cannot be pushed, as it cannot be told which of them repeat a seed: "
    try:
        recipe = as_run(read_recipe(path, [str(one) for one in told.get("sets", ())]), manifest["sources"])
        curated = {getattr(item.step, "from_", None) for item in recipe.generate if item.step.free}
        names = [name for name in recipe.sources if name not in curated]
        rows = [recipe.sources[name].read(recipe.base, name=name, seed=recipe.seed) for name in names]
    except UsageError as fault:
        raise UsageError(f"{why}{str(fault).splitlines()[0]}; or leave --with-passports out") from fault
    if recipe.hash != told.get("hash"):
        raise UsageError(f"{why}{path.name} has changed since; run it again, or leave --with-passports out")
    return [record.text for records in rows for record in records]


def repeats(given: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that says whether a text repeats one of the given ones."""
    same, whole = CopyIndex(given), WholeIndex(given)

    def found(text: str) -> bool:
        lines = [text, *(text.splitlines() if "\n" in text else ())]
        return whole.find(text) is not None or any(same.same(line) for line in lines if line.strip())

    return found


def without_given(dropped: Path, shown: Sequence[Path], given: Sequence[str]) -> bytes:
    """Return a file of dropped texts in which those that repeat a given one are blank; rows and columns stay.

    `source` (what a text rewrites) is emptied where the data set, the files `shown`, has it in no column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(dropped, partitioning=None)
    public = {text for path in shown for text in _texts(pq.read_table(path, partitioning=None))}
    rows = table.select(["item", "source", "text", "raw"]).to_pylist()
    found = repeats(given)
    hidden = [
        str(row["item"]).split("-")[0] in COPIES or any(found(row[name]) for name in ("text", "raw") if row[name])
        for row in rows
    ]
    columns: dict[str, list[object]] = {
        "text": ["" if blank else row["text"] for row, blank in zip(rows, hidden, strict=True)],
        "raw": [None if blank else row["raw"] for row, blank in zip(rows, hidden, strict=True)],
        "source": [row["source"] if row["source"] in public else None for row in rows],
    }
    for name, cells in columns.items():
        place = table.schema.get_field_index(name)
        kind = table.schema.field(place)
        table = table.set_column(place, kind, pa.array(cells, kind.type))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _texts(table: Any) -> set[str]:  # noqa: ANN401
    return {cell for name in ("text", "document") if name in table.column_names for cell in table[name].to_pylist()}
