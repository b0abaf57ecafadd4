from __future__ import annotations

from pathlib import Path
from typing import Any

from textsynth.python.html import ROWS_SHOWN, preformatted, run_html


def told(*, quota: int = 2, notes: tuple[str, ...] = (), review: int = 0) -> dict[str, Any]:
    rows = [{"match": {"label": f"<l{n}>"}, "want": 1000, "selected": n, "missing": 1000 - n} for n in range(quota)]
    drops = [{"count": 7, "section": "filter", "item": "length", "reason": "is <too> short"}]
    counts = {"selected": 1, "candidates": 1200, "review": review}
    stopped = {"sentence": "the quota is met"}
    return {"name": "a<b", "stopped": stopped, "counts": counts, "quota": rows, "drops": drops, "notes": list(notes)}


def test_everything_is_escaped() -> None:
    page = run_html(told(notes=("split <x> is empty",)), Path("runs/<y>"))
    for text in ("a&lt;b", "&lt;l0&gt;", "is &lt;too&gt; short", "split &lt;x&gt;", "runs/&lt;y&gt;/dataset"):
        assert text in page
    assert "1,200 candidates" in page
    assert preformatted("<\x1b[2J>") == '<pre style="line-height:1.3">&lt;\\x1b[2J&gt;</pre>'


def test_the_neediest_come_first_and_the_rest_is_counted() -> None:
    page = run_html(told(quota=ROWS_SHOWN + 3), Path("runs/x"))
    assert "and 3 more" in page
    assert page.index("&lt;l0&gt;") < page.index("&lt;l1&gt;")
    assert "<table>" not in run_html(told(quota=0) | {"drops": []}, Path("runs/x"))


def test_texts_that_wait_are_told_with_the_command_that_shows_them() -> None:
    assert "1 text waits for a person: textsynth review runs/x" in run_html(told(review=1), Path("runs/x"))
    assert "review" not in run_html(told(), Path("runs/x"))
