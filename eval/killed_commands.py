"""`kill -9` of run, evaluate, push and review: what each reader says afterwards, and what going on gives.

    python eval/killed_commands.py [--run 20] [--evaluate 10] [--push 10] [--review 10] [--seed 1] [--show]

Each command is killed once in a folder that already holds the result of an earlier one: at moments spread over its
whole duration, before or after a file operation (the swap of the data set, the manifest, the report, the card), while
the journal's log grows, and, for `push`, at every kind of request to a server with the Hub's protocol. Then

- every reader (report, export, why, review, push --dry-run, validate) either shows one of the two results, old or new,
  or ends with one sentence and no traceback;
- the command again gives the bytes of an undisturbed one and leaves no file of the killed one; a run requests nothing
  that the journal has;
- the repository has either the old or the new commit, and a second push completes it;
- every decision that the review page confirmed is in review.jsonl, and at most one more.

Prints a line for each kill and a table. Exits with 1 where a condition does not hold. `--show` prints the sentences.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from readers import REPO, ROOT, Readers

from tests.evaluate.test_runner import THREE_LABELS, World, write_recipe, write_rows
from tests.hub.runs import make_run
from tests.hub_client import Client
from tests.hub_server import HubFault, Server, hub
from tests.review.runs import pending_text, run_with_pending
from tests.runner.recipes import digest, served_recipe
from tests.server import RunningServer, serving
from textsynth.store.decisions import read_decisions

# At which file operation a command dies: the audit event of Python, and what its arguments contain.
RUN_POINTS = {
    "before the swap of the data set": ("ctypes.dlsym", "renameat2"),
    "between the swap and the manifest": ("os.remove", r"dataset\.new-"),
    "at the manifest": ("os.rename", r"manifest\.json"),
    "between the manifest and the report": ("open", r"\.report\.html"),
    "at the report": ("os.rename", r"report\.html"),
}
EVALUATE_POINTS = {
    "before evaluation.json": ("os.rename", r"evaluation\.json"),
    "between evaluation.json and the card": ("os.rename", r"figures/evaluation"),
    "at the card": ("os.rename", r"README\.md"),
    "at the report": ("os.rename", r"report\.html"),
}
REVIEWED_TEXTS = 60
JOURNAL_KILLS = 5


class Kill(NamedTuple):
    """One kill: where it happened, what each reader showed (old, new, a sentence, …), and what is wrong."""

    command: str
    where: str
    readers: dict[str, str]
    note: str
    problems: list[str]
    sentences: Sequence[str] = ()


# ---- killing


def die_at(event: str, pattern: str) -> None:
    """Kill this process just before the first file operation of a kind."""

    def hook(name: str, args: tuple[object, ...]) -> None:
        if name == event and re.search(pattern, " ".join(map(str, args))):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def start(arguments: Sequence[object], point: tuple[str, str] | None = None, **environment: str) -> Any:  # noqa: ANN401
    """Start a command of textsynth, which dies at a point of RUN_POINTS or EVALUATE_POINTS."""
    prefix = ["-m", "textsynth"] if point is None else [__file__, "--die-at", *point, "--"]
    return subprocess.Popen(
        [sys.executable, *prefix, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Kill a process after some time, if it has not ended before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate()


def kill_while_growing(process: subprocess.Popen[bytes], path: Path, times: int) -> None:
    """Kill a process as soon as a file has grown `times` times: in the middle of a commit."""
    size = -1
    while times and process.poll() is None:
        try:
            now = path.stat().st_size
        except FileNotFoundError:
            now = -1
        if now > size:
            times -= 1
        size = now
    process.kill()
    process.communicate()


def timed(arguments: Sequence[object], **environment: str) -> float:
    """Run a command to its end, which must be a good one; return the seconds."""
    started = time.monotonic()
    process = start(arguments, **environment)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"{arguments}: {errors.decode()}")
    return time.monotonic() - started


# ---- folders


def some_ids(run: Path) -> list[str]:
    """Return the ids of a selected and of a dropped text."""
    from textsynth.store.dataset import DatasetReader

    return [ids[0] for name in ("data", "dropped") if (ids := DatasetReader(run / "dataset" / name).column("id"))]


def copied(source: Path, target: Path) -> Path:
    """Copy a run's folder with its recipe, in place of an earlier copy."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def unlisted(run: Path, expected: Path) -> list[str]:
    """Return the files of a folder that an undisturbed one does not have."""
    names = [{str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in (run, expected)]
    return sorted(names[0] - names[1])


# ---- run


def journal_answers(run: Path) -> int:
    """Return how many answers a journal has, read from a copy: opening the file itself would repair it."""
    with tempfile.TemporaryDirectory() as folder:
        for path in run.glob("journal.sqlite*"):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder, "journal.sqlite"))) as journal:
            if not journal.execute("SELECT count(*) FROM sqlite_master WHERE name = 'answers'").fetchone()[0]:
                return 0
            return int(journal.execute("SELECT count(DISTINCT key) FROM answers").fetchone()[0])


def kill_runs(folder: Path, client: Client, server: RunningServer, count: int, chance: random.Random) -> Iterator[Kill]:
    """Kill runs that replace the data set of an earlier run with fewer texts."""
    recipe = served_recipe(folder / "base", base_url=server.url, concurrency=4)
    timed(["run", recipe, "--out", folder / "base/run", "--limit", 30, "--quiet"])
    readers = Readers(client, recipe, folder)
    new = copied(folder / "base", folder / "new")
    seconds = timed(["run", new / "served.yaml", "--out", new / "run", "--quiet"])
    ids = some_ids(folder / "base/run")
    readers.old, readers.new = readers.show(folder / "base/run", ids), readers.show(new / "run", ids)
    expected, answers = digest(new / "run"), journal_answers(new / "run")
    named = list(RUN_POINTS.items())[: max(0, count - JOURNAL_KILLS)]
    journal_kills = min(JOURNAL_KILLS, count - len(named))
    timed_kills = count - len(named) - journal_kills
    moments = [seconds * (index + chance.random()) / timed_kills for index in range(timed_kills)]
    growths = [chance.randrange(1, 40) for _ in range(journal_kills)]
    plans: list[tuple[str, tuple[str, str] | None, float, int]] = [
        *((name, point, 60.0, 0) for name, point in named),
        *((f"in commit {growth} of the journal", None, 0.0, growth) for growth in growths),
        *((f"after {moment:.2f} of {seconds:.2f} s", None, moment, 0) for moment in moments),
    ]
    for where, point, moment, growth in plans:
        killed = copied(folder / "base", folder / "killed")
        command = ["run", killed / "served.yaml", "--out", killed / "run", "--quiet"]
        process = start(command, point)
        if growth:
            kill_while_growing(process, killed / "run/journal.sqlite-wal", growth)
        else:
            kill_after(process, moment)
        problems = [] if process.returncode == -signal.SIGKILL or point is None else [f"not killed at {where}"]
        time.sleep(0.1)
        stored = journal_answers(killed / "run")
        states, found = readers.check(killed / "run", ids)
        problems += found
        server.mock.reset()
        seconds_again = timed(command)
        sent = server.stats()["requests"]
        if digest(killed / "run") != expected:
            problems.append("other bytes")
        if sent != answers - stored:
            problems.append(f"{sent} requests for {answers - stored} missing answers")
        if readers.check(killed / "run", ids)[0]["report"] != "new":
            problems.append("the report is not the new one after going on")
        left = unlisted(killed / "run", new / "run")
        problems += [f"left: {left}"] if left else []
        note = f"{stored - journal_answers(folder / 'base/run')} stored, {sent} sent in {seconds_again:.1f} s"
        yield Kill("run", where, states, note, problems, [*readers.sentences])


# ---- evaluate


def kill_evaluations(folder: Path, client: Client, count: int, chance: random.Random) -> Iterator[Kill]:
    """Kill evaluations that replace an earlier one with another test set."""
    recipe = write_recipe(folder / "base")
    timed(["run", recipe, "--out", folder / "base/run", "--quiet"])
    write_rows(folder / "other.csv", World(7, labels=THREE_LABELS, share=0.4).rows("test", 18))
    readers = Readers(client, recipe, folder)
    new = copied(folder / "base", folder / "new")
    seconds = timed(["evaluate", new / "run", "--test", folder / "other.csv"])
    ids = some_ids(new / "run")
    readers.old, readers.new = readers.show(folder / "base/run", ids), readers.show(new / "run", ids)
    expected = (new / "run/evaluation.json").read_bytes(), digest(new / "run", card=True)
    named = list(EVALUATE_POINTS.items())[:count]
    timed_kills = count - len(named)
    moments = [seconds * (index + chance.random()) / timed_kills for index in range(timed_kills)]
    plans = [
        *((name, point, 90.0) for name, point in named),
        *((f"after {m:.2f} of {seconds:.2f} s", None, m) for m in moments),
    ]
    for where, point, moment in plans:
        killed = copied(folder / "base", folder / "killed")
        command = ["evaluate", killed / "run", "--test", folder / "other.csv"]
        process = start(command, point)
        kill_after(process, moment)
        problems = [] if process.returncode == -signal.SIGKILL or point is None else [f"not killed at {where}"]
        states, found = readers.check(killed / "run", ids)
        problems += found
        timed(command)
        if ((killed / "run/evaluation.json").read_bytes(), digest(killed / "run", card=True)) != expected:
            problems.append("the second evaluation differs")
        left = unlisted(killed / "run", new / "run")
        problems += [f"left: {left}"] if left else []
        yield Kill("evaluate", where, states, "", problems, [*readers.sentences])


# ---- push


def kill_pushes(folder: Path, client: Client, server: Server, count: int) -> Iterator[Kill]:
    """Kill pushes over an earlier commit, when a request arrives: half of them before it is carried out."""
    run = make_run(folder / "old", texts_per_label=6)
    new = make_run(folder / "new", texts_per_label=10)
    home = folder / "home"
    home.mkdir()
    environment = {name: value for name, value in server.environment(home).items() if name.startswith(("HF_", "PY"))}
    store = server.store

    def push_old(repo: str) -> dict[str, bytes]:
        result = client.textsynth("push", run, repo, "--replace")
        assert result.code == 0, result.err
        return dict(store.files(repo))

    old = push_old(f"{REPO}-plan")
    server.requests.clear()
    store.objects.clear()
    timed(["push", new, f"{REPO}-plan", "--replace"], **environment)
    (commit,) = (number for number, request in enumerate(server.requests) if "/commit/" in request)
    requests, expected = len(server.requests), dict(store.files(f"{REPO}-plan"))
    moments = [(turn * requests // max(1, count - 2), turn % 2 == 0) for turn in range(count - 2)]
    for turn, (number, carried_out) in enumerate([*moments, (commit, False), (commit, True)][-count:]):
        repo = f"{REPO}-{turn}"
        push_old(repo)
        commits = len(store.repos[repo].history())
        server.requests.clear()
        store.objects.clear()
        command = ["push", new, repo, "--replace"]
        process = start(command, **environment)
        fault = HubFault("", "" if carried_out else "reset", skip=number, times=1)
        setattr(fault, "after" if carried_out else "before", lambda _, process=process: process.kill())
        server.faults.append(fault)
        process.communicate()
        time.sleep(0.2)
        server.faults.clear()
        request = server.requests[number] if len(server.requests) > number else "the end"
        files = dict(store.files(repo))
        state = "new" if files == expected else "old" if files == old else "?"
        problems = [] if state != "?" else ["the repository has neither commit"]
        dry = client.textsynth("push", new, repo, "--dry-run", "--replace")
        problems += [] if dry.code == 0 else [dry.err]
        again = client.textsynth("push", new, repo, "--replace")
        problems += [] if again.code == 0 else [again.err]
        if dict(store.files(repo)) != expected:
            problems.append("the second push did not complete it")
        made = len(store.repos[repo].history()) - commits
        if made != 1:
            problems.append(f"{made} commits")
        where = f"{'after' if carried_out else 'before'} {re.sub(rf'{REPO}-[0-9]+', 'REPO', request)[:50]}"
        yield Kill("push", where, {"Hub": state}, "", problems)


# ---- review


def send(address: str, route: str, value: object = None) -> Any:  # noqa: ANN401
    """Send a request of the review page and return the response."""
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(address + route, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as page:
        return json.load(page)


@contextlib.contextmanager
def reviewing(run: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve the review page of a run."""
    process = start(["review", run, "--no-browser", "--by", "ann"])
    try:
        for line in process.stderr:
            if line.startswith(b"http://"):
                yield line.decode().strip(), process
                return
        raise SystemExit("the review page did not start")
    finally:
        process.kill()
        process.communicate()


def kill_reviews(folder: Path, count: int, chance: random.Random) -> Iterator[Kill]:
    """Kill the server of the review page while decisions are sent."""
    for turn in range(count):
        run = run_with_pending(folder / f"run-{turn}", [pending_text(number) for number in range(REVIEWED_TEXTS)])
        confirmed: list[str] = []
        with reviewing(run) as (address, process):
            order = send(address, "state")["order"]
            at = chance.randrange(1, REVIEWED_TEXTS - 5)
            for number, id_ in enumerate(order):
                if number == at:
                    threading.Timer(chance.uniform(0, 0.02), process.kill).start()
                try:
                    send(address, "decide", {"id": id_, "decision": chance.choice(["keep", "drop"])})
                except OSError:
                    break
                confirmed.append(id_)
        stored = [line.id for line in read_decisions(run).lines]
        problems = [] if stored[: len(confirmed)] == confirmed else ["a confirmed decision is missing"]
        if len(stored) - len(confirmed) > 1:
            problems.append(f"{len(stored)} decisions of {len(confirmed)} confirmed ones")
        with reviewing(run) as (address, process):
            state = send(address, "state")
            rest = [id_ for id_ in state["order"] if id_ not in state["status"]]
            if set(state["status"]) != set(stored):
                problems.append("the page shows other decisions")
            for id_ in rest[:3]:
                send(address, "decide", {"id": id_, "decision": "keep"})
        if [line.id for line in read_decisions(run).lines] != stored + rest[:3]:
            problems.append("decisions after the kill are missing")
        note = f"{len(confirmed)} confirmed, {len(stored)} stored"
        yield Kill("review", f"kill {turn + 1}", {"page": "complete"}, note, problems)


# ---- all of them


def show_kill(kill: Kill) -> None:
    """Print a line about one kill."""
    readers = ", ".join(f"{name} {state}" for name, state in kill.readers.items())
    failed = f"  FAILED: {'; '.join(kill.problems)}" if kill.problems else ""
    print(f"{kill.command:9} {kill.where:40} {readers}  {kill.note}{failed}", flush=True)


def measure(arguments: argparse.Namespace, folder: Path) -> list[Kill]:
    """Kill everything as often as the arguments say."""
    chance, kills = random.Random(arguments.seed), []
    with hub() as hub_server, serving(latency=0.2) as server:
        (folder / "home").mkdir()
        client = Client(hub_server, folder / "home")
        series: list[tuple[int, Callable[[Path], Iterator[Kill]]]] = [
            (arguments.run, lambda path: kill_runs(path, client, server, arguments.run, chance)),
            (arguments.evaluate, lambda path: kill_evaluations(path, client, arguments.evaluate, chance)),
            (arguments.push, lambda path: kill_pushes(path, client, hub_server, arguments.push)),
            (arguments.review, lambda path: kill_reviews(path, arguments.review, chance)),
        ]
        for number, (count, kill_all) in enumerate(series):
            path = folder / str(number)
            path.mkdir()
            for kill in kill_all(path) if count else ():
                show_kill(kill)
                kills.append(kill)
        client.close()
    return kills


def main() -> None:
    """Kill, go on, and print the table; exit with 1 where a condition does not hold."""
    if sys.argv[1:2] == ["--die-at"]:
        from textsynth.cli import main as command_line

        die_at(sys.argv[2], sys.argv[3])
        command_line(sys.argv[5:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("run", 20), ("evaluate", 10), ("push", 10), ("review", 10)):
        parser.add_argument(f"--{name}", type=int, default=count, help=f"kills of {name} (default: {count})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print the readers' sentences")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        kills = measure(arguments, Path(name))
    print(f"\n{'command':9} {'kills':>5} {'failed':>6}  readers: old / new / sentence")
    for command in dict.fromkeys(kill.command for kill in kills):
        own = [kill for kill in kills if kill.command == command]
        states = Counter(state for kill in own for state in kill.readers.values())
        failed = sum(bool(kill.problems) for kill in own)
        shown = " / ".join(str(states[state]) for state in ("old", "new", "sentence"))
        print(f"{command:9} {len(own):5} {failed:6}  {shown}")
    for sentence in sorted({sentence for kill in kills for sentence in kill.sentences}) if arguments.show else ():
        print(sentence)
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(any(kill.problems for kill in kills))


if __name__ == "__main__":
    main()
