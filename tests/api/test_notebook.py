from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from textsynth.api.notebook import MAX_ROWS, open_watch, preformatted, run_html
from textsynth.console.progress import PlainProgress, ProgressDisplay

ROOT = Path(__file__).parent.parent.parent
CELLS = (
    "import sys; sys.path.insert(0, {root!r})\nfrom tests.api.recipes import make_tickets\nimport textsynth as ts",
    "run = ts.run(make_tickets(), out='run')\nrun",
    "ts.run(make_tickets(), out='quiet', quiet=True).met",
    "ts.make_recipe(want={{'lable': 3}})",
)


def test_outside_of_a_notebook_the_display_is_that_of_the_command_line() -> None:
    assert isinstance(open_watch("tickets", quiet=False), PlainProgress)
    assert type(open_watch("tickets", quiet=True)) is ProgressDisplay


def test_a_notebook_shows_one_progress_output_and_the_result(tmp_path: Path) -> None:
    """May take over ten seconds: a kernel starts."""
    nbformat = pytest.importorskip("nbformat", reason="needs a notebook's kernel: pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="needs a notebook's kernel: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="needs a notebook's kernel: pip install nbclient ipykernel")
    cells = [nbformat.v4.new_code_cell(cell.format(root=str(ROOT))) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "x"}})
    client = nbclient.NotebookClient(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [output for output in notebook.cells[1].outputs if output["output_type"] != "stream"]
    progress, result = outputs
    assert (progress["output_type"], result["output_type"]) == ("display_data", "execute_result")
    assert "20 of 20 accepted" in progress["data"]["text/html"]
    assert "the quota is met" in result["data"]["text/html"]
    (quiet,) = notebook.cells[2].outputs
    assert quiet["data"]["text/plain"] == "True"
    assert notebook.cells[3].outputs[0]["ename"] == "RecipeError"


def test_ipython_in_a_terminal_is_no_notebook() -> None:
    pytest.importorskip("IPython", reason="needs IPython")
    code = "from textsynth.api.notebook import open_watch; print(type(open_watch('x', quiet=False)).__name__)"
    process = subprocess.run(
        [sys.executable, "-m", "IPython", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert process.stdout.strip().splitlines()[-1] == "PlainProgress"


def example_manifest(*, quota: int = 2, notes: tuple[str, ...] = (), review: int = 0) -> dict[str, Any]:
    rows = [{"cell": {"label": f"<l{n}>"}, "wanted": 1000, "selected": n, "missing": 1000 - n} for n in range(quota)]
    drops = [{"count": 7, "section": "filter", "step": "length", "reason": "is <too> short"}]
    counts = {"selected": 1, "candidates": 1200, "review": review}
    stopped = {"sentence": "the quota is met"}
    return {"name": "a<b", "stopped": stopped, "counts": counts, "quota": rows, "drops": drops, "notes": list(notes)}


def test_all_texts_are_escaped() -> None:
    page = run_html(example_manifest(notes=("split <x> is empty",)), Path("runs/<y>"))
    for text in ("a&lt;b", "&lt;l0&gt;", "is &lt;too&gt; short", "split &lt;x&gt;", "runs/&lt;y&gt;/dataset"):
        assert text in page
    assert "1,200 candidates" in page
    assert preformatted("<\x1b[2J>") == '<pre style="line-height:1.3">&lt;\\x1b[2J&gt;</pre>'


def test_the_cells_with_most_missing_texts_are_shown_first_and_the_others_counted() -> None:
    page = run_html(example_manifest(quota=MAX_ROWS + 3), Path("runs/x"))
    assert "and 3 more" in page
    assert page.index("&lt;l0&gt;") < page.index("&lt;l1&gt;")
    assert "<table>" not in run_html(example_manifest(quota=0) | {"drops": []}, Path("runs/x"))


def test_texts_in_review_are_shown_with_the_command() -> None:
    assert "1 text waits for a person: textsynth review runs/x" in run_html(example_manifest(review=1), Path("runs/x"))
    assert "review" not in run_html(example_manifest(), Path("runs/x"))
