"""Runs against a real vLLM on the CPU, with the bundled model. They take minutes, so they must be enabled:

TEXTSYNTH_TEST_VLLM=~/.cache/textsynth/vllm/bin/python pytest tests/test_real_vllm.py

When the server is killed during a run: every candidate has one outcome, every answer in the journal is used and none is
requested twice, and the run ends within its timeouts, with the true reason. With a server that stays up: several
completions of one prompt in one request, and token counts of `/tokenize` compared with those of the server.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.model_calls import answers as complete_all
from tests.models.model_calls import request, runtime, samples
from tests.models.vllm_server.fake_vllm import is_alive, kill, wait_until
from tests.recording_proxy import recording_proxy
from textsynth.core.paths import cache_folder
from textsynth.models import Model
from textsynth.models.http import Http
from textsynth.models.local.bundled import BUNDLED_MODEL, installed_folder, is_installed
from textsynth.models.vllm_server.command import make_plan
from textsynth.models.vllm_server.environment import find_environment
from textsynth.models.vllm_server.lease import running_servers, servers_folder
from textsynth.models.vllm_server.log import startup_stage
from textsynth.models.vllm_server.process import EngineProcess, free_port, is_healthy, kill_group
from textsynth.models.vllm_server.state import ServerState

pytestmark = [pytest.mark.vllm, pytest.mark.slow]
ROOT = Path(__file__).parent.parent
START_TIMEOUT = 240.0
RUN_TIMEOUT = 600.0
API_KEY = "by-hand"
# Completions of one batched request arrive together, at the end of this short run, so that no kill could come before.
SINGLE_REQUESTS = {"batch_n": False}
RECIPE = """\
name: killed
labels: {route: asks which line leads to a place, fare: asks what a ticket costs, delay: asks about a late bus}
models: {generator: %s}
generate: [labelled: {domain: Messages of passengers to a city's bus company, per_request: 3}]
filter: [length, exact_duplicate, near_duplicate]
select: []
want: {label: 30}
budget: {patience: 50}
"""


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter that has vLLM."""
    path = os.environ.get("TEXTSYNTH_TEST_VLLM", "")
    if not path:
        pytest.skip(
            "needs a real vLLM: set TEXTSYNTH_TEST_VLLM to an interpreter with vLLM (textsynth serve --install)"
        )
    if not is_installed(installed_folder(cache_folder())):
        pytest.skip("the bundled model is not in the cache folder yet: textsynth run quickstart downloads it")
    return path


class Server:
    """A vLLM server that a test starts and kills itself, always with the same address and API key."""

    def __init__(self, python: str, folder: Path, *flags: str) -> None:
        self.port = free_port()
        self.log = folder / "vllm.log"
        plan = make_plan(
            find_environment(folder, python),
            BUNDLED_MODEL,
            installed_folder(cache_folder()),
            flags,
            log=self.log,
            port=self.port,
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [*plan.command, "--port", str(self.port)]
        self.variables = {**os.environ, **plan.environment, "VLLM_API_KEY": API_KEY}
        self.variables.pop("PYTHONPATH", None)
        self.engine: EngineProcess | None = None

    def start(self) -> None:
        """Start it; it is ready some time later."""
        self.engine = EngineProcess(self.command, self.variables, self.log)

    def is_almost_ready(self) -> bool:
        """Return whether its start is in its last seconds."""
        return startup_stage(self.log.read_text("utf-8", "replace")) == "the KV cache is allocated"

    def kill(self) -> None:
        """Kill all its processes."""
        assert self.engine is not None
        kill_group(self.engine.process_group)
        self.engine.terminate()


@pytest.fixture
def server(python: str, tmp_path: Path) -> Iterator[Server]:
    """A server that is not started yet; it is killed after the test."""
    server = Server(python, tmp_path)
    yield server
    if server.engine is not None:
        server.kill()


def start_run(folder: Path, model: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a run in the folder."""
    (folder / "recipe.yaml").write_text(RECIPE % json.dumps(model))
    command = [sys.executable, "-m", "textsynth", "run", str(folder / "recipe.yaml"), "--out", str(folder / "run")]
    variables = {**os.environ, "VLLM_API_KEY": API_KEY, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables, start_new_session=True
    )


def journal_answers(folder: Path) -> dict[str, str]:
    """Return the answers in the journal by their keys."""
    path = folder / "run" / "journal.sqlite"
    if not path.is_file():
        return {}
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return dict(connection.execute("SELECT key, answer FROM answers"))
        except sqlite3.OperationalError:  # the table is not created yet
            return {}


def wait_for_answers(folder: Path, run: subprocess.Popen[str], count: int) -> dict[str, str]:
    """Return the answers in the journal as soon as there are `count`."""
    wait_until(lambda: len(journal_answers(folder)) >= count or run.poll() is not None, START_TIMEOUT)
    assert run.poll() is None, run.communicate()[0]
    return journal_answers(folder)


def wait_for_end(run: subprocess.Popen[str]) -> str:
    """Return the output of a run when it has ended."""
    try:
        return run.communicate(timeout=RUN_TIMEOUT)[0]
    finally:
        run.kill()


def check(folder: Path, before: dict[str, str], *, from_journal: int) -> None:
    """Check that every candidate has one outcome, and that no answer was lost or requested twice."""
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    counts, requests = manifest["counts"], manifest["requests"]
    assert counts["candidates"] == counts["selected"] + counts["surplus"] + counts["dropped"] + counts["review"]
    after = journal_answers(folder)
    assert before.items() <= after.items()
    assert len(after) == requests["planned"] == requests["sent"] + requests["from_journal"]
    assert requests["from_journal"] == from_journal
    assert requests["failed"] == 0


def http_model(server: Server, max_downtime_seconds: float) -> dict[str, Any]:
    """Return the recipe's model for a server that the test starts itself."""
    url = f"http://127.0.0.1:{server.port}/v1"
    return {
        "http": {
            "base_url": url,
            "model": BUNDLED_MODEL,
            "api_key_env": "VLLM_API_KEY",
            "mode": "completion",
            "max_downtime_seconds": max_downtime_seconds,
            **SINGLE_REQUESTS,
        }
    }


def test_a_run_continues_when_a_killed_server_is_started_again(server: Server, tmp_path: Path) -> None:
    """Starts vLLM twice."""
    server.start()
    wait_until(lambda: is_healthy(server.port), START_TIMEOUT)
    run = start_run(tmp_path, http_model(server, START_TIMEOUT))
    before = wait_for_answers(tmp_path, run, 15)
    server.kill()
    server.start()
    output = wait_for_end(run)
    assert run.returncode == 0, output
    assert "trying again" in output
    check(tmp_path, before, from_journal=0)


def test_a_run_ends_without_its_server_and_the_next_run_waits_for_a_late_start(server: Server, tmp_path: Path) -> None:
    """Starts vLLM twice."""
    server.start()
    wait_until(lambda: is_healthy(server.port), START_TIMEOUT)
    run = start_run(tmp_path, http_model(server, 10.0))
    wait_for_answers(tmp_path, run, 15)
    server.kill()
    killed = time.monotonic()
    output = wait_for_end(run)
    assert time.monotonic() - killed < 60.0
    assert run.returncode == 1, output
    assert f"the server at http://127.0.0.1:{server.port}/v1 has given no answer for 1" in output
    before = journal_answers(tmp_path)
    server.start()
    wait_until(server.is_almost_ready, START_TIMEOUT)
    run = start_run(tmp_path, http_model(server, 60.0))  # before the server accepts requests
    output = wait_for_end(run)
    assert run.returncode == 0, output
    check(tmp_path, before, from_journal=len(before))


def managed_servers() -> list[ServerState]:
    """Return the managed servers of the bundled model that are running."""
    states = running_servers(servers_folder(cache_folder())).values()
    return [state for state in states if state.name == BUNDLED_MODEL]


def process_in_group(process_group: int, name: str) -> int:
    """Return the id of the process in a group that has this name."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        if int(fields[2]) == process_group and name in stat.with_name("cmdline").read_text("utf-8", "replace"):
            return int(stat.parent.name)
    raise AssertionError(f"no process {name} in the group {process_group}")


@pytest.mark.parametrize("victim", ["APIServer", "EngineCore"])
def test_a_managed_server_restarts_after_a_crash(python: str, tmp_path: Path, victim: str) -> None:
    """Starts vLLM twice."""
    run = start_run(tmp_path, {"vllm": {"model": BUNDLED_MODEL, "python": python, **SINGLE_REQUESTS}})
    before = wait_for_answers(tmp_path, run, 15)
    (state,) = managed_servers()
    kill(
        state.process_group if victim == "APIServer" else process_in_group(state.process_group, "EngineCore"),
        signal.SIGKILL,
    )
    output = wait_for_end(run)
    assert run.returncode == 0, output
    assert "is restarting after a crash" in output
    check(tmp_path, before, from_journal=0)
    wait_until(lambda: not managed_servers() and not is_alive(state.supervisor_pid))


def test_a_managed_server_stops_with_a_killed_run_and_the_next_run_resumes(python: str, tmp_path: Path) -> None:
    """Starts vLLM twice."""
    run = start_run(tmp_path, {"vllm": {"model": BUNDLED_MODEL, "python": python, **SINGLE_REQUESTS}})
    wait_for_answers(tmp_path, run, 15)
    (state,) = managed_servers()
    run.kill()
    run.communicate()
    wait_until(lambda: not managed_servers() and not is_alive(state.process_group), 60.0)
    before = journal_answers(tmp_path)
    run = start_run(tmp_path, {"vllm": {"model": BUNDLED_MODEL, "python": python, **SINGLE_REQUESTS}})
    output = wait_for_end(run)
    assert run.returncode == 0, output
    check(tmp_path, before, from_journal=len(before))
    wait_until(lambda: not managed_servers(), 60.0)


# Like Qwen3's template: where thinking is disabled, it ends with an empty thought.
THINKING_TEMPLATE = """\
{% for message in messages %}{{ "<|im_start|>" + message.role + "\\n" + message.content + "<|im_end|>\\n" }}{% endfor %}
{%- if add_generation_prompt %}{{ "<|im_start|>assistant\\n" }}
{%- if enable_thinking is defined and not enable_thinking %}{{ "<think>\\n\\n</think>\\n\\n" }}{% endif %}{% endif %}
"""
PROMPT = "Questions of passengers: asks what a ticket costs\n\n1."


@pytest.fixture(scope="module")
def ready_server(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ready server of a model whose chat template supports thinking."""
    folder = tmp_path_factory.mktemp("ready")
    (folder / "thinking.jinja").write_text(THINKING_TEMPLATE)
    server = Server(python, folder, "--chat-template", str(folder / "thinking.jinja"))
    server.start()
    try:
        wait_until(lambda: is_healthy(server.port), START_TIMEOUT)
        yield server
    finally:
        server.kill()


@pytest.fixture
def api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the environment variable with the API key of the servers that tests start themselves."""
    monkeypatch.setenv("VLLM_API_KEY", API_KEY)


def client(address: str, **options: object) -> Model:
    """Return a model for the server at an address without a path."""
    defaults = {
        "base_url": f"{address}/v1",
        "model": BUNDLED_MODEL,
        "api_key_env": "VLLM_API_KEY",
        "concurrency": 16,
    }
    return Http.model_validate(defaults | options).open(runtime())


def generated_tokens(server: Server) -> int:
    """Return how many tokens the engine has generated according to its metrics."""
    with urllib.request.urlopen(f"{server.url}/metrics") as page:
        lines = page.read().decode().splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:generation_tokens_total{")))


def test_completions_of_one_prompt_are_requested_together(ready_server: Server, api_key: None) -> None:
    """Starts vLLM, once for this test and the following ones."""
    before = generated_tokens(ready_server)
    with recording_proxy(ready_server.url) as server:
        requests = samples(PROMPT, 40, chat=False, temperature=1.0, top_p=1.0, max_tokens=24)
        completions = complete_all(client(server.url), requests)
        sent = server.records_of("/v1/completions")
    assert [body.get("n", 1) for body, _ in sent] == [16, 16, 8]
    assert [len(answer["choices"]) for _, answer in sent] == [16, 16, 8]
    texts = [completion.text for completion in completions]
    assert texts == [choice["text"] for _, answer in sent for choice in answer["choices"]]
    assert len(set(texts)) == 40
    prompt_tokens = [completion.prompt_tokens for completion in completions]
    assert [count > 0 for count in prompt_tokens] == [index in (0, 16, 32) for index in range(40)]
    assert sum(prompt_tokens) == sum(answer["usage"]["prompt_tokens"] for _, answer in sent)
    completion_tokens = [completion.completion_tokens for completion in completions]
    assert all(count > 0 for count in completion_tokens)
    wait_until(lambda: generated_tokens(ready_server) - before == sum(completion_tokens), 10.0)


def test_a_run_requests_several_completions_at_once_and_accounts_for_all(
    ready_server: Server, api_key: None, tmp_path: Path
) -> None:
    """Minutes on a busy machine."""
    before = generated_tokens(ready_server)
    with recording_proxy(ready_server.url) as server:
        model = http_model(ready_server, 60.0)
        model["http"]["base_url"] = f"{server.url}/v1"
        run = start_run(tmp_path, model)
        output = wait_for_end(run)
        sizes = [body.get("n", 1) for body, _ in server.records_of("/v1/completions")]
    assert run.returncode == 0, output
    check(tmp_path, {}, from_journal=0)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert sum(sizes) == manifest["requests"]["sent"] > 2 * len(sizes)
    wait_until(lambda: generated_tokens(ready_server) - before == manifest["tokens"]["completion"], 10.0)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("thinking", [None, {"max_tokens": 8}])
def test_the_token_counts_of_tokenize_agree_with_those_of_the_server(
    ready_server: Server, api_key: None, chat: bool, thinking: dict[str, int] | None
) -> None:
    """Answers may differ by two tokens: the end token is not counted, and text may be split differently."""
    requests = [
        request(f"{PROMPT} Question {number}:", chat=chat, temperature=0.8, max_tokens=24) for number in range(12)
    ]
    with recording_proxy(ready_server.url, with_usage=False) as server:
        completions = complete_all(client(server.url, thinking=thinking), requests)
        sent = server.records_of("/v1/chat/completions" if chat else "/v1/completions")
        tokenized = server.records_of("/tokenize")
    usage = {json.dumps(body.get("messages", body.get("prompt"))): answer["usage"] for body, answer in sent}
    assert len(usage) == sum(body.get("add_special_tokens", True) for body, _ in tokenized) == 12
    for completion, model_request in zip(completions, requests, strict=True):
        prompt = model_request.prompt
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        expected = usage[json.dumps(messages or prompt.text)]
        assert completion.prompt_tokens == expected["prompt_tokens"]
        assert completion.completion_tokens == pytest.approx(expected["completion_tokens"], abs=2)
