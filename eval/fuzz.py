"""Mutated recipes, prompts, sources, answers, responses and run folders: no traceback, no hang, nothing written.

    python eval/fuzz.py [--seed 1 2 3] [--cases 2000] [--workers 2] [--keep FOLDER] [--only KIND] [--case KIND:NUMBER …]

Each case is a folder of right files of which one is mutated (`fuzz_cases.py`), and the commands that read it; they
run in a worker process. A case fails where

- a command ends through the last net of the command line (cli/crash.py), prints a traceback, or fails silently;
- a command takes more than 5 s of CPU time (`evaluate` 10 s), or waits for 60 s: the worker is killed;
- a file is written outside the run's own folder, or one of the given files is changed.

For each kind of failure the first case is shown with its seed, the last lines of the traceback, and an input that was
made smaller while it fails in the same way. Exits with 1 where a case fails. Every case depends on the seed, its kind
and its number alone.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzz_cases import KINDS, SHARES, Case
from fuzz_scenarios import scenarios
from fuzz_worker import FRAME, Outcome, Worker, work

CPU_SECONDS = 5.0
# Trains classifiers with embeddings: 2.5 s for the unchanged files.
EVALUATE_CPU_SECONDS = 10.0
IDLE_SECONDS = 60.0
IDLE_CPU_SECONDS = 0.05  # a process that uses no more in that time waits, however busy the machine is
SHRINK_SECONDS = 30.0


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
        self.command, self.cpu, self.last_cpu, self.busy_at = "", 0.0, 0.0, 0.0

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
        cpu, now = self._cpu_seconds(), time.monotonic()
        if cpu > self.last_cpu + IDLE_CPU_SECONDS:
            self.last_cpu, self.busy_at = cpu, now
        used, idle = cpu - self.cpu, now - self.busy_at
        limit = EVALUATE_CPU_SECONDS if self.command.startswith("evaluate") else CPU_SECONDS
        if used <= limit and idle <= IDLE_SECONDS:
            return None
        os.kill(self.process.pid or 0, signal.SIGUSR1)
        time.sleep(0.3)
        stack = (self.base / "stack").read_text()
        frames = [
            frame for frame in FRAME.findall(stack.rpartition("Current thread")[2] or stack) if "cli/" not in frame[0]
        ]
        where = f"{frames[0][0]} {frames[0][2]}" if frames else "?"
        why = f"over {limit:g} s of CPU time" if used > limit else f"over {IDLE_SECONDS:g} s without using the CPU"
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
        self.command, self.cpu = command, self._cpu_seconds()
        self.last_cpu, self.busy_at = self.cpu, time.monotonic()

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
        if arguments.shrink and first.case is not None and not failure.startswith("hang"):
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
        names = [name.rpartition(":") for name in arguments.case]
        tasks = [(seed, kind, int(number), None) for kind, _, number in names]
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
    parser.add_argument("--case", metavar="KIND:NUMBER", nargs="+", help="run these cases alone")
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
