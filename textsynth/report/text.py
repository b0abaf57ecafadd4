"""The account of a run, and an evaluation, as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textsynth.core.formatting import counted, visible
from textsynth.report.account import Account
from textsynth.report.gold import gold_sections
from textsynth.report.plain import section_lines, verdict_lines, wrapped
from textsynth.report.proof import Proof, read_proof
from textsynth.report.sections import Section

BAR = 30
NAME = 39
WIDTH = 100


def as_text(account: Account, width: int = WIDTH) -> str:
    """Return the outcome, the funnel, the quota, counts by label and the cost, in about 100 columns.

    Where the run was evaluated, the verdict stands first and the evaluation's tables, within `width`, before the cost.
    Texts of a model (in names, reasons and notes) cannot move the cursor: control characters are written out.
    """
    proof = None if account.evaluation is None else read_proof(account.evaluation)
    first = [] if proof is None else [verdict_lines(proof.verdict, width)]
    proved = [] if proof is None else [section_lines(section, width) for section in _sections(proof)]
    run = (_head(account), _funnel(account), _quota(account), _labels(account))
    tried = (section_lines(section, width) for section in gold_sections(account.manifest))
    return _joined((*first, *run, *tried, *proved, _cost(account)))


def evaluation_text(told: Mapping[str, Any], width: int = WIDTH) -> str:
    """Return the evaluation alone for a terminal: the verdict, the facts, and every table, no line wider than `width`.

    Narrower than 24 columns counts as 24.
    """
    proof = read_proof(told)
    facts = " · ".join(f"{value} {name}" for value, name in proof.facts)
    head = [*wrapped(f"{proof.name}: evaluation on real data", width), *(wrapped(facts, width) if facts else [])]
    sections = [section_lines(section, width) for section in _sections(proof)]
    return _joined((verdict_lines(proof.verdict, width), head, *sections))


def _sections(proof: Proof) -> list[Section]:
    return [*proof.sections, *([proof.measured] if proof.measured.figures else [])]


def _joined(parts: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(map(visible, lines)) for lines in parts if lines)


def _head(account: Account) -> list[str]:
    told = account.manifest
    waiting = [account.waiting, f"  textsynth review {account.folder}"] if account.waiting else []
    return [f"{told['name']}: {told['stopped']['sentence']}", *waiting]


def _funnel(account: Account) -> list[str]:
    funnel = account.funnel
    most = max((abs(count) for _, count in funnel), default=1) or 1
    return [f"{count:>8,}  {'█' * round(BAR * abs(count) / most):<{BAR}}  {_one_line(name)}" for name, count in funnel]


def _quota(account: Account) -> list[str]:
    if not account.manifest["quota"]:
        return []
    lines = [f"{'quota':<{NAME}} {'want':>7} {'selected':>9} {'missing':>8}"]
    for row in account.manifest["quota"]:
        name = _one_line(", ".join(row["match"].values()) or "total")
        lines.append(f"{name[:NAME]:<{NAME}} {row['want']:>7,} {row['selected']:>9,} {row['missing']:>8,}")
        lines += [f"    {why['count']:,} × {why['item']}: {_one_line(why['reason'])}" for why in row["why"]]
    return lines


def _labels(account: Account) -> list[str]:
    splits = [name for name, count in account.manifest["splits"].items() if count]
    if not account.labels or not splits:
        return []
    lines = [f"{'label':<{NAME}} " + " ".join(f"{name:>10}" for name in splits)]
    for label, counts in account.labels.items():
        cells = " ".join(f"{counts.get(name, 0):>10,}" for name in splits)
        lines.append(f"{_one_line(label)[:NAME]:<{NAME}} {cells}")
    return lines


def _cost(account: Account) -> list[str]:
    told = account.manifest
    requests, tokens = told["requests"], told["tokens"]
    lines = [
        f"models: {', '.join(told['models']) or 'none'}",
        f"{counted(requests['planned'], 'request')} ({requests['from_journal']:,} from the journal, "
        f"{requests['failed']:,} failed), {tokens['prompt']:,} tokens read, {tokens['completion']:,} written, "
        f"{told['seconds']} s",
    ]
    lines += [f"split {name}: {count:,}" for name, count in told["splits"].items()]
    return lines + [f"note: {_one_line(note)}" for note in told["notes"]]


def _one_line(text: str) -> str:
    return " ".join(text.split())
