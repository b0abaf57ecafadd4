"""A run whose model notes every request with the time, and what remains of a run that was killed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEDS_CSV = """\
text,label
where is my parcel,delivery
has the van left,delivery
I want my money back,refund
you charged me twice,refund
"""
# The time of each request, with its key, in a file beside this one: a line is one write, whatever process writes it.
ANSWER_FILE = """\
import os, random, time
from pathlib import Path

WORDS = "parcel van money card order late lost again twice help please when where tracking charge back bank".split()
LOG = os.open(Path(__file__).with_name("asked.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def answer(request):
    os.write(LOG, f"{time.time()} {request.key}\\n".encode())
    time.sleep(0.01)
    generator = random.Random(request.key)
    return "\\n".join(f"{n}. " + " ".join(generator.choices(WORDS, k=7)) for n in range(1, 4))
"""
KILLS_RECIPE = """\
name: kills
labels: {delivery: asks where a parcel is, refund: asks for money back}
models: {generator: {scripted: {function: ./answer.py:answer, concurrency: 16}}}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds}]
filter: [length, exact_duplicate, near_duplicate]
select: []
want: {label: 300}
"""


def dataset_bytes(out: Path) -> dict[str, str]:
    """Return the hash of every file of the data set in a run's folder."""
    folder = out / "dataset"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def journal_keys(out: Path) -> set[str]:
    """Return the keys of all answers in the journal of a run's folder, which may be at work."""
    path = out / "journal.sqlite"
    if not path.is_file():
        return set()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        try:
            return {key if isinstance(key, str) else key.hex() for (key,) in journal.execute("SELECT key FROM answers")}
        except sqlite3.OperationalError:  # it is being created
            return set()


def journal_answers(out: Path) -> list[tuple[object, ...]]:
    """Return the key, the text and the counts of each answer in the journal of a finished run, by key."""
    columns = "key, answer, finish, prompt_tokens, completion_tokens, failure"
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        return journal.execute(f"SELECT {columns} FROM answers ORDER BY key").fetchall()


def asked_again(log: Path, at: float, keys: set[str]) -> set[str]:
    """Return the keys among `keys` that were asked after the time `at`."""
    return {key for time, key in map(str.split, log.read_text().splitlines()) if float(time) > at and key in keys}


def our_processes() -> list[int]:
    """Return the processes that Ray started for the tests of this checkout; those of another one may run as well."""
    return [
        pid
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        if f"PYTHONPATH={ROOT}".encode() in _read(pid, "environ")
    ]


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    below, waiting = [], [pid]
    while waiting:
        waiting += (inner := parents.get(waiting.pop(), []))
        below += inner
    return below


def worker_processes(pids: Iterable[int], kind: str = "ModelWorker") -> list[int]:
    """Return those of the processes that are workers of a model, or of another `kind`."""
    return [pid for pid in pids if _read(pid, "cmdline").startswith(f"ray::{kind}".encode())]


def _read(pid: int, name: str) -> bytes:
    """Return what the system says of a process, nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
