"""The worker process of `fuzz.py`: runs the commands of a case in a folder of its own, and judges what they leave."""

from __future__ import annotations

import faulthandler
import io
import json
import os
import re
import resource
import shutil
import signal
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz_cases import RUN_FILES, Case, make_case

from tests.hub_client import run_command

MAX_MEMORY = 6 << 30
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
    """Return what is the same for failures of one kind: the last frame of ours, and the error."""
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
