"""The report of a run and of an evaluation as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textsynth.core.formatting import escape_control, format_duration, format_percent, pluralize
from textsynth.core.terminal import MIN_WIDTH, one_line, table_lines, truncate_end, wrap
from textsynth.report.data import RunData
from textsynth.report.evaluation import EvaluationReport, build_evaluation_report
from textsynth.report.sections import Section, SectionQuote, SectionTable
from textsynth.report.sections.calibration import calibration_sections
from textsynth.report.sections.gaps import gap_sections
from textsynth.report.sections.verdict import VerdictSummary

DEFAULT_WIDTH = 100


def run_text(data: RunData, width: int = DEFAULT_WIDTH) -> str:
    """Return the result of a run, its checks, its quota, its counts by label and its cost, for `width` columns.

    Where the run was evaluated, the verdict comes first, and the sections of the evaluation before the cost. Control
    characters in names, reasons and notes are escaped, so that a text of a model cannot move the cursor.
    """
    evaluation = None if data.evaluation is None else build_evaluation_report(data.evaluation)
    verdict = [] if evaluation is None else [verdict_lines(evaluation.verdict, width)]
    sections = [
        *calibration_sections(data.manifest),
        *gap_sections(data.manifest),
        *([] if evaluation is None else _sections(evaluation)),
    ]
    return _join_parts(
        (
            *verdict,
            _result_lines(data, width),
            _check_lines(data, width),
            _quota_lines(data, width),
            _label_lines(data, width),
            *(section_lines(section, width) for section in sections),
            _cost_lines(data),
        )
    )


def evaluation_text(evaluation: Mapping[str, Any], width: int = DEFAULT_WIDTH) -> str:
    """Return an evaluation for a terminal: the verdict, the facts and every section, no line wider than `width`.

    A width below 24 columns counts as 24.
    """
    report = build_evaluation_report(evaluation)
    facts = " · ".join(f"{count} {name}" for count, name in report.facts)
    head = wrap(f"{report.name}: evaluation on real data", width) + (wrap(facts, width) if facts else [])
    sections = [section_lines(section, width) for section in _sections(report)]
    return _join_parts((verdict_lines(report.verdict, width), head, *sections))


def headline_lines(verdict: VerdictSummary, width: int) -> list[str]:
    """Return the head of a verdict: harmed classifiers first, then the effect and its sentence, then leaks."""
    lines = [line for name in verdict.harmed for line in wrap(f"▼ HARMS with {name}", width)]
    # the classifier is named where it could be confused with a harmed one
    classifier = f" with {verdict.classifier}" if verdict.harmed and verdict.classifier else ""
    lines += wrap(f"{verdict.sign} {verdict.word.upper()}{classifier}: {verdict.headline}", width)
    return lines + [line for warning in verdict.warnings for line in wrap(warning, width, "! ", "  ")]


def verdict_lines(verdict: VerdictSummary, width: int) -> list[str]:
    """Return a verdict: its head, all its sentences, the groups of classes, and the differences as a table."""
    lines = headline_lines(verdict, width)
    lines += [line for sentence in verdict.sentences for line in wrap(sentence, width)]
    lines += [line for title, names in verdict.class_groups for line in wrap(f"{title}: {names}", width, "", "  ")]
    return lines if verdict.figure is None else [*lines, "", *section_table_lines(verdict.figure.table, width)]


def section_lines(section: Section, width: int) -> list[str]:
    """Return a section: its title, paragraphs, tables, quoted texts and notes."""
    width = max(MIN_WIDTH, width)
    lines = [truncate_end(f"━━ {section.title}", width)]
    lines += [line for paragraph in section.paragraphs for line in wrap(paragraph, width)]
    for figure in section.figures:
        # the only table of a section needs no title of its own
        title = [] if len(section.figures) == 1 else [truncate_end(f"── {one_line(figure.table.title)}", width)]
        lines += ["", *title, *section_table_lines(figure.table, width)]
    quotes = [quote for quote in section.quotes if quote.in_terminal]
    for quote in quotes:
        lines += ["", *_quote_lines(quote, width)]
    hidden = len(section.quotes) - len(quotes)
    if hidden:
        lines += ["", *_hidden_lines(hidden, "text", width)]
    return [*lines, *(line for note in section.notes for line in wrap(note, width))]


def section_table_lines(table: SectionTable, width: int) -> list[str]:
    """Return a table for `width` columns; rows beyond its `max_terminal_rows` are counted, not shown."""
    shown = table.rows[: table.max_terminal_rows]
    hidden = len(table.rows) - len(shown)
    lines = table_lines(
        table.head,
        shown,
        text_columns=table.text_columns,
        optional_columns=table.optional_columns,
        width=width,
    )
    return lines + (_hidden_lines(hidden, "row", width) if hidden else [])


def _sections(report: EvaluationReport) -> list[Section]:
    return [*report.sections, *([report.settings] if report.settings.figures else [])]


def _join_parts(parts: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(map(escape_control, lines)) for lines in parts if lines)


def _result_lines(data: RunData, width: int) -> list[str]:
    """Return whether the quota is met and why not, and the next step with its command, which is never broken."""
    status = data.status
    head = wrap(_collapse_whitespace(f"{data.manifest['name']}: {status.sentence}"), width)
    return [*head, *wrap(f"next: {status.next_step}", width), f"  {status.command}"]


def _check_lines(data: RunData, width: int) -> list[str]:
    """Return the checks in the order in which they ran, each with its reasons where it dropped texts, and advice."""
    rows: list[tuple[str, ...]] = []
    for row in data.checks:
        numbers = (f"{row.entered:,}", f"{row.dropped:,}", format_percent(row.share), f"{row.left:,}")
        rows.append((_collapse_whitespace(f"{row.section} {row.step}"), *numbers, ""))
        rows += [("", "", f"{reason.count:,}", "", "", _collapse_whitespace(reason.reason)) for reason in row.reasons]
    rows.append(("selected", "", "", "", f"{data.manifest['counts']['selected']:,}", ""))
    lines = table_lines(("check", "in", "dropped", "share", "left", "reason"), rows, text_columns=(0, 5), width=width)
    advice = [
        f"{row.section} {row.step} dropped {format_percent(row.share)} of its texts: {row.advice}"
        for row in data.checks
        if row.advice
    ]
    return lines + [line for sentence in advice for line in wrap(sentence, width, "! ", "  ")]


def _quota_lines(data: RunData, width: int) -> list[str]:
    """Return the quota as a table, followed by the reasons for which texts of a cell were dropped."""
    quota = [(", ".join(row["cell"].values()) or "total", row) for row in data.manifest["quota"]]
    if not quota:
        return []
    cells = [(name, *(f"{row[key]:,}" for key in ("wanted", "selected", "missing"))) for name, row in quota]
    reasons = [
        f"  {_collapse_whitespace(name)}: {reason['count']:,} × {reason['step']}: "
        f"{_collapse_whitespace(reason['reason'])}"
        for name, row in quota
        for reason in row["reasons"]
    ]
    return [*table_lines(("quota", "wanted", "selected", "missing"), cells, width=width), *reasons]


def _label_lines(data: RunData, width: int) -> list[str]:
    """Return for each label the texts that went in and were kept, and the selected ones by split."""
    splits = [name for name, count in data.manifest["splits"].items() if count]
    if not data.label_counts or not splits:
        return []
    cells = [
        (
            outcome.label,
            f"{outcome.entered:,}",
            f"{outcome.kept:,}",
            format_percent(outcome.share),
            *(f"{data.label_counts[outcome.label].get(name, 0):,}" for name in splits),
        )
        for outcome in data.label_outcomes
    ]
    collapsed = [outcome.label for outcome in data.label_outcomes if outcome.collapsed]
    warning = f"collapsed, far fewer texts are kept than of the other labels: {', '.join(collapsed)}"
    lines = table_lines(("label", "in", "kept", "share", *splits), cells, width=width)
    return [*lines, *(wrap(_collapse_whitespace(warning), width, "! ", "  ") if collapsed else [])]


def _cost_lines(data: RunData) -> list[str]:
    manifest = data.manifest
    requests, tokens = manifest["requests"], manifest["tokens"]
    lines = [
        f"models: {', '.join(manifest['models']) or 'none'}",
        f"{pluralize(requests['planned'], 'request')} ({requests['from_journal']:,} from the journal, "
        f"{requests['failed']:,} failed), {format_duration(manifest['seconds'])}",
        f"{tokens['prompt']:,} prompt tokens, {tokens['completion']:,} completion tokens",
    ]
    lines += [f"split {name}: {count:,}" for name, count in manifest["splits"].items()]
    return lines + [f"note: {_collapse_whitespace(note)}" for note in manifest["notes"]]


def _quote_lines(quote: SectionQuote, width: int) -> list[str]:
    lines = wrap(quote.text, width, "✗ " if quote.dropped else "✓ ", "  ") + wrap(quote.caption, width, "  ")
    for text, caption in quote.related:
        lines += wrap(text, width, "  ~ ", "    ") + wrap(caption, width, "    ")
    return lines


def _hidden_lines(count: int, noun: str, width: int) -> list[str]:
    return wrap(f"… and {pluralize(count, noun)} more, in the page and with --json", width)


def _collapse_whitespace(text: str) -> str:
    return " ".join(text.split())
