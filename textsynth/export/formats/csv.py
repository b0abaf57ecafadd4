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
import io
import re
from collections.abc import Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_text

FORMULA_STARTS = re.compile(r"'*[=+\-@\t\r]")
LABEL_SEPARATOR = "|"
OWN_LABEL = "your_label"


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write the file `out`, or `out/texts.csv` where it has no suffix, and return its path."""
    names = list(dict.fromkeys(name for text in texts for name in text.extra))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["id", *info.task.fields_shown.values(), "label", "confidence", "split", *names, OWN_LABEL])
    for text in texts:
        confidence = "" if text.confidence is None else f"{text.confidence:g}"
        cells = [text.id, *info.shown_texts(text).values(), LABEL_SEPARATOR.join(text.labels), confidence, text.split]
        cells += ["" if text.extra.get(name) is None else str(text.extra[name]) for name in names]
        writer.writerow([*map(escape_formula, cells), ""])
    path = out if out.suffix else out / "texts.csv"
    return [write_text(path, file.getvalue(), encoding="utf-8-sig")]


def escape_formula(cell: str) -> str:
    """Return the cell so that no spreadsheet evaluates it; a cell that changed got an apostrophe before it."""
    return f"'{cell}" if FORMULA_STARTS.match(cell) else cell
