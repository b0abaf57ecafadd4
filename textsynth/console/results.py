"""The result of every command: as text for a terminal (`…_text`) and as JSON for a script (`…_json`)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from textsynth.core.formatting import escape_control, format_duration, pluralize, waiting_for_review
from textsynth.core.terminal import table_lines, truncate_end, truncate_middle
from textsynth.hub import PushResult
from textsynth.store.evaluation import read_evaluation

if TYPE_CHECKING:
    from textsynth.recipe.component_docs import ComponentDoc
    from textsynth.runner import RunSummary
    from textsynth.runner.estimate import Range, RunEstimate
    from textsynth.runner.label_file import LabellingSummary
    from textsynth.runner.offline import OfflineRound
    from textsynth.runner.preview import CheckResult, PreviewSample, PreviewText
    from textsynth.sharded import ShardedPass
    from textsynth.store.manifest import DropCount, Manifest, QuotaRow

DEFAULT_WIDTH = 100
# More met quota cells than this become one line.
MAX_MET_CELLS = 20
MAX_REASONS = 15
MAX_EXAMPLE = 60
# A label may have 200 characters; in a table a longer one loses its middle.
MAX_NAME = 48
SIZE_UNITS = ("bytes", "kB", "MB", "GB")


def result_text(result: RunSummary, width: int = DEFAULT_WIDTH) -> str:
    """Return the result of a run: its quota, its drops, its numbers, the head of its verdict, and what to do next.

    More than 20 met quota cells become one line. Every cell that misses texts is shown, with the most frequent reasons
    for which its texts were dropped. The verdict is there where the texts were evaluated on real data.
    """
    manifest = result.manifest
    parts = (
        _quota_text(result.quota),
        _drops_text(manifest["drops"]),
        f"{_numbers_line(manifest)}\n{result.sentence}",
        _verdict_text(result, width),
        "\n".join(f"note: {escape_control(note)}" for note in manifest["notes"]),
        _next_steps(result),
    )
    return "\n\n".join(part for part in parts if part)


def result_json(result: RunSummary) -> dict[str, Any]:
    """Return the result of a run: folder, exit code, why it stopped, quota, verdict and the whole manifest.

    `verdict` is that of `evaluation.json`, None where the texts were not evaluated on real data.
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


def labelling_text(result: LabellingSummary) -> str:
    """Return the result of labelling given texts: texts by label, the notes of the run, and where the labels are."""
    counts = result.label_counts
    rows = [(truncate_middle(label, MAX_NAME), f"{count:,}") for label, count in counts.items()]
    parts = (
        "\n".join(table_lines(("label", "texts"), rows)) if rows else "",
        "\n".join(f"note: {escape_control(note)}" for note in result.run.manifest["notes"]),
        f"{result.sentence}\nwritten to {result.file}",
        f"textsynth review {result.run.folder}" if result.status_counts["review"] else "",
    )
    return "\n\n".join(part for part in parts if part)


def filtering_text(result: ShardedPass) -> str:
    """Return the result of filtering texts in shards: what was dropped, notes, and where the shards are."""
    rows = [(row["step"], escape_control(row["reason"]), f"{row['count']:,}") for row in result.as_json()["reasons"]]
    parts = (
        "\n".join(table_lines(("dropped by", "reason", "texts"), rows)) if rows else "",
        "\n".join(f"note: {escape_control(note)}" for note in result.notes),
        f"{result.sentence}\nwritten to {result.folder}",
    )
    return "\n\n".join(part for part in parts if part)


def filtering_json(result: ShardedPass) -> dict[str, Any]:
    """Return the result of filtering texts in shards: the folder, and the content of its filter.json."""
    return {"folder": result.folder, "sentence": result.sentence, **result.as_json()}


def labelling_json(result: LabellingSummary) -> dict[str, Any]:
    """Return the result of labelling given texts: file, counts by status and by label, and the manifest of the run."""
    return {
        "folder": str(result.run.folder),
        "file": str(result.file),
        "exit_code": result.exit_code,
        "sentence": result.sentence,
        "texts": {"given": len(result.rows), **result.status_counts},
        "labels": result.label_counts,
        "manifest": dict(result.run.manifest),
    }


def offline_round_text(offline_round: OfflineRound) -> str:
    """Return the state of an offline run; after the last round the result of the run comes first."""
    if offline_round.result is None:
        return offline_round.sentence
    return f"{result_text(offline_round.result)}\n\n{offline_round.sentence}"


def offline_round_json(offline_round: OfflineRound) -> dict[str, Any]:
    """Return the state of an offline run: exit code, counts of requests and answers, and `run` after the last round."""
    counts = {
        name: getattr(offline_round, name) for name in ("waiting", "taken", "known", "unknown", "errors", "unread")
    }
    return {
        "exit_code": offline_round.exit_code,
        **counts,
        "written": None if offline_round.written is None else str(offline_round.written),
        "sentence": offline_round.sentence,
        "run": None if offline_round.result is None else result_json(offline_round.result),
    }


def steps_text(steps: Sequence[ComponentDoc], *, brief: bool) -> str:
    """Return the description of steps; with `brief` one line per step, grouped by section."""
    if not brief:
        return "\n\n".join(step.text() for step in steps)
    width = max(len(step.name) for step in steps)
    sections: dict[str, list[str]] = {}
    for step in steps:
        sections.setdefault(step.section, [step.section]).append(f"  {step.name:<{width}}  {step.about}")
    hint = "textsynth steps NAME describes the options of one step, and what it does not catch"
    return "\n\n".join([*("\n".join(lines) for lines in sections.values()), hint])


def steps_json(steps: Sequence[ComponentDoc]) -> list[dict[str, Any]]:
    """Return the description of steps with all their options."""
    return [asdict(step) for step in steps]


def fold_lines(text: str, width: int) -> str:
    """Return the text in lines of at most `width` columns; a folded line continues below the start of its column."""
    lines: list[str] = []
    for line in text.split("\n"):
        # leading spaces, and a first column: a word followed by at least two spaces
        prefix = re.match(r" *(?:\S+ {2,})?", line)
        indent = " " * (prefix.end() if prefix and prefix.end() < width // 2 else 2)
        lines += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def plan_text(plan: RunEstimate) -> str:
    """Return the estimate of a run: requests and tokens of each generator and labeller, and in all, as ranges."""
    rows = [
        (
            part.item,
            f"{part.texts:,}",
            format_range(part.requests),
            format_range(part.prompt_tokens),
            format_range(part.completion_tokens),
        )
        for part in plan.parts
    ]
    goal = "every text"
    if plan.cells:
        goal = f"{pluralize(plan.texts, 'text')} to accept for {pluralize(plan.cells, 'quota cell')}"
    total = f"in all {format_range(plan.requests)} requests · {format_range(plan.tokens)} tokens"
    if plan.seconds is not None:
        total += f" · {_range_text(format_duration(plan.seconds.low), format_duration(plan.seconds.high))}"
    head = ("step", "texts", "requests", "prompt tokens", "answer tokens")
    lines = [
        f"{plan.name}: the recipe is valid; {goal}",
        "",
        *table_lines(head, rows),
        "",
        total,
        *(f"note: {note}" for note in plan.notes),
        *_gap_lines(plan),
    ]
    return "\n".join(lines)


def _gap_lines(plan: RunEstimate) -> list[str]:
    """Return a table of the topics that the seeds lack, for each generator that looks for them."""
    from textsynth.report.sections.gaps import region_label  # few recipes have gaps

    lines: list[str] = []
    for step, summary in plan.gaps.items():
        rows = [
            (
                truncate_middle(region["name"], MAX_NAME),
                truncate_middle(region_label(region), MAX_NAME),
                f"{region['rows']:,}",
                f"{region['nearest_seed']:.2f}",
                f"{region['wanted']:,}",
                truncate_end(escape_control(next(iter(region["examples"]), "")), MAX_EXAMPLE),
            )
            for region in summary["regions"]
        ]
        if rows:
            head = (f"gaps of {step}", "label", "rows", "nearest seed", "texts", "example")
            lines += ["", *table_lines(head, rows, text_columns=(0, 1, 5))]
    return lines


def plan_json(plan: RunEstimate) -> dict[str, Any]:
    """Return the estimate of a run; a range is {low, high}, `seconds` is None where the speed is unknown."""
    return asdict(plan)


def samples_text(samples: Sequence[PreviewSample]) -> str:
    """Return each request of a preview with its prompt, its answer, and the result of every check on every text."""
    return "\n\n".join(_sample_text(number, sample) for number, sample in enumerate(samples, start=1))


def samples_json(samples: Sequence[PreviewSample]) -> list[dict[str, Any]]:
    """Return the requests of a preview."""
    return [asdict(sample) for sample in samples]


def push_text(result: PushResult) -> str:
    """Return the result of a push: each file with its change and size, the notes, and a sentence with the address."""
    sizes = [format_size(file.size) for file in result.files]
    width = max(map(len, sizes), default=0)
    lines = [
        f"{file.what:<7}  {size:>{width}}  {escape_control(file.path)}"
        for file, size in zip(result.files, sizes, strict=True)
    ]
    lines += ["", *(f"note: {note}" for note in result.notes)]
    if result.waived:
        lines.append(f"note: not checked: {', '.join(result.waived)} (waived)")
    lines.append(result.sentence)
    if result.tag is not None:
        lines.append(f"tagged {result.tag}")
    return "\n".join([*lines, result.url])


def push_json(result: PushResult) -> dict[str, Any]:
    """Return the result of a push; sizes are in bytes."""
    return asdict(result)


def format_range(values: Range) -> str:
    """Return `40 – 200` with rounded ends, or one number where they are equal."""
    return _range_text(f"{round(values.low):,}", f"{round(values.high):,}")


def format_size(size: int) -> str:
    """Return a size as `512 bytes` or `1.2 MB`; a kB has 1,000 bytes."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(SIZE_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {SIZE_UNITS[unit]}" if unit == 0 else f"{value:,.1f} {SIZE_UNITS[unit]}"


def _range_text(low: str, high: str) -> str:
    return low if low == high else f"{low} – {high}"


def _quota_text(quota: Sequence[QuotaRow]) -> str:
    """Return the quota as a table; of many met cells only their number."""
    if not quota:
        return ""
    met = [row for row in quota if not row["missing"]]
    if len(met) <= MAX_MET_CELLS:
        return _quota_table(quota, quota)
    missing = [row for row in quota if row["missing"]]
    cells = f"{len(met):,} more quota cells are" if missing else f"all {len(met):,} quota cells are"
    summary = f"{cells} met, with {pluralize(sum(row['selected'] for row in met), 'text')}"
    return f"{_quota_table(missing, quota)}\n{summary}" if missing else summary


def _quota_table(shown: Sequence[QuotaRow], quota: Sequence[QuotaRow]) -> str:
    only_labels = all(set(row["cell"]) <= {"label"} for row in quota)
    head = ("label" if only_labels else "quota cell", "wanted", "selected", "missing", "dropped")
    rows = [
        (
            truncate_middle(", ".join(row["cell"].values()) or "total", MAX_NAME),
            f"{row['wanted']:,}",
            f"{row['selected']:,}",
            f"{row['missing']:,}" if row["missing"] else "",
            " · ".join(f"{drop['count']:,} {drop['step']}: {drop['reason']}" for drop in row["reasons"]),
        )
        for row in shown
    ]
    return "\n".join(table_lines(head, rows, text_columns=(0, 4)))


def _drops_text(drops: Sequence[DropCount]) -> str:
    """Return the number of dropped texts by step and reason, the most frequent first, as the manifest has them."""
    if not drops:
        return "nothing was dropped"
    rows = [(f"{drop['count']:,}", f"{drop['section']} {drop['step']}", drop["reason"]) for drop in drops[:MAX_REASONS]]
    other_reasons = sum(drop["count"] for drop in drops[MAX_REASONS:])
    if other_reasons:
        rows.append((f"{other_reasons:,}", "", "other reasons"))
    total = sum(drop["count"] for drop in drops)
    return "\n".join(table_lines((f"{total:,}", "dropped by", "reason"), rows, text_columns=(1, 2)))


def _numbers_line(manifest: Manifest) -> str:
    counts, requests, tokens = manifest["counts"], manifest["requests"], manifest["tokens"]
    from_journal = f" and {requests['from_journal']:,} from the journal" if requests["from_journal"] else ""
    parts = (
        f"{counts['selected']:,} selected of {pluralize(counts['candidates'], 'candidate')}",
        f"{counts['surplus']:,} surplus" if counts["surplus"] else "",
        f"{counts['review']:,} waiting for review" if counts["review"] else "",
        f"{requests['failed']:,} failed" if requests["failed"] else "",
        pluralize(requests["sent"], "request") + from_journal,
        f"{tokens['prompt'] + tokens['completion']:,} tokens",
        format_duration(manifest["seconds"]),
    )
    return " · ".join(part for part in parts if part)


def _verdict_text(result: RunSummary, width: int) -> str:
    evaluation = read_evaluation(result.folder)
    if evaluation is None:
        return ""
    # imported here because no other result needs the modules of the report
    from textsynth.report.sections.verdict import summarize_verdict
    from textsynth.report.text import headline_lines

    return "\n".join(headline_lines(summarize_verdict(evaluation), width))


def _next_steps(result: RunSummary) -> str:
    """Return where the data set is and the commands that a user may want next."""
    counts, folder = result.manifest["counts"], result.folder
    review = f"textsynth review {folder}"
    if not counts["selected"]:
        text = f"no text was selected; textsynth report {folder} shows what was dropped"
        return f"{text}; {waiting_for_review(counts['review'])}: {review}" if counts["review"] else text
    splits = ", ".join(f"{name} {count:,}" for name, count in result.manifest["splits"].items())
    dataset = folder / "dataset"
    lines = [
        f"{dataset}  ({splits})",
        f'  load_dataset("{dataset}")          # in Python, from datasets',
        f"  textsynth report {folder}",
        f"  textsynth why {folder} ID",
    ]
    if counts["review"]:
        lines.append(f"  {review}          # {waiting_for_review(counts['review'])}")
    return "\n".join(lines)


def _sample_text(number: int, sample: PreviewSample) -> str:
    lines = [f"━━ {number}. {sample.item}"]
    for role, content in sample.prompt:
        lines += [f"── {role or 'prompt'}", escape_control(content.strip())]
    if sample.failure is not None:
        lines.append(f"── failed: {escape_control(sample.failure)}")
    elif sample.prompt:
        lines += ["── answer", escape_control(sample.answer.strip())]
    lines.append(f"── {pluralize(len(sample.texts), 'text')}")
    for text in sample.texts:
        lines += _preview_text_lines(text)
    return "\n".join(lines)


def _preview_text_lines(text: PreviewText) -> list[str]:
    labels = f"  [{escape_control(', '.join(text.labels))}]" if text.labels else ""
    passes = text.unread is None and all(check.reason is None for check in text.checks)
    head = f"{'✓' if passes else '✗'} {escape_control(text.text)}{labels}"
    if text.unread is not None:
        return [head, f"    not read: {escape_control(text.unread)}"]
    return [head, *(f"    {line}" for line in map(_check_line, text.checks) if line)]


def _check_line(check: CheckResult) -> str:
    """Return the result of a check, "" for one that passes without a score."""
    if check.reason is None and check.measured is None:
        return ""
    score = "" if check.measured is None else f" {check.measured:g}"
    limit = "" if check.limit is None else f", limit {check.limit:g}"
    return f"{check.item}: {escape_control(check.reason or 'passes')}{score}{limit}"
