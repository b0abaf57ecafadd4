"""Lay out text for a terminal: wrapped lines, shortened texts and tables, measured in terminal columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textsynth.core.formatting import display_width, escape_control

# A width below this many columns counts as this many.
MIN_WIDTH = 24
# A text cell of a table is never shortened below this many columns.
MIN_CELL_WIDTH = 18
COLUMN_GAP = 2
MAX_LINE_CHARACTERS = 300


def one_line(text: str) -> str:
    """Return a text on one line, at most 300 characters of it, with control characters escaped."""
    line = " ".join(escape_control(text).split())
    return line if len(line) <= MAX_LINE_CHARACTERS else line[: MAX_LINE_CHARACTERS - 2] + " …"


def wrap(text: str, width: int, first_indent: str = "", indent: str | None = None) -> list[str]:
    """Return a text, shortened as by `one_line`, in lines of at most `width` columns.

    Lines break between words, and within a word only where it is longer than a line. The first line begins with
    `first_indent`, all others with `indent`, which defaults to `first_indent`.
    """
    width = max(MIN_WIDTH, width)
    indent = first_indent if indent is None else indent
    lines: list[str] = []
    line, line_indent = "", first_indent
    for word in _split_words(one_line(text), width - max(display_width(first_indent), display_width(indent))):
        longer = f"{line} {word}" if line else line_indent + word
        if line and display_width(longer) > width:
            lines.append(line)
            line_indent = indent
            longer = line_indent + word
        line = longer
    return [*lines, line] if line.strip() else lines


def truncate_end(text: str, width: int) -> str:
    """Return a text of at most `width` columns; a longer one ends in an ellipsis."""
    if display_width(text) <= width:
        return text
    while text and display_width(text) >= width:
        text = text[:-1]
    return f"{text}…"


def truncate_middle(text: str, width: int) -> str:
    """Return a text on one line of at most `width` columns; a longer one loses its middle.

    Both ends stay because long names, such as labels with a common prefix, often differ only there.
    """
    text = " ".join(escape_control(text).split())
    if display_width(text) <= width:
        return text
    head, tail = text, text
    while head and display_width(head) > (width - 1) // 2:
        head = head[:-1]
    while tail and display_width(tail) > (width - 1) // 2:
        tail = tail[1:]
    return f"{head}…{tail}"


def table_lines(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    text_columns: Sequence[int] = (0,),
    optional_columns: Sequence[int] = (),
    width: int | None = None,
) -> list[str]:
    """Return a table as lines with aligned columns: `text_columns` to the left, all others to the right.

    Without `width` every column is as wide as its widest cell. With it no line is wider than `width` columns. A table
    that is too wide first gets heads of several lines, then loses `optional_columns`, the last of them first, then
    gets shorter text cells. If it still does not fit, every row becomes a block of lines `head: cell`.
    """
    cells = [[" ".join(escape_control(cell).split()) for cell in row] for row in (head, *rows)]
    if width is None:
        return _aligned_lines(cells, _natural_widths(cells), text_columns)
    width = max(MIN_WIDTH, width)
    for min_cell_width in (None, MIN_CELL_WIDTH):
        for optional_count in range(len(optional_columns), -1, -1):
            columns = [index for index in range(len(head)) if index not in optional_columns[optional_count:]]
            remaining = [[row[index] for index in columns] for row in cells]
            text = [index for index, column in enumerate(columns) if column in text_columns]
            widths = _fitting_widths(remaining, text, width, min_cell_width)
            if widths is not None:
                return _aligned_lines(remaining, widths, text)
    names, *records = remaining
    return [line for record in records for line in _block_lines(names, record, width)]


def _split_words(line: str, width: int) -> Iterator[str]:
    """Yield the words of a line, those wider than `width` in pieces."""
    for word in line.split(" "):
        remainder = word
        while display_width(remainder) > width:
            piece = remainder[:width]
            while display_width(piece) > width:
                piece = piece[:-1]
            yield piece
            remainder = remainder[len(piece) :]
        yield remainder


def _natural_widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(display_width, column)) for column in zip(*cells, strict=True)]


def _fitting_widths(
    cells: Sequence[Sequence[str]], text_columns: Sequence[int], width: int, min_cell_width: int | None
) -> list[int] | None:
    """Return the width of each column, or None where they do not fit into `width` even with heads of several lines.

    Text columns are narrowed down to `min_cell_width`, the widest first; None narrows none.
    """
    widths = _natural_widths(cells)
    available = width - COLUMN_GAP * (len(widths) - 1)
    if sum(widths) > available:
        head, *rows = cells
        longest_words = [max(map(display_width, name.split(" "))) for name in head]
        widths = [max([word, *(display_width(row[i]) for row in rows)]) for i, word in enumerate(longest_words)]
    while sum(widths) > available:
        widest = max(text_columns, key=lambda index: widths[index], default=None)
        if min_cell_width is None or widest is None or widths[widest] <= min_cell_width:
            return None
        widths[widest] -= 1
    return widths


def _aligned_lines(cells: Sequence[Sequence[str]], widths: Sequence[int], text_columns: Sequence[int]) -> list[str]:
    head, *rows = cells
    broken = [_break_head(name, width) for name, width in zip(head, widths, strict=True)]
    height = max(map(len, broken))
    head_lines = zip(*([""] * (height - len(lines)) + lines for lines in broken), strict=True)
    return [_aligned_line(line, widths, text_columns) for line in (*head_lines, *rows)]


def _break_head(name: str, width: int) -> list[str]:
    """Return the head of a column in lines of at most `width` columns, broken between words only."""
    lines = [""]
    for word in name.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if display_width(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _aligned_line(cells: Sequence[str], widths: Sequence[int], text_columns: Sequence[int]) -> str:
    aligned = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = truncate_middle(cell, width)
        padding = " " * (width - display_width(text))
        aligned.append(text + padding if index in text_columns else padding + text)
    return (" " * COLUMN_GAP).join(aligned).rstrip()


def _block_lines(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    first, *others = row
    lines = wrap(first, width)
    return lines + [truncate_end(f"  {name}: {cell}", width) for name, cell in zip(head[1:], others, strict=True)]
