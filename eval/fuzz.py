"""Mutated recipes, prompts, sources, answers, responses and run folders: no traceback, no hang, nothing written.

    python eval/fuzz.py [--seed 1 2 3] [--cases 2000] [--workers 2] [--keep FOLDER] [--only KIND] [--case KIND:NUMBER]

Each case is a folder of right files of which one is mutated (`fuzz_material.py`), and the commands that read it; they
run in a worker process. A case fails where

- a command ends through the last net of the command line (cli/crash.py), prints a traceback, or fails silently;
- a command takes more than 5 s of CPU time (`evaluate` 10 s), or 60 s altogether: the worker is killed;
- a file is written outside the run's own folder, or one of the given files is changed.

For each kind of failure the first case is shown with its seed, the last lines of the traceback, and an input that was
made smaller while it fails in the same way. Exits with 1 where a case fails. Every case depends on the seed, its kind
and its number alone.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import io
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from fuzz_material import KINDS, RUN_FILES, SHARES, Case, make_case, scenarios

from tests.hub_client import run_command

CPU_SECONDS = 5.0
# Trains classifiers with embeddings: 2.5 s for the unchanged files.
EVALUATE_CPU_SECONDS = 10.0
WALL_SECONDS = 60.0
MAX_MEMORY = 6 << 30
SHRINK_SECONDS = 30.0
OWN = "run"  # the run's own folder; everything else in a case's folder is given
CRASH = re.compile(r"the details are in (\S+)|_TRACEBACK=1 shows the details")
UNRAISED = re.compile(r"Traceback \(most recent|Exception ignored in|was never (retrieved|awaited)|Exception in thread")
FRAME = re.compile(r'File "[^"]*?/(textsynth/[^"]+)", line (\d+),? in (\w+)')


@dataclass(slots=True)
class Outcome:
    """What became of a case: the exit codes of its commands, and why it failed ("" where it did not)."""

    kind: str
    number: int
    codes: list[int] = field(default_factory=list)
    failure: str = ""
    details: str = ""
    cpu: float = 0.0
    wall: float = 0.0
    command: str = ""
    case: Case | None = None


# ---- in the worker


class Responder:
    """A server that answers every request with the same bytes and keeps the connection open."""

    def __init__(self) -> None:
        self.content = b""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        received = b""
        with connection:
            connection.settimeout(20)
            try:
                while chunk := connection.recv(1 << 16):
                    received += chunk
                    head, end, body = received.partition(b"\r\n\r\n")
                    length = re.search(rb"(?i)content-length: *(\d+)", head)
                    if end and len(body) >= (int(length[1]) if length else 0):
                        connection.sendall(self.content)
                        received = b""
            except OSError:
                return


class Worker:
    """Runs cases in the folder `base`; `send` reports to the parent when a command starts and a case ends."""

    def __init__(
        self, base: Path, files: Mapping[str, dict[str, bytes]], send: Callable[[tuple[str, Any]], None]
    ) -> None:
        for name in ("home", "tmp", "cache"):
            (base / name).mkdir(parents=True, exist_ok=True)
        os.environ.update(
            HOME=str(base / "home"), XDG_CACHE_HOME=str(base / "cache"), TMPDIR=str(base / "tmp"), COLUMNS="100"
        )
        tempfile.tempdir = str(base / "tmp")
        self.base, self.send = base, send
        self.responder = Responder()
        self.files = {**files}
        served = files["served"]["recipe.yaml"].replace(b"http://127.0.0.1:9/v1", self.responder.url.encode())
        self.files["served"] = {**files["served"], "recipe.yaml": served}

    def finished_run(self) -> dict[str, bytes]:
        """Run every scenario once, unchanged, so that modules are loaded; return the files of a finished run."""
        finished = {}
        for name in [*self.files, "labelled"]:
            recipe = (
                ()
                if name == "evaluated"
                else (("validate", "recipe.yaml"), ("run", "recipe.yaml", "--out", OWN, "--quiet"))
            )
            more = {
                "evaluated": (("evaluate", "texts.csv", "--train", "train.csv", "--test", "test.csv"),),
                "labelled": (
                    ("evaluate", OWN, "--train", "seeds.csv", "--test", "seeds.csv"),
                    ("export", OWN, "--as", "argilla"),
                ),
            }.get(name, ())
            case = Case("right", 0, name, "recipe.yaml", self.files[name].get("recipe.yaml"), (*recipe, *more))
            if name == "evaluated":
                case = replace(case, file="test.csv", content=self.files[name]["test.csv"])
            outcome = self.run(case, quiet=True)
            if outcome.failure or not set(outcome.codes) <= {0, 3}:
                raise SystemExit(f"the unchanged scenario {name} fails: {outcome}")
            if name == "labelled":
                folder = self.base / "case"
                finished = {
                    path.relative_to(folder).as_posix(): path.read_bytes()
                    for path in folder.rglob("*")
                    if path.is_file()
                }
        decision = {
            "id": self._first_id(finished),
            "decision": "relabel",
            "labels": ["refund"],
            "by": "ann",
            "at": "2026-01-01T00:00:00Z",
        }
        finished["run/review.jsonl"] = "".join(
            json.dumps(line) + "\n"
            for line in (decision, {"id": "0" * 16, "decision": "drop"}, {**decision, "decision": "undo"})
        ).encode()
        finished["run/mine.txt"] = b"a file of the user's own"
        missing = set(RUN_FILES) - set(finished)
        if missing:
            raise SystemExit(f"the finished run has no {missing}")
        return finished

    def _first_id(self, finished: Mapping[str, bytes]) -> str:
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(finished["run/dataset/provenance/train-00000-of-00001.parquet"]))
        return str(table["id"][0])

    def run(self, case: Case, *, quiet: bool = False) -> Outcome:
        """Run a case; return its outcome."""
        outcome = Outcome(case.kind, case.number)
        folder = self.base / "case"
        os.chdir(self.base)
        for path in (folder, self.base / "tmp", self.base / "cache"):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        files: dict[str, bytes | None] = {**self.files.get(case.scenario, {}), case.file: case.content}
        response = files.pop("response", None)
        if response is not None:
            self.responder.content = response
        for name, content in files.items():
            if content is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        os.chdir(folder)
        before = self._given()
        for command in case.commands:
            outcome.command = " ".join(command)
            if not quiet:
                self.send(("command", outcome.command))
            start, started = time.process_time(), time.monotonic()
            code, printed = self._command(command)
            outcome.cpu = max(outcome.cpu, time.process_time() - start)
            outcome.wall = max(outcome.wall, time.monotonic() - started)
            outcome.codes.append(code)
            self._judge(outcome, code, printed)
            if quiet and code not in (0, 3):
                outcome.details += printed
            if outcome.failure:
                return outcome
        self._compare(outcome, before)
        return outcome

    def _command(self, command: tuple[str, ...]) -> tuple[int, str]:
        if command[0] == "review":
            return self._review()
        id_ = json.loads(self.files["finished"]["run/review.jsonl"].splitlines()[0])["id"] if "ID" in command else ""
        result = run_command([id_ if word == "ID" else word for word in command])
        return result.code, result.err if result.code in (0, 3) else result.out + result.err

    def _review(self) -> tuple[int, str]:
        """Read what `textsynth review` shows, without its server."""
        from textsynth.core.errors import TextSynthError
        from textsynth.review.queue import read_queue
        from textsynth.review.session import ReviewSession

        try:
            queue = read_queue(Path(OWN), selected=True)
            session = ReviewSession(Path(OWN), queue, "ann")
            json.dumps([session.state(), session.summary(), session.summary_text()])
            json.dumps([session.entry(id_) for id_ in list(queue.entries)[:20]])
        except TextSynthError as error:
            return error.exit_code, str(error)
        except Exception:
            return -1, traceback.format_exc()
        return 0, ""

    def _judge(self, outcome: Outcome, code: int, printed: str) -> None:
        crash = CRASH.search(printed)
        if crash is not None or code == -1:
            log = Path(crash[1]) if crash is not None and crash[1] else None
            outcome.details = log.read_text() if log is not None and log.exists() else printed
            outcome.failure = signature(outcome.details)
        elif UNRAISED.search(printed):
            outcome.failure, outcome.details = f"traceback printed: {signature(printed)}", printed
        elif code not in (0, 1, 2, 3, 4):
            outcome.failure, outcome.details = f"exit {code}", printed
        elif code in (1, 2) and not printed.strip():
            outcome.failure, outcome.details = f"exit {code} without a message", printed

    def _given(self) -> dict[str, bytes | None]:
        """Return the files that a case may not change, with their content, and the folders."""
        found: dict[str, bytes | None] = {}
        for name in ("case", "tmp", "cache", "home"):
            for path in (self.base / name).rglob("*"):
                relative = path.relative_to(self.base)
                is_own = relative.parts[:2] in (("case", OWN), ("cache", "textsynth"))
                if "__pycache__" not in relative.parts and (not is_own or relative.name == "mine.txt"):
                    found[str(relative)] = path.read_bytes() if path.is_file() else None
        return found

    def _compare(self, outcome: Outcome, before: Mapping[str, bytes | None]) -> None:
        after = self._given()
        changed = [name for name in before if before[name] != after.get(name, b"gone")]
        new = [name for name in after if name not in before]
        if changed or new:
            outcome.failure = f"changed {changed[:3]}" if changed else f"written outside the run's folder {new[:3]}"
            outcome.failure = re.sub(r"\d+", "N", outcome.failure)


def signature(details: str) -> str:
    """Return what tells one kind of failure from another: the last frame of ours, and the error."""
    frames = FRAME.findall(details)
    where = f"{frames[-1][0]} {frames[-1][2]}" if frames else "?"
    errors = re.findall(r"^(\w[\w.]*(?:Error|Exception|Warning|Exhausted|Interrupt|Exit)\w*)", details, re.MULTILINE)
    return f"{errors[-1] if errors else 'error'} in {where}"


def work(base: Path, files: Mapping[str, dict[str, bytes]], connection: Connection) -> None:
    """Run cases until the parent closes the connection."""
    faulthandler.register(signal.SIGUSR1, (base / "stack").open("w"), all_threads=True)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    worker = Worker(base, files, connection.send)
    while True:
        try:
            seed, kind, number, case = connection.recv()
        except EOFError:
            return
        case = case or make_case(seed, kind, number, worker.files)
        connection.send(("case", case))
        connection.send(("outcome", worker.run(case)))


# ---- in the parent


class Process:
    """A worker process seen from the parent, and the case that it is running; a fork, with all modules loaded."""

    def __init__(self, base: Path, files: Mapping[str, dict[str, bytes]]) -> None:
        self.base = Path(tempfile.mkdtemp(dir=base))
        self.connection, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=work, args=(self.base, files, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.task: tuple[int, str, int, Case | None] | None = None
        self.case: Case | None = None
        self.command, self.started, self.cpu = "", 0.0, 0.0

    def start(self, task: tuple[int, str, int, Case | None]) -> None:
        """Start a case."""
        self.task = task
        self._begin("")
        self.connection.send(task)

    def poll(self) -> Outcome | None:
        """Return the outcome of the running case, None while it runs; a case without an end is killed."""
        if self.task is None:
            return None
        try:
            while self.connection.poll():
                message, value = self.connection.recv()
                if message == "outcome":
                    self.task = None
                    value.case = self.case
                    return value
                if message == "case":
                    self.case = value
                else:
                    self._begin(value)
        except EOFError:
            outcome = Outcome(*self.task[1:3], failure="the worker died", command=self.command, case=self.case)
            self.task = None
            return outcome
        used, wall = self._cpu_seconds() - self.cpu, time.monotonic() - self.started
        limit = EVALUATE_CPU_SECONDS if self.command.startswith("evaluate") else CPU_SECONDS
        if used <= limit and wall <= WALL_SECONDS:
            return None
        os.kill(self.process.pid or 0, signal.SIGUSR1)
        time.sleep(0.3)
        stack = (self.base / "stack").read_text()
        frames = [
            frame for frame in FRAME.findall(stack.rpartition("Current thread")[2] or stack) if "cli/" not in frame[0]
        ]
        where = f"{frames[0][0]} {frames[0][2]}" if frames else "?"
        why = f"over {limit:g} s of CPU time" if used > limit else f"over {WALL_SECONDS:g} s without using the CPU"
        outcome = Outcome(
            *self.task[1:3],
            failure=f"hang, {why} in {where}",
            details=stack,
            cpu=used,
            command=self.command,
            case=self.case,
        )
        self.close()
        self.task = None
        return outcome

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.is_alive()

    def close(self) -> None:
        """End the process and remove its folder."""
        self.process.kill()
        self.process.join()
        shutil.rmtree(self.base, ignore_errors=True)

    def _begin(self, command: str) -> None:
        self.command, self.started, self.cpu = command, time.monotonic(), self._cpu_seconds()

    def _cpu_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_all(
    tasks: list[tuple[int, str, int, Case | None]], new_process: Callable[[], Process], workers: int
) -> list[Outcome]:
    """Run all cases in `workers` processes; a line of progress for every tenth of them."""
    pool = [new_process() for _ in range(workers)]
    outcomes: list[Outcome] = []
    waiting = tasks[::-1]
    while len(outcomes) < len(tasks):
        for index, process in enumerate(pool):
            outcome = process.poll()
            if outcome is not None:
                outcomes.append(outcome)
                if len(outcomes) % max(1, len(tasks) // 10) == 0:
                    failed = sum(bool(done.failure) for done in outcomes)
                    print(f"{len(outcomes):,} of {len(tasks):,} cases, {failed} failed", file=sys.stderr, flush=True)
            if process.task is None and waiting:
                if not process.alive:
                    pool[index] = process = new_process()
                process.start(waiting.pop())
        wait([process.connection for process in pool if process.task is not None], timeout=0.2)
    for process in pool:
        process.close()
    return outcomes


def shrink(seed: int, case: Case, failure: str, new_process: Callable[[], Process]) -> bytes:
    """Return a smaller content with which the case fails in the same way (delta debugging, for some seconds)."""
    content, deadline = case.content or b"", time.monotonic() + SHRINK_SECONDS
    process = new_process()

    def fails(candidate: bytes) -> bool:
        nonlocal process
        if not process.alive:
            process = new_process()
        process.start((seed, case.kind, case.number, replace(case, content=candidate)))
        while (outcome := process.poll()) is None:
            wait([process.connection], timeout=0.1)
        return outcome.failure == failure

    size = max(1, len(content) // 2)
    while size and time.monotonic() < deadline:
        start = 0
        while start < len(content) and time.monotonic() < deadline:
            candidate = content[:start] + content[start + size :]
            if fails(candidate):
                content = candidate
            else:
                start += size
        size //= 2
    process.close()
    return content


def print_figures(outcomes: list[Outcome], seconds: float) -> None:
    """Print the cases by kind with their exit codes, and the slowest ones."""
    print(f"{'kind':<12} {'cases':>6} {'exit 0':>7} {'1':>5} {'2':>6} {'3':>6} {'failed':>7} {'most CPU':>9}")
    by_kind = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    for kind, some in [*sorted(by_kind.items()), ("all", outcomes)]:
        # Of several commands, the one that ended worst.
        codes = Counter(max(done.codes, key=(0, 3, 4, 2, 1, -1).index, default=0) for done in some if not done.failure)
        failed = sum(bool(done.failure) for done in some)
        cpu = max(done.cpu for done in some)
        counts = f"{codes[0]:>7,} {codes[1]:>5} {codes[2]:>6,} {codes[3]:>6,} {failed:>7}"
        print(f"{kind:<12} {len(some):>6,} {counts} {cpu:>7.2f} s")
    commands = sum(len(done.codes) for done in outcomes)
    slowest = sorted(outcomes, key=lambda done: -done.cpu)[:5]
    print(f"{commands:,} commands in {seconds:.0f} s; slowest: "
          + ", ".join(f"{done.kind}:{done.number} {done.cpu:.2f} s" for done in slowest))  # fmt: skip


def make_tasks(seed: int, cases: int, only: str | None) -> list[tuple[int, str, int, Case | None]]:
    """Return the cases of all kinds, in turn."""
    shares = {only: 1.0} if only else SHARES
    tasks = [(seed, kind, number, None) for kind, share in shares.items() for number in range(round(cases * share))]
    return sorted(tasks, key=lambda task: (task[2] / (shares[task[1]] * cases), task[1]))  # type: ignore[arg-type]


def report_failures(
    seed: int, arguments: argparse.Namespace, failed: list[Outcome], new_process: Callable[[], Process]
) -> None:
    """Print each kind of failure once: how often, the first case, the end of its traceback, and a small input."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in failed:
        kinds[outcome.failure].append(outcome)
    for failure, outcomes in sorted(kinds.items(), key=lambda item: -len(item[1])):
        first = outcomes[0]
        print(f"\n━━ {len(outcomes)} × {failure}\n--seed {seed} --case '{first.kind}:{first.number}': {first.command}")
        print("\n".join(first.details.strip().splitlines()[-6 if "hang" not in failure else 0 :][:40]))
        if arguments.shrink and first.case is not None:
            case = first.case
            content = shrink(seed, case, failure, new_process)
            print(
                f"{case.file} of the scenario {case.scenario}, {len(content):,} bytes: {content[:1500]!r}", flush=True
            )
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                name = f"{seed}-{first.kind.replace(' ', '-')}-{first.number}-{Path(case.file).name}"
                (arguments.keep / name).write_bytes(content)


def run_seed(seed: int, arguments: argparse.Namespace, new_process: Callable[[], Process]) -> bool:
    """Run the cases of a seed and print what became of them; return whether one failed."""
    start = time.monotonic()
    tasks = make_tasks(seed, arguments.cases, arguments.only)
    if arguments.case:
        kind, _, number = arguments.case.rpartition(":")
        tasks = [(seed, kind, int(number), None)]
    outcomes = run_all(tasks, new_process, min(arguments.workers, len(tasks)))
    print(f"seed {seed}")
    print_figures(outcomes, time.monotonic() - start)
    failed = [outcome for outcome in outcomes if outcome.failure]
    report_failures(seed, arguments, failed, new_process)
    return bool(failed)


def main() -> None:
    """Run, print, and exit with 1 where a case fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--case", metavar="KIND:NUMBER", help="run this case alone")
    parser.add_argument("--keep", type=Path, help="write the small inputs of failures there")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    arguments = parser.parse_args()
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if os.access(shared_memory, os.W_OK) else None) as name:
        base = Path(name)
        os.environ.update(
            HF_HOME=str(base / "hf"), TORCHINDUCTOR_CACHE_DIR=str(base / "hf"), HF_HUB_OFFLINE="1",
            HF_ENDPOINT="http://127.0.0.1:9", PYTHONWARNINGS="ignore", OMP_NUM_THREADS="1",
        )  # fmt: skip
        files: dict[str, dict[str, bytes]] = scenarios()
        files["finished"] = Worker(base / "template", files, lambda _: None).finished_run()
        os.chdir(base)
        gc.freeze()  # a run collects garbage, which takes 0.4 s where torch is loaded

        def new_process() -> Process:
            return Process(base, files)

        failed = False
        for seed in arguments.seed:
            failed |= run_seed(seed, arguments, new_process)
    print("FAILED" if failed else "passed")
    sys.exit(failed)


if __name__ == "__main__":
    main()
