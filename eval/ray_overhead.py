"""What `--on ray` costs, and what kills change: CPU time a request, and the bytes of the data set.

    python eval/ray_overhead.py cpu [--requests 5000] [--turns 5] [--in-flight 64] [--latency-ms 20]
    python eval/ray_overhead.py kills [--kills 10] [--seed 0]

cpu: runs with length, exact and near duplicates and the journal, against the mock server: in one process, and with two
workers of Ray on this machine, in turns. Costs are CPU seconds of the run and of its workers, sampled every 20 ms; the
CPU time of a request is the slope between a short and a long run, which excludes their start. The server is not
counted; Ray's own processes, which take CPU time by the second and not by the request, are shown apart.

kills: a worker, and then the run itself, is killed with -9 at random moments. The model notes each request with the
time, so that requests whose answer was in the journal at a kill can be counted afterwards. Exits with 1 where the data
set of a run has other bytes than that of a run without Ray, or where such a request was sent again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from throughput import FILTERS, RECIPE, SEEDS, median_range, mock

from tests.cluster.kills import (
    ANSWER_FILE,
    KILLS_RECIPE,
    SEEDS_CSV,
    asked_again,
    children,
    dataset_bytes,
    journal_keys,
    worker_processes,
)

SAMPLE_SECONDS = 0.02
RUN_SECONDS = 4.0


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process so far; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_cpu_seconds(command: Sequence[str]) -> tuple[float, float]:
    """Return the CPU seconds of a run with its workers, and of Ray's own processes. SystemExit: it failed."""
    seconds: dict[int, float] = {}
    workers: set[int] = set()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        while process.poll() is None:
            below = children(process.pid)
            workers.update(worker_processes(below))
            for pid in (process.pid, *below):
                seconds[pid] = max(seconds.get(pid, 0.0), cpu_seconds(pid))
            time.sleep(SAMPLE_SECONDS)
        if process.returncode not in (0, 3):
            output.seek(0)
            raise SystemExit(output.read())
    own = sum(value for pid, value in seconds.items() if pid == process.pid or pid in workers)
    return own, sum(seconds.values()) - own


def measure_cpu(arguments: argparse.Namespace, folder: Path, url: str) -> None:
    """Print the CPU time of a request, without and with Ray, in turns."""
    (folder / "seeds.csv").write_text(SEEDS)
    modes = {"one process": [], "two workers": ["--on", "ray", "--workers", "2"]}
    few = arguments.requests // 5
    slopes: dict[str, list[float]] = {mode: [] for mode in modes}
    for turn in range(arguments.turns):
        for mode, options in modes.items():
            costs = []
            for requests in (few, arguments.requests):
                recipe = folder / f"cost-{requests}.yaml"
                recipe.write_text(
                    RECIPE.format(
                        url=url, model="mock-small", mode="chat", in_flight=arguments.in_flight, requests=requests,
                        filters=FILTERS, key="",
                    )
                )  # fmt: skip
                out = folder / f"run-{time.monotonic_ns()}"
                command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(out), "--quiet"]
                costs.append(run_cpu_seconds([*command, *options]))
            slopes[mode].append(1000 * (costs[1][0] - costs[0][0]) / (arguments.requests - few))
            print(
                f"turn {turn + 1}, {mode}: {slopes[mode][-1]:.3f} ms a request;"
                f" Ray's own processes {costs[0][1]:.1f} and {costs[1][1]:.1f} s",
                flush=True,
            )
    overhead = [100 * (ray / plain - 1) for plain, ray in zip(*slopes.values(), strict=True)]
    for mode, values in slopes.items():
        print(f"{mode}: {median_range(values)} ms a request")
    print(f"overhead: {median_range(overhead)} %")


def kill_one(
    command: Sequence[str], out: Path, generator: random.Random, *, driver: bool
) -> tuple[float, set[str], bool]:
    """Start a run and kill it, or one of its workers, at a random moment after its first answer.

    Returns the time of the kill, the keys that the journal had then, and whether the run went on to its end.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not journal_keys(out) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(generator.uniform(0, RUN_SECONDS))
    below = children(process.pid)
    workers = worker_processes(below)
    keys = journal_keys(out)
    if driver:
        os.kill(process.pid, signal.SIGKILL)
    elif workers:
        os.kill(generator.choice(workers), signal.SIGKILL)
    at = time.time()
    _, errors = process.communicate()
    if not driver and process.returncode not in (0, 3):
        raise SystemExit(errors)
    return at, keys, process.returncode in (0, 3)


def measure_kills(arguments: argparse.Namespace, folder: Path) -> bool:
    """Kill at random moments, print what came of it, and return whether all is as expected."""
    generator = random.Random(arguments.seed)
    (folder / "seeds.csv").write_text(SEEDS_CSV)
    (folder / "answer.py").write_text(ANSWER_FILE)
    recipe = folder / "kills.yaml"
    recipe.write_text(KILLS_RECIPE)
    base = [sys.executable, "-m", "textsynth", "run", str(recipe), "--quiet"]
    subprocess.run([*base, "--out", str(folder / "plain")], check=True, capture_output=True)
    expected = dataset_bytes(folder / "plain")
    log = folder / "asked.log"
    passed = True
    for driver in (False, True):
        for number in range(arguments.kills):
            log.unlink(missing_ok=True)
            out = folder / f"killed-{driver}-{number}"
            command = [*base, "--out", str(out), "--on", "ray", "--workers", "2"]
            at, keys, ended = kill_one(command, out, generator, driver=driver)
            if not ended:
                subprocess.run(command, check=True, capture_output=True)
            again = asked_again(log, at, keys)
            same = dataset_bytes(out) == expected
            passed &= same and not again
            print(
                f"{'run' if driver else 'worker'} killed with {len(keys)} answers in the journal: bytes"
                f" {'equal' if same else 'DIFFERENT'}, {len(again)} of them asked again",
                flush=True,
            )
    return passed


def main() -> None:
    """Measure one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cpu", "kills"))
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.what == "kills":
            sys.exit(0 if measure_kills(arguments, Path(name)) else 1)
        with mock(arguments.latency_ms) as url:
            measure_cpu(arguments, Path(name), url)


if __name__ == "__main__":
    main()
