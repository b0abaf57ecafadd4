"""What a verb has found: as text for a person at a terminal, and as JSON for a script."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from textsynth.core.formatting import display_width, escape_control, format_duration, pluralize, waiting_for_review
from textsynth.hub import PushResult
from textsynth.store.evaluation import read_evaluation

if TYPE_CHECKING:
    from textsynth.recipe.component_docs import ComponentDoc
    from textsynth.runner import RunSummary
    from textsynth.runner.estimate import Range, RunEstimate
    from textsynth.runner.offline import OfflineRound
    from textsynth.runner.preview import CheckResult, PreviewSample, PreviewText
    from textsynth.store.manifest import DropCount, Manifest, QuotaRow

NUMBERS = re.compile(r"[0-9, –]*")
MET_ROWS_SHOWN = 20
REASONS_SHOWN = 15
WIDTH = 100


def result_text(result: RunSummary, width: int = WIDTH) -> str:
    """Return the account of a run: the quota, what was dropped and why, the numbers, and what to do next.

    Many parts of a quota that are met become one line; every part that is not met is shown, with the commonest
    reasons for which texts were dropped there. Where the texts were scored on real data, the verdict's top is told.
    """
    told = result.manifest
    parts = (
        _quota(result.quota),
        _drops(told["drops"]),
        f"{_numbers(told)}\n{result.sentence}",
        _verdict(result, width),
        "\n".join(f"note: {escape_control(note)}" for note in told["notes"]),
        _next_steps(result),
    )
    return "\n\n".join(part for part in parts if part)


def result_json(result: RunSummary) -> dict[str, Any]:
    """Return the account of a run for a script: folder, exit code, why it stopped, the verdict, the whole manifest.

    `verdict` is that of evaluation.json, null where the texts were not scored on real data.
    """
    evaluation = read_evaluation(result.folder)
    return {
        "folder": str(result.folder),
        "dataset": str(result.folder / "dataset"),
        "exit_code": result.exit_code,
        "stopped": result.stopped,
        "sentence": result.sentence,
        "quota": [dict(row) for row in result.quota],
        "verdict": None if evaluation is None else evaluation.get("verdict"),
        "manifest": dict(result.manifest),
    }


def offline_round_text(turn: OfflineRound) -> str:
    """Return where a run in rounds stands; with nothing missing any more, the account of the run."""
    return turn.sentence if turn.result is None else f"{result_text(turn.result)}\n\n{turn.sentence}"


def offline_round_json(turn: OfflineRound) -> dict[str, Any]:
    """Return the same for a script: how many requests wait, what was taken in, and `run` when the run is done."""
    told = {name: getattr(turn, name) for name in ("waiting", "taken", "known", "unknown", "errors", "unread")}
    written = None if turn.written is None else str(turn.written)
    run = None if turn.result is None else result_json(turn.result)
    return {"exit_code": turn.exit_code, **told, "written": written, "sentence": turn.sentence, "run": run}


def steps_text(items: Sequence[ComponentDoc], *, brief: bool) -> str:
    """Return the items as text, by section; `brief` gives a line an item, else all of each."""
    if not brief:
        return "\n\n".join(item.text() for item in items)
    sections = dict.fromkeys(item.section for item in items)
    width = max(len(item.name) for item in items)
    parts = [
        "\n".join([section, *(f"  {item.name:<{width}}  {item.about}" for item in items if item.section == section)])
        for section in sections
    ]
    return "\n\n".join([*parts, "textsynth steps NAME tells the options of one item, and what it does not catch"])


def fold_lines(text: str, width: int) -> str:
    """Return the text with lines of at most `width` columns; what goes on stands under where its column begins."""
    lines: list[str] = []
    for line in text.split("\n"):
        begin = re.match(r" *(?:\S+ {2,})?", line)
        indent = " " * (begin.end() if begin and begin.end() < width // 2 else 2)
        lines += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def steps_json(items: Sequence[ComponentDoc]) -> list[dict[str, Any]]:
    """Return the items with all their options for a script."""
    return [asdict(item) for item in items]


def plan_text(plan: RunEstimate) -> str:
    """Return what a run will take: requests and tokens of each generator and labeller, and in all, as ranges."""
    parts = [(one.item, one.texts, one.requests, one.prompt_tokens, one.completion_tokens) for one in plan.parts]
    rows = [
        (item, f"{texts:,}", format_range(requests), format_range(prompt), format_range(completion))
        for item, texts, requests, prompt, completion in parts
    ]
    whole = (
        f"{pluralize(plan.texts, 'text')} to accept for {pluralize(plan.cells, 'part')} of the quota"
        if plan.cells
        else "every text"
    )
    seconds = (
        ""
        if plan.seconds is None
        else f" · {format_interval(format_duration(plan.seconds.low), format_duration(plan.seconds.high))}"
    )
    return "\n".join(
        [
            f"{plan.name}: the recipe is right; {whole}",
            "",
            table(("step", "texts", "requests", "prompt tokens", "answer tokens"), rows),
            "",
            f"in all {format_range(plan.requests)} requests · {format_range(plan.tokens)} tokens{seconds}",
            *(f"note: {note}" for note in plan.notes),
        ]
    )


def plan_json(plan: RunEstimate) -> dict[str, Any]:
    """Return the plan for a script; a range is {low, high}, seconds are null where nobody can say."""
    return asdict(plan)


def samples_text(samples: Sequence[PreviewSample]) -> str:
    """Return each request as it went out, its answer, and what every check says of every text in it."""
    return "\n\n".join(_sample(number, sample) for number, sample in enumerate(samples, start=1))


def samples_json(samples: Sequence[PreviewSample]) -> list[dict[str, Any]]:
    """Return the samples for a script."""
    return [asdict(sample) for sample in samples]


def format_range(found: Range) -> str:
    """Return `40 – 200` with rounded ends, or one number where they are the same."""
    return format_interval(f"{round(found.low):,}", f"{round(found.high):,}")


def format_interval(low: str, high: str) -> str:
    """Return `low – high`, or one of them where they are the same."""
    return low if low == high else f"{low} – {high}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head in aligned columns; a column of numbers and blanks only stands to the right."""
    lines = [list(head), *([escape_control(cell).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(map(display_width, column)) for column in zip(*lines, strict=True)]
    right = [all(NUMBERS.fullmatch(cell) for cell in column[1:]) for column in zip(*lines, strict=True)]
    return "\n".join(_row(cells, widths, right) for cells in lines)


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    filled = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        space = " " * (width - display_width(cell))
        filled.append(space + cell if to_right else cell + space)
    return "  ".join(filled).rstrip()


def _sample(number: int, sample: PreviewSample) -> str:
    lines = [f"━━ {number}. {sample.item}"]
    for role, content in sample.prompt:
        lines += [f"── {role or 'prompt'}", escape_control(content.strip())]
    if sample.failure is not None:
        lines.append(f"── failed: {escape_control(sample.failure)}")
    elif sample.prompt:
        lines += ["── answer", escape_control(sample.answer.strip())]
    lines.append(f"── {pluralize(len(sample.texts), 'text')}")
    for seen in sample.texts:
        lines += _seen(seen)
    return "\n".join(lines)


def _seen(seen: PreviewText) -> list[str]:
    label = f"  [{escape_control(', '.join(seen.labels))}]" if seen.labels else ""
    head = f"{'✓' if _passes(seen) else '✗'} {escape_control(seen.text)}{label}"
    if seen.unread is not None:
        return [head, f"    not read: {escape_control(seen.unread)}"]
    return [head, *(f"    {line}" for line in map(_check, seen.checks) if line)]


def _passes(seen: PreviewText) -> bool:
    return seen.unread is None and all(check.reason is None for check in seen.checks)


def _check(check: CheckResult) -> str:
    if check.reason is None and check.measured is None:
        return ""
    measured = "" if check.measured is None else f" {check.measured:g}"
    limit = "" if check.limit is None else f", limit {check.limit:g}"
    return f"{check.item}: {escape_control(check.reason or 'passes')}{measured}{limit}"


def _quota(quota: Sequence[QuotaRow]) -> str:
    if not quota:
        return ""
    met = [row for row in quota if not row["missing"]]
    fold = len(met) > MET_ROWS_SHOWN
    shown = [row for row in quota if row["missing"] or not fold]
    by_label = all(set(row["cell"]) <= {"label"} for row in quota)
    text = table(
        ("label" if by_label else "part", "wanted", "selected", "missing", "dropped there"),
        [_quota_row(row) for row in shown],
    )
    if not fold:
        return text
    selected = sum(row["selected"] for row in met)
    more = f"{len(met):,} {'more parts are' if shown else 'parts of the quota, all'} met, with {pluralize(selected, 'text')}"
    return f"{text}\n{more}" if shown else more


def _quota_row(row: QuotaRow) -> tuple[str, ...]:
    name = ", ".join(row["cell"].values()) or "total"
    why = " · ".join(f"{one['count']:,} {one['step']}: {one['reason']}" for one in row["reasons"])
    missing = f"{row['missing']:,}" if row["missing"] else ""
    return name, f"{row['wanted']:,}", f"{row['selected']:,}", missing, why


def _drops(drops: Sequence[DropCount]) -> str:
    if not drops:
        return "nothing was dropped"
    whole = sum(drop["count"] for drop in drops)
    rows = [(f"{one['count']:,}", f"{one['section']} {one['step']}", one["reason"]) for one in drops[:REASONS_SHOWN]]
    rest = sum(drop["count"] for drop in drops[REASONS_SHOWN:])
    if rest:
        rows.append((f"{rest:,}", "", "for other reasons"))
    return table((f"{whole:,}", "dropped by", "because"), rows)


def _numbers(told: Manifest) -> str:
    counts, requests, tokens = told["counts"], told["requests"], told["tokens"]
    kept = requests["from_journal"]
    parts = (
        f"{counts['selected']:,} selected of {pluralize(counts['candidates'], 'candidate')}",
        f"{counts['surplus']:,} spare" if counts["surplus"] else "",
        f"{counts['review']:,} waiting for review" if counts["review"] else "",
        f"{requests['failed']:,} failed" if requests["failed"] else "",
        pluralize(requests["sent"], "request") + (f" and {kept:,} from the journal" if kept else ""),
        f"{tokens['prompt'] + tokens['completion']:,} tokens",
        format_duration(told["seconds"]),
    )
    return " · ".join(part for part in parts if part)


def _verdict(result: RunSummary, width: int) -> str:
    told = read_evaluation(result.folder)
    if told is None:
        return ""
    # reading the verdict draws in what the report draws with, which no other result needs
    from textsynth.report.sections.verdict import read_verdict
    from textsynth.report.text import headline_lines

    return "\n".join(headline_lines(read_verdict(told), width))


def _next_steps(result: RunSummary) -> str:
    counts = result.manifest["counts"]
    wait = waiting_for_review(counts["review"])
    review = [f"  textsynth review {result.folder}"] if counts["review"] else []
    if not counts["selected"]:
        told = f"no text was selected; textsynth report {result.folder} shows what was dropped"
        return f"{told}; {wait}: textsynth review {result.folder}" if review else told
    splits = ", ".join(f"{name} {count:,}" for name, count in result.manifest["splits"].items())
    dataset = result.folder / "dataset"
    lines = (
        f"{dataset}  ({splits})",
        f'  load_dataset("{dataset}")          # in Python, from datasets',
        f"  textsynth report {result.folder}",
        f"  textsynth why {result.folder} ID",
        *(f"{line}          # {wait}" for line in review),
    )
    return "\n".join(lines)


UNITS = ("bytes", "kB", "MB", "GB")


def pushed_text(done: PushResult) -> str:
    """Return the files with their sizes and what becomes of each, the notes, and one sentence with the address."""
    sizes = [format_size(one.size) for one in done.files]
    width = max(map(len, sizes), default=0)
    lines = [
        f"{one.what:<7}  {size:>{width}}  {escape_control(one.path)}"
        for one, size in zip(done.files, sizes, strict=True)
    ]
    notes = [f"note: {note}" for note in done.notes]
    notes += [f"note: not checked: {', '.join(done.waived)} (waived)"] if done.waived else []
    tagged = [f"tagged {done.tag}"] if done.tag is not None else []
    return "\n".join([*lines, "", *notes, done.sentence, *tagged, done.url])


def pushed_json(done: PushResult) -> dict[str, Any]:
    """Return everything for a script; sizes are in bytes."""
    return asdict(done)


def format_size(size: int) -> str:
    """Return a size as `512 bytes` or `1.2 MB` (a kB has 1,000 bytes)."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {UNITS[unit]}" if unit == 0 else f"{value:,.1f} {UNITS[unit]}"
