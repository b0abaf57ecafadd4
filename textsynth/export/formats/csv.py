"""A CSV for a spreadsheet: id, the texts, label, confidence, split, and an empty column `your_label` to fill in.

The file is UTF-8 with a byte order mark, by which spreadsheets recognize the encoding, and its lines end with CR LF. A
cell that a spreadsheet would evaluate as a formula (it begins with = + - @, a tab or a carriage return) gets an
apostrophe before it, and so does a cell that begins with apostrophes and then such a character. So removing one
apostrophe restores the text.
Several labels are joined by `|`; a source reads them back with `separator: "|"`.

Does not catch: a spreadsheet that evaluates a formula further inside a cell, or that turns "1/2" into a date when it
opens the file (import the columns as text).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, batches_of, open_file

FORMULA_STARTS = re.compile(r"'*[=+\-@\t\r]")
FORMULA_FIRST = frozenset("'=+-@\t\r")
BYTE_ORDER_MARK = "\ufeff"
LABEL_SEPARATOR = "|"
OWN_LABEL = "your_label"


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write the file `out`, or `out/texts.csv` where it has no suffix, and return its path."""
    path = out if out.suffix else out / "texts.csv"
    with open_file(path) as file:
        file.write(BYTE_ORDER_MARK)
        writer = csv.writer(file, lineterminator="\r\n")
        names: list[str] | None = None
        for batch in batches_of(texts):
            if names is None:
                names = list(batch.extra)
                header = ["id", *info.task.fields_shown.values(), "label", "confidence", "split", *names, OWN_LABEL]
                writer.writerow(header)
            rows = len(batch.ids)
            labels = {labels: escape_formula(LABEL_SEPARATOR.join(labels)) for labels in set(batch.labels)}
            columns: list[Iterable[str]] = [
                batch.ids,
                *(_escaped(batch.texts.get(column, [""] * rows)) for column in info.task.fields_shown),
                [labels[row] for row in batch.labels],
                _escaped("" if number is None else f"{number:g}" for number in batch.confidence),
                _escaped(batch.splits),
                *(_escaped("" if cell is None else str(cell) for cell in batch.extra[name]) for name in names),
                [""] * rows,
            ]
            writer.writerows(zip(*columns, strict=True))
    return [path]


def _escaped(cells: Iterable[str]) -> list[str]:
    return [f"'{cell}" if cell[:1] in FORMULA_FIRST and FORMULA_STARTS.match(cell) else cell for cell in cells]


def escape_formula(cell: str) -> str:
    """Return the cell so that no spreadsheet evaluates it; a cell that changed got an apostrophe before it."""
    return _escaped([cell])[0]
