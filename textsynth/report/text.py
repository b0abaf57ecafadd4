"""The account of a run, and an evaluation, as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textsynth.core.formatting import display_width, escape_control, pluralize
from textsynth.report.charts.svg import truncate
from textsynth.report.data import RunData
from textsynth.report.evaluation import EvaluationReport, read_evaluation_report
from textsynth.report.sections import Section, SectionQuote, SectionTable
from textsynth.report.sections.calibration import gold_sections
from textsynth.report.sections.verdict import Verdict

BAR = 30
NAME = 39
WIDTH = 100


def as_text(account: RunData, width: int = WIDTH) -> str:
    """Return the outcome, the funnel, the quota, counts by label and the cost, in about 100 columns.

    Where the run was evaluated, the verdict stands first and the evaluation's tables, within `width`, before the cost.
    Texts of a model (in names, reasons and notes) cannot move the cursor: control characters are written out.
    """
    proof = None if account.evaluation is None else read_evaluation_report(account.evaluation)
    first = [] if proof is None else [verdict_lines(proof.verdict, width)]
    proved = [] if proof is None else [section_lines(section, width) for section in _sections(proof)]
    run = (_head(account), _funnel(account), _quota(account), _labels(account))
    tried = (section_lines(section, width) for section in gold_sections(account.manifest))
    return _joined((*first, *run, *tried, *proved, _cost(account)))


def evaluation_text(told: Mapping[str, Any], width: int = WIDTH) -> str:
    """Return the evaluation alone for a terminal: the verdict, the facts, and every table, no line wider than `width`.

    Narrower than 24 columns counts as 24.
    """
    proof = read_evaluation_report(told)
    facts = " · ".join(f"{value} {name}" for value, name in proof.facts)
    head = [*wrapped(f"{proof.name}: evaluation on real data", width), *(wrapped(facts, width) if facts else [])]
    sections = [section_lines(section, width) for section in _sections(proof)]
    return _joined((verdict_lines(proof.verdict, width), head, *sections))


def _sections(proof: EvaluationReport) -> list[Section]:
    return [*proof.sections, *([proof.measured] if proof.measured.figures else [])]


def _joined(parts: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(map(escape_control, lines)) for lines in parts if lines)


def _head(account: RunData) -> list[str]:
    told = account.manifest
    waiting = [account.waiting, f"  textsynth review {account.folder}"] if account.waiting else []
    return [f"{told['name']}: {told['stopped']['sentence']}", *waiting]


def _funnel(account: RunData) -> list[str]:
    funnel = account.funnel
    most = max((abs(count) for _, count in funnel), default=1) or 1
    return [f"{count:>8,}  {'█' * round(BAR * abs(count) / most):<{BAR}}  {_one_line(name)}" for name, count in funnel]


def _quota(account: RunData) -> list[str]:
    if not account.manifest["quota"]:
        return []
    lines = [f"{'quota':<{NAME}} {'want':>7} {'selected':>9} {'missing':>8}"]
    for row in account.manifest["quota"]:
        name = _one_line(", ".join(row["cell"].values()) or "total")
        lines.append(f"{name[:NAME]:<{NAME}} {row['wanted']:>7,} {row['selected']:>9,} {row['missing']:>8,}")
        lines += [f"    {why['count']:,} × {why['step']}: {_one_line(why['reason'])}" for why in row["reasons"]]
    return lines


def _labels(account: RunData) -> list[str]:
    splits = [name for name, count in account.manifest["splits"].items() if count]
    if not account.labels or not splits:
        return []
    lines = [f"{'label':<{NAME}} " + " ".join(f"{name:>10}" for name in splits)]
    for label, counts in account.labels.items():
        cells = " ".join(f"{counts.get(name, 0):>10,}" for name in splits)
        lines.append(f"{_one_line(label)[:NAME]:<{NAME}} {cells}")
    return lines


def _cost(account: RunData) -> list[str]:
    told = account.manifest
    requests, tokens = told["requests"], told["tokens"]
    lines = [
        f"models: {', '.join(told['models']) or 'none'}",
        f"{pluralize(requests['planned'], 'request')} ({requests['from_journal']:,} from the journal, "
        f"{requests['failed']:,} failed), {tokens['prompt']:,} tokens read, {tokens['completion']:,} written, "
        f"{told['seconds']} s",
    ]
    lines += [f"split {name}: {count:,}" for name, count in told["splits"].items()]
    return lines + [f"note: {_one_line(note)}" for note in told["notes"]]


def _one_line(text: str) -> str:
    return " ".join(text.split())


NARROWEST = 24
LEAST_CELL = 18
GAP = 2
LONGEST = 300


def headline_lines(verdict: Verdict, width: int) -> list[str]:
    """Return the top of the verdict: harms first, the word and its sentence, then leaks."""
    own = f" with {verdict.by}" if verdict.harmed and verdict.by else ""
    lines = [line for name in verdict.harmed for line in wrapped(f"▼ HARMS with {name}", width)]
    lines += wrapped(f"{verdict.sign} {verdict.word.upper()}{own}: {verdict.headline}", width)
    return lines + [line for said in verdict.warnings for line in wrapped(said, width, "! ", "  ")]


def verdict_lines(verdict: Verdict, width: int) -> list[str]:
    """Return the verdict: its top, all its sentences, then the classes, the losing ones first."""
    lines = headline_lines(verdict, width)
    lines += [line for said in verdict.sentences for line in wrapped(said, width)]
    lines += [line for title, names in verdict.classes for line in wrapped(f"{title}: {names}", width, "", "  ")]
    return lines if verdict.figure is None else [*lines, "", *table_lines(verdict.figure.table, width)]


def section_lines(section: Section, width: int) -> list[str]:
    """Return a section under its title: sentences, every table, texts with what stands beside them."""
    width = max(NARROWEST, width)
    lines = [cut(f"━━ {section.title}", width)]
    lines += [line for said in section.said for line in wrapped(said, width)]
    for figure in section.figures:
        table = figure.table
        # a section with one table needs no second title
        title = [] if len(section.figures) == 1 else [cut(f"── {one_line(table.title)}", width)]
        lines += ["", *title, *table_lines(table, width)]
    telling = [quote for quote in section.quotes if quote.telling]
    for quote in telling:
        lines += ["", *_quote_lines(quote, width)]
    if len(telling) < len(section.quotes):
        more = f"… and {pluralize(len(section.quotes) - len(telling), 'text')} more, in the page and with --json"
        lines += ["", *wrapped(more, width)]
    return [*lines, *(line for note in section.notes for line in wrapped(note, width))]


def table_lines(table: SectionTable, width: int) -> list[str]:
    """Return a table in aligned columns, none of its lines wider than `width`.

    Where they are too wide together, heads are broken, then spare columns are left out, then words are cut; where
    that does not do, each row becomes lines of its own. Rows beyond the table's `brief` are counted, not shown.
    """
    width = max(NARROWEST, width)
    brief = len(table.rows) if table.brief is None else table.brief
    left = max(0, len(table.rows) - brief)
    more = wrapped(f"… and {pluralize(left, 'row')} more, in the page and with --json", width) if left else []
    lines = [[one_line(cell) for cell in row] for row in (table.head, *table.rows[:brief])]
    for least in (None, LEAST_CELL):
        for count in range(len(table.spare), -1, -1):
            places = [place for place in range(len(table.head)) if place not in table.spare[count:]]
            some = [[row[place] for place in places] for row in lines]
            words = [place for place, column in enumerate(places) if column in table.words]
            wide = _widths(some, words, width, least)
            if wide is not None:
                return [*_head_of_plain(some[0], wide, words), *(_row(row, wide, words) for row in some[1:]), *more]
    return [*(line for row in some[1:] for line in _stacked(some[0], row, width)), *more]


def wrapped(text: str, width: int, first: str = "", others: str | None = None) -> list[str]:
    """Return a text in lines of at most `width` columns, broken between words, within words only where one is too long.

    The first line starts with `first`, all others with `others`, which is the same where it is left out.
    """
    width = max(NARROWEST, width)
    others = first if others is None else others
    lines: list[str] = []
    line, start = "", first
    for word in _pieces(one_line(text).split(" "), width - max(display_width(first), display_width(others))):
        longer = f"{line} {word}" if line else start + word
        if line and display_width(longer) > width:
            lines.append(line)
            start = others
            longer = start + word
        line = longer
    return [*lines, line] if line.strip() else lines


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` columns; a longer one ends in an ellipsis."""
    if display_width(text) <= width:
        return text
    while text and display_width(text) >= width:
        text = text[:-1]
    return f"{text}…"


def one_line(text: str) -> str:
    """Return a text on one line, at most 300 characters of it, with control characters written out."""
    told = " ".join(escape_control(text).split())
    return told if len(told) <= LONGEST else told[: LONGEST - 2] + " …"


def _pieces(words: Iterable[str], width: int) -> Iterable[str]:
    for word in words:
        rest = word
        while display_width(rest) > width:
            head = rest[:width]
            while display_width(head) > width:
                head = head[:-1]
            yield head
            rest = rest[len(head) :]
        yield rest


def _widths(lines: Sequence[Sequence[str]], words: Sequence[int], width: int, least: int | None) -> list[int] | None:
    """Return how wide each column is, None where they do not fit even with broken heads.

    Columns of words are cut to `least`, the widest first; None cuts none.
    """
    wide = [max(map(display_width, column)) for column in zip(*lines, strict=True)]
    room = width - GAP * (len(wide) - 1)
    if sum(wide) > room:
        heads = [max(map(display_width, name.split(" "))) for name in lines[0]]
        wide = [max([head, *(display_width(row[place]) for row in lines[1:])]) for place, head in enumerate(heads)]
    while sum(wide) > room:
        widest = max(words, key=lambda place: wide[place], default=None)
        if least is None or widest is None or wide[widest] <= least:
            return None
        wide[widest] -= 1
    return wide


def _head_of_plain(names: Sequence[str], wide: Sequence[int], words: Sequence[int]) -> list[str]:
    broken = [_broken(name, width) for name, width in zip(names, wide, strict=True)]
    tall = max(map(len, broken))
    above = [[""] * (tall - len(lines)) + lines for lines in broken]
    return [_row(cells, wide, words) for cells in zip(*above, strict=True)]


def _broken(name: str, width: int) -> list[str]:
    lines = [""]
    for word in name.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if display_width(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _row(cells: Sequence[str], wide: Sequence[int], words: Sequence[int]) -> str:
    filled = []
    for place, (cell, width) in enumerate(zip(cells, wide, strict=True)):
        told = truncate(cell, width)
        space = " " * (width - display_width(told))
        filled.append(told + space if place in words else space + told)
    return (" " * GAP).join(filled).rstrip()


def _stacked(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    first, *others = row
    lines = wrapped(first, width)
    return lines + [cut(f"  {name}: {cell}", width) for name, cell in zip(head[1:], others, strict=True)]


def _quote_lines(quote: SectionQuote, width: int) -> list[str]:
    lines = wrapped(quote.text, width, "✗ " if quote.dropped else "✓ ", "  ") + wrapped(quote.said, width, "  ")
    for text, said in quote.others:
        lines += wrapped(text, width, "  ~ ", "    ") + wrapped(said, width, "    ")
    return lines
