"""How a run ends where its server does something wrong: a table of faults, at 1 and at 64 requests in flight.

    python eval/server_faults.py [--fault NAME]… [--in-flight 1 64] [--workers 6] [--show]

Each row is one `textsynth run` of 90 texts against the mock server of the tests. The fault is in every response, in
each third one, or in the first three (one in flight) or twelve. A run passes where

- it ends with exit 0, the quota is met, and every selected text is one that the server wrote for a prompt of that
  label; where every request is answered in the end, the data set has the bytes of a run without the fault. Or it ends
  with another exit code and one sentence that names the cause, within ten seconds beyond the time that the server took
  (`max_downtime_seconds` is 3);
- the counts agree: what was sent is what the journal holds, and no more than the server received; what failed and the
  tokens are those of the journal, without what a run that stops early had planned ahead; candidates are selected,
  surplus, dropped, or in review.

Exits with 1 where a run does not pass. `--show` prints the sentences.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from fault_responses import FAULTS, LABELS, LONG_LABELS, Pieces, ServerFault, unchanged

from tests.hub_client import run_command
from tests.mock import MODEL, Answer, numbered_lines
from tests.models.raw_server import response
from tests.runner.recipes import digest
from tests.server import serving
from tests.server_process import server_process
from textsynth.store.dataset import DatasetReader

Often = Literal["always", "a third", "first"]
MAX_SECONDS = 10.0
BURST = {1: 3}  # responses with the fault at the start, by the requests in flight; else twelve
DYING = "dies and comes back"


class Case(NamedTuple):
    """One run: a fault, how often it happens, and the requests in flight."""

    name: str
    often: Often
    in_flight: int


class Outcome(NamedTuple):
    """A row of the table: the seconds, the requests that the server received, the end, and what is wrong with it."""

    case: Case
    seconds: float
    requests: int
    end: str
    sentence: str
    faults: list[str]


class FaultyServer:
    """The responses of one server: which requests get the fault, and what was written for whom."""

    def __init__(self, pieces: Pieces, often: Often, in_flight: int = 1) -> None:
        self.written: dict[str, str] = {}  # the labels of the texts
        self._pieces = pieces
        self._often = often
        self._burst = BURST.get(in_flight, 12)
        self._count = 0

    def answer(self, request: dict[str, Any], use: int) -> str:
        """Return texts that depend on the prompt alone, whoever says it."""
        prompt = "\n\n".join(message["content"] for message in request["messages"])
        text = numbered_lines({"prompt": prompt}, 0, 2)
        label = re.search(r"^Label: (\w+)", prompt, re.MULTILINE)
        lines = [line.partition(". ")[2] for line in text.splitlines()]
        self.written |= dict.fromkeys(lines, "?" if label is None else label[1])
        return text

    def reshape(self, request: dict[str, Any], answer: bytes) -> Sequence[object]:
        """Return the pieces of one response."""
        self._count += 1
        hit = {"always": True, "a third": self._count % 3 == 0, "first": self._count <= self._burst}[self._often]
        return self._pieces(request, answer) if hit else [response(answer)]


def write_recipe(folder: Path, url: str, in_flight: int, fault: ServerFault) -> Path:
    """Write the recipe of one run, as JSON, which YAML contains."""
    model = {
        "base_url": url, "model": MODEL, "concurrency": in_flight, "retries": 8, "max_downtime_seconds": 3,
        "timeout_seconds": 1, **fault.model,
    }  # fmt: skip
    labelled = {"per_request": 2, "attributes": {"case": [f"case {number}" for number in range(400)]}}
    recipe = {
        "version": 1, "name": "faults", "models": {"generator": {"http": model}},
        "labels": LABELS,
        "generate": [{"labelled": labelled}], "filter": ["exact_duplicate"], "select": [],
        "want": {"label": 30}, **fault.recipe,
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe))
    return path


def measure(case: Case, expected_digest: Mapping[str, str] | None) -> Outcome:
    """Run one case; `expected_digest` is that of a run without the fault."""
    if case.name == DYING:
        return measure_dying(case, expected_digest or {})
    fault = FAULTS[case.name]
    faulty = FaultyServer(fault.pieces, case.often, case.in_flight)
    with (
        tempfile.TemporaryDirectory() as name,
        serving(answer=faulty.answer, reshape=faulty.reshape, latency=0.003) as server,
    ):
        folder = Path(name)
        recipe = write_recipe(folder, server.url, case.in_flight, fault)
        started = time.monotonic()
        result = run_command(["run", str(recipe), "--out", str(folder / "run"), "--quiet"])
        seconds = time.monotonic() - started
        requests = server.stats()["requests"]
        expected = {"always": fault.always, "a third": fault.third, "first": fault.burst}[case.often] or "any"
        problems = [*check_counts(folder / "run", requests)]
        sentence = (result.err.strip().splitlines() or [""])[-1]
        if result.code == 3:
            sentence = stop_sentence(folder / "run", result.out, problems)
        if result.code == 0:
            problems += [f"no note on {fault.note}"] if fault.note and not has_note(folder / "run", fault.note) else []
            end = check_texts(folder / "run", faulty.written, expected_digest, problems)
            if expected == "sentence" or (expected == "same" and end != "same bytes"):
                problems.append(f"{end}, not {expected}")
        else:
            end = f"exit {result.code}"
            if expected in ("same", "texts"):
                problems.append("no data set")
            problems += check_sentence(result.out + result.err, sentence, fault, seconds)
            check_texts(folder / "run", faulty.written, None, problems)
    return Outcome(case, seconds, requests, end, "" if result.code == 0 else sentence, problems)


def measure_dying(case: Case, expected_digest: Mapping[str, str]) -> Outcome:
    """Run against a server that is killed after twenty answers and is back a second later."""
    with tempfile.TemporaryDirectory() as name, server_process("--latency-ms", "20") as server:

        def restart() -> None:
            server.wait_for_answers(20)
            server.kill()
            time.sleep(1)
            server.start()

        thread = threading.Thread(target=restart)
        thread.start()
        recipe = write_recipe(Path(name), server.url, case.in_flight, FAULTS["500"])
        started = time.monotonic()
        result = run_command(["run", str(recipe), "--out", f"{name}/run", "--quiet"])
        seconds = time.monotonic() - started
        thread.join()
        problems = [] if result.code == 0 else [result.err]
        problems += [*check_counts(Path(name, "run"), None)]
        same = digest(Path(name, "run")) == expected_digest
        problems += [] if same else ["other bytes"]
    return Outcome(case, seconds, 0, "same bytes" if same else f"exit {result.code}", "", problems)


def has_note(run: Path, pattern: str) -> bool:
    """Return whether a note of a run matches."""
    return any(re.search(pattern, note) for note in json.loads((run / "manifest.json").read_text())["notes"])


def stop_sentence(run: Path, printed: str, problems: list[str]) -> str:
    """Return the sentence of a run that did not meet its quota; it must be printed too."""
    sentence: str = json.loads((run / "manifest.json").read_text())["stopped"]["sentence"]
    if " ".join(sentence.split()) not in " ".join(printed.split()):
        problems.append("the sentence is not printed")
    return sentence


def check_texts(run: Path, written: Mapping[str, str], expected: Mapping[str, str] | None, problems: list[str]) -> str:
    """Return what the data set of a run is, and add what is wrong with its texts."""
    rows = DatasetReader(run / "dataset" / "data")
    pairs = zip(rows.column("text"), rows.column("label"), strict=True)
    foreign = [text for text, label in pairs if written.get(text) != label]
    if foreign:
        problems.append(f"{len(foreign)} texts that the server did not write for that label, as {foreign[0]!r}")
    return "same bytes" if expected is not None and digest(run) == expected else f"{len(rows)} texts"


def check_sentence(output: str, sentence: str, fault: ServerFault, seconds: float) -> Iterator[str]:
    """Yield what is wrong with the end of a run that gave no data set."""
    if "Traceback" in output or "bug in TextSynth" in output:
        yield "a traceback"
    if not re.search(fault.says, sentence):
        yield f"the sentence says {sentence!r}"
    if seconds > MAX_SECONDS + fault.own_seconds:
        yield f"it took {seconds:.1f} s"


def check_counts(run: Path, received: int | None) -> Iterator[str]:
    """Yield what does not add up in a run; `received` is how many requests its server received."""
    journal_path = run / "journal.sqlite"
    with closing(sqlite3.connect(journal_path)) as journal:
        total, failed, prompt, completion = journal.execute(
            "SELECT count(*), count(failure), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0)"
            " FROM answers"
        ).fetchone()
    if received is not None and total > received:
        yield f"{total} answers in the journal of {received} requests"
    if not (run / "manifest.json").exists():
        return
    manifest = json.loads((run / "manifest.json").read_text())
    requests, counts, tokens = manifest["requests"], manifest["counts"], manifest["tokens"]
    stored = dict(sent=total, failed=failed, prompt=prompt, completion=completion)
    stated = dict(sent=requests["sent"], failed=requests["failed"], **tokens)
    # A run that stops early has answers to requests that it had planned ahead; these are stored and count as sent only.
    is_ahead = requests["planned"] < requests["sent"]
    if stated != stored and not (is_ahead and all(stated[name] <= stored[name] for name in stored)):
        yield f"the manifest counts {stated}, the journal {stored}"
    if stated["sent"] != total or requests["planned"] > total or requests["from_journal"]:
        yield f"{requests} with {total} answers in the journal"
    parts = sum(counts[name] for name in ("selected", "surplus", "dropped", "review"))
    if counts["candidates"] != parts or counts["accepted"] != counts["selected"] + counts["surplus"]:
        yield f"the counts do not add up: {counts}"
    rows = {
        name: sum(pq.ParquetFile(path).metadata.num_rows for path in (run / "dataset" / name).glob("*.parquet"))
        for name in ("data", "dropped")
    }
    if rows != {"data": counts["selected"], "dropped": counts["surplus"] + counts["dropped"] + counts["review"]}:
        yield f"the tables have {rows}, the manifest {counts}"


def cases(names: Sequence[str], in_flight: Sequence[int]) -> Iterator[Case]:
    """Yield the runs of the faulty."""
    for name in names:
        fault = FAULTS.get(name)
        ways: dict[Often, object] = (
            {"always": "same"}
            if fault is None
            else {"always": fault.always, "a third": fault.third, "first": fault.burst}
        )
        for often, expected in ways.items():
            for count in in_flight if expected is not None else ():
                yield Case(name, often, count)


def digest_without_fault(recipe_changes: Mapping[str, object], answer: Answer | None = None) -> dict[str, str]:
    """Return the digest of a run whose server has no fault; `answer` replaces what the server writes."""
    faulty = FaultyServer(unchanged, "always")
    with tempfile.TemporaryDirectory() as name, serving(answer=answer or faulty.answer) as server:
        recipe = write_recipe(Path(name), server.url, 16, ServerFault(unchanged, recipe=recipe_changes))
        result = run_command(["run", str(recipe), "--out", f"{name}/run", "--quiet"])
        if result.code:
            raise SystemExit(result.err)
        return digest(Path(name, "run"))


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", action="append", choices=[*FAULTS, DYING], metavar="NAME", help="default: all")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--show", action="store_true", help="print the sentences")
    arguments = parser.parse_args()
    names = arguments.fault or [*FAULTS, DYING]
    started = time.monotonic()
    plain, long = digest_without_fault({}), digest_without_fault(LONG_LABELS)
    by_other_server = digest_without_fault({}, numbered_lines)
    failures = count = 0
    print(f"{'fault':32} {'in':9} {'in flight':>9} {'seconds':>7} {'sent':>5}  end")
    with ProcessPoolExecutor(arguments.workers) as pool:
        planned = list(cases(names, arguments.in_flight))
        digests = [
            by_other_server if case.name == DYING else long if FAULTS[case.name].recipe else plain for case in planned
        ]
        for outcome in pool.map(measure, planned, digests):
            case, count = outcome.case, count + 1
            problems = "; ".join(outcome.faults)
            failures += bool(problems)
            end = f"{outcome.end}: {outcome.sentence}" if outcome.sentence and arguments.show else outcome.end
            sent = outcome.requests or ""
            print(
                f"{case.name:32} {case.often:9} {case.in_flight:9} {outcome.seconds:7.1f} {sent:5}  {end}"
                f"{'  FAILED: ' if problems else ''}{problems}",
                flush=True,
            )
    print(f"{count} runs with {len(names)} faults, {failures} failed, {time.monotonic() - started:.0f} s")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
