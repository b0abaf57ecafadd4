"""The account of a run as plain text."""

from __future__ import annotations

from textsynth.report.account import Account

BAR = 30


def as_text(account: Account) -> str:
    """Return the outcome, the funnel, the quota and the cost, one line each, in at most about 100 columns."""
    told = account.manifest
    requests, tokens = told["requests"], told["tokens"]
    lines = [f"{told['name']}: {told['stopped']['sentence']}", ""]
    most = max((abs(count) for _, count in account.funnel), default=1) or 1
    for name, count in account.funnel:
        lines.append(f"{count:>8}  {'█' * round(BAR * abs(count) / most):<{BAR}}  {name}")
    if told["quota"]:
        lines += ["", f"{'quota':<40}{'want':>7}{'selected':>10}{'missing':>9}"]
        for row in told["quota"]:
            name = ", ".join(row["match"].values()) or "total"
            lines.append(f"{name[:39]:<40}{row['want']:>7}{row['selected']:>10}{row['missing']:>9}")
            lines += [f"    {why['count']} × {why['item']}: {why['reason']}" for why in row["why"]]
    lines += ["", f"models: {', '.join(told['models']) or 'none'}"]
    lines.append(
        f"requests: {requests['planned']} ({requests['from_journal']} from the journal, {requests['failed']} failed), "
        f"tokens: {tokens['prompt']} read, {tokens['completion']} written, {told['seconds']} s"
    )
    lines += [f"split {name}: {count}" for name, count in told["splits"].items()]
    lines += [f"note: {note}" for note in told["notes"]]
    return "\n".join(lines)
