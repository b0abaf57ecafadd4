"""How a run ends when its server does one thing wrong all the time: a table of faults, at 1 and 64 requests in flight.

    python eval/server_faults.py
    python eval/server_faults.py --kind page --kind thoughts --in-flight 64

Each row is one `textsynth.run` of 40 texts against the mock server of the tests, with a fault in every response, or in
each third one. It prints the fault, the requests in flight, the seconds, the requests sent, and the result: why the run
stopped, or the sentence of its error. A traceback ends the script.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.mock import MALFORMED_BODIES, MODEL, ODD_BODIES
from tests.server import Fault, serving
from textsynth.core.errors import TextSynthError
from textsynth.recipe import read_recipe
from textsynth.runner import run

KINDS = (*ODD_BODIES, *MALFORMED_BODIES, "reset", "close", "429", "503", "500", "401", "redirect", "toolong", "usage")
EVERY = (1, 3)
MAX_SENTENCE = 150


def recipe_text(url: str, in_flight: int) -> str:
    """Return a recipe of 40 texts, as JSON, which YAML contains."""
    model = {"base_url": url, "model": MODEL, "concurrency": in_flight, "max_downtime_seconds": 5, "timeout_seconds": 5}
    return json.dumps(
        {
            "version": 1, "name": "faults", "models": {"generator": {"http": model}},
            "labels": {"a": "one", "b": "two"}, "generate": [{"labelled": {"per_request": 1}}],
            "filter": ["exact_duplicate"], "select": [], "want": {"total": 40},
        }
    )  # fmt: skip


def measure(kind: str, every: int, in_flight: int, folder: Path) -> str:
    """Run against one fault, and return a line of the table."""
    with serving(varies=True, faults=[Fault(kind, every=every)]) as server:
        path = folder / "recipe.yaml"
        path.write_text(recipe_text(server.url, in_flight))
        started = time.monotonic()
        try:
            result = run(read_recipe(path), out=folder / "run")
            outcome = f"{result.stopped}: {result.sentence}"
        except TextSynthError as error:
            outcome = f"error: {error}"
        seconds, sent = time.monotonic() - started, server.stats()["requests"]
    return f"{kind:12} {every:5} {in_flight:9} {seconds:7.1f} {sent:5}  {outcome[:MAX_SENTENCE]}"


def main() -> None:
    """Run all faults and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", help="a fault of tests/mock.py; default: all")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 64])
    arguments = parser.parse_args()
    print(f"{'fault':12} {'every':>5} {'in flight':>9} {'seconds':>7} {'sent':>5}  result")
    for kind in arguments.kind or KINDS:
        for every in EVERY:
            for in_flight in arguments.in_flight:
                with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(None):
                    print(measure(kind, every, in_flight, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
