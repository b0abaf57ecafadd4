"""A CSV for a spreadsheet: id, text, label, confidence, split, and an empty column `your_label` for a person's word.

UTF-8 with a byte order mark, by which spreadsheets know it, and lines that end with CR LF. A cell that a spreadsheet
would take for a formula (it begins with = + - @, a tab or a carriage return) gets an apostrophe before it, and so does
one that begins with apostrophes and then such a character: taking one apostrophe away gives back every text as it was.
Several labels are joined by `|`, as `textsynth` reads them.

Does not catch: a spreadsheet that evaluates what stands later in a cell, or that turns "1/2" into a date when it opens
the file (import the columns as text).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from textsynth.export.formats import ExportedText, ExportInfo, write_text

FORMULA_STARTS = re.compile(r"'*[=+\-@\t\r]")
SEPARATOR = "|"
YOURS = "your_label"


def write(texts: Sequence[ExportedText], about: ExportInfo, out: Path) -> list[Path]:
    """Write the file `out`, or `out/texts.csv` where it has no suffix, and return its path."""
    source = {"paraphrase": "original", "summarization": "document"}.get(about.task)
    more = list(dict.fromkeys(name for text in texts for name in text.more))
    head = ["id", *([source] if source else []), "text", "label", "confidence", "split", *more, YOURS]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(head)
    for text in texts:
        cells = [text.id, *([text.source or ""] if source else []), text.text, SEPARATOR.join(text.labels)]
        numbers = ["" if text.confidence is None else f"{text.confidence:g}", text.split]
        rest = ["" if text.more.get(name) is None else str(text.more[name]) for name in more]
        writer.writerow([escape_formula(cell) for cell in (*cells, *numbers, *rest)] + [""])
    path = out if out.suffix else out / "texts.csv"
    return [write_text(path, file.getvalue(), encoding="utf-8-sig")]


def escape_formula(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; `cell.removeprefix("'")` undoes what was done."""
    return f"'{cell}" if FORMULA_STARTS.match(cell) else cell
