"""By how much a run with the embedded model exceeds its budget of minutes, for several sizes of its batches.

    python eval/minutes.py                                  0.5, 1 and 2 minutes with batches of 8, 64 and 256
    python eval/minutes.py --minutes 0.5 --batches 64       a quick measurement
    python eval/minutes.py --kill                           each run is killed after half of its minutes, and continued

Each run is a command of its own, with the quickstart recipe and a quota that cannot be met in time. The seconds are
those of the command, from its start to its end; with --kill the sum of both commands. Exits with 1 where a run takes
more than a tenth of its minutes or 15 s too long, whichever is more.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "quickstart.yaml"
ALLOWED_SECONDS, ALLOWED_SHARE = 15.0, 0.1


def run(folder: Path, minutes: float, batch: int, *, kill_after: float | None = None) -> float:
    """Run the recipe and return its seconds; it is killed after `kill_after` seconds, if given."""
    settings = (f"budget.minutes={minutes}", f"models.generator.local.batch={batch}", "want.label=2000")
    command = [sys.executable, "-m", "textsynth", "run", str(RECIPE), "--out", str(folder), "--quiet"]
    for setting in settings:
        command += ["--set", setting]
    started = time.perf_counter()
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            _, errors = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return time.perf_counter() - started
    if process.returncode not in (0, 3):
        raise SystemExit(f"exit code {process.returncode}: {errors.decode()[-500:]}")
    return time.perf_counter() - started


def main() -> None:
    """Measure and print; exit with 1 where a run takes too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.5, 1.0, 2.0])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--kill", action="store_true")
    arguments = parser.parse_args()
    too_long = False
    cpu_before = 0.0
    for minutes in arguments.minutes:
        for batch in arguments.batches:
            with tempfile.TemporaryDirectory(prefix="minutes-") as name:
                folder = Path(name) / "run"
                seconds = run(folder, minutes, batch, kill_after=30 * minutes) if arguments.kill else 0.0
                seconds += run(folder, minutes, batch)
                manifest = json.loads((folder / "manifest.json").read_text())
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu, cpu_before = usage.ru_utime + usage.ru_stime - cpu_before, usage.ru_utime + usage.ru_stime
            over = seconds - 60 * minutes
            allowed = max(ALLOWED_SECONDS, ALLOWED_SHARE * 60 * minutes)
            too_long |= over > allowed
            print(
                f"{minutes} min, batch {batch}: {seconds:.1f} s ({cpu:.1f} s of CPU time), {over:+.1f} s"
                f" (allowed {allowed:.0f}); {manifest['counts']['selected']} selected,"
                f" {manifest['requests']['sent']} answers; load average {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    sys.exit(too_long)


if __name__ == "__main__":
    main()
