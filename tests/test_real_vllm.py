"""Runs against a real vLLM on the CPU, with the embedded model. Minutes, so only when it is asked for:

TEXTSYNTH_TEST_VLLM=~/.cache/textsynth/vllm/bin/python pytest tests/test_real_vllm.py

Killed in the middle, what holds each time: the census (every candidate has one end), every answer in the journal is
used again and none is asked for twice, and the run ends, within its time-outs and with the true reason. Then, of a
server that lives: draws of one prompt in one request, and tokens counted by `/tokenize` beside those it tells.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.model_calls import answers as completions_of
from tests.models.model_calls import request, runtime, samples
from tests.models.vllm_server.engines import is_alive, kill, wait_until
from tests.recording_proxy import recording_proxy
from textsynth.core.paths import cache_folder
from textsynth.models import Model
from textsynth.models.http import Http
from textsynth.models.local.bundled import NAME, folder_in, is_installed
from textsynth.models.vllm_server import lease as shared
from textsynth.models.vllm_server.command import make_plan
from textsynth.models.vllm_server.environment import find_environment
from textsynth.models.vllm_server.log import startup_stage
from textsynth.models.vllm_server.process import EngineProcess, end_group, free_port, is_healthy
from textsynth.models.vllm_server.state import ServerState

pytestmark = [pytest.mark.vllm, pytest.mark.slow]
ROOT = Path(__file__).parent.parent
START_SECONDS = 240.0
RUN_SECONDS = 600.0
# Draws that leave together come together, and the few of this run all at its end: there would be no middle to kill in.
ONE_BY_ONE = {"batch_n": False}
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
    """Return the interpreter that has vLLM."""
    given = os.environ.get("TEXTSYNTH_TEST_VLLM", "")
    if not given:
        pytest.skip(
            "asks a real vLLM: TEXTSYNTH_TEST_VLLM names an interpreter that has one (textsynth serve --install)"
        )
    if not is_installed(folder_in(cache_folder())):
        pytest.skip("the embedded model is not in the cache folder yet: textsynth run quickstart gets it")
    return given


class Server:
    """A vLLM that is started and killed by hand, at one address and with one key."""

    def __init__(self, python: str, folder: Path, *flags: str) -> None:
        self.port = free_port()
        self.log = folder / "vllm.log"
        plan = make_plan(
            find_environment(folder, python), NAME, folder_in(cache_folder()), flags, log=self.log, port=self.port
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [*plan.command, "--port", str(self.port)]
        self.variables = {**os.environ, **plan.variables, "VLLM_API_KEY": "by-hand"}
        self.variables.pop("PYTHONPATH", None)
        self.engine: EngineProcess | None = None

    def start(self) -> None:
        """Start it; it is well some time later."""
        self.engine = EngineProcess(self.command, self.variables, self.log)

    def is_nearly_well(self) -> bool:
        """Whether its start is in its last seconds."""
        return startup_stage(self.log.read_text("utf-8", "replace")) == "the cache is laid out"

    def kill(self) -> None:
        """End all of it with force."""
        assert self.engine is not None
        end_group(self.engine.group)
        self.engine.end()


@pytest.fixture
def server(python: str, tmp_path: Path) -> Iterator[Server]:
    """Yield a server that is not started, and end it afterwards."""
    one = Server(python, tmp_path)
    yield one
    if one.engine is not None:
        one.kill()


def start(folder: Path, model: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a run in the folder."""
    (folder / "recipe.yaml").write_text(RECIPE % json.dumps(model))
    command = [sys.executable, "-m", "textsynth", "run", str(folder / "recipe.yaml"), "--out", str(folder / "run")]
    variables = {**os.environ, "VLLM_API_KEY": "by-hand", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables, start_new_session=True
    )


def answers(folder: Path) -> dict[str, str]:
    """Return the answers in the journal by their keys."""
    path = folder / "run" / "journal.sqlite"
    if not path.is_file():
        return {}
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return dict(connection.execute("SELECT key, answer FROM answers"))
        except sqlite3.OperationalError:  # not laid out yet
            return {}


def wait_for_answers(folder: Path, run: subprocess.Popen[str], count: int) -> dict[str, str]:
    """Return the journal as soon as it has so many answers."""
    wait_until(lambda: len(answers(folder)) >= count or run.poll() is not None, START_SECONDS)
    assert run.poll() is None, run.communicate()[0]
    return answers(folder)


def ended(run: subprocess.Popen[str]) -> str:
    """Return what a run said, once it has ended."""
    try:
        return run.communicate(timeout=RUN_SECONDS)[0]
    finally:
        run.kill()


def check(folder: Path, before: dict[str, str], *, from_journal: int) -> None:
    """Check the census, and that no answer was lost or asked for twice."""
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    counts, requests = manifest["counts"], manifest["requests"]
    assert counts["candidates"] == counts["selected"] + counts["surplus"] + counts["dropped"] + counts["review"]
    after = answers(folder)
    assert before.items() <= after.items()
    assert len(after) == requests["planned"] == requests["sent"] + requests["from_journal"]
    assert requests["from_journal"] == from_journal
    assert requests["failed"] == 0


def by_http(server: Server, patience: float) -> dict[str, Any]:
    """Return a model that asks a server started by hand."""
    url = f"http://127.0.0.1:{server.port}/v1"
    return {
        "http": {
            "base_url": url,
            "model": NAME,
            "api_key_env": "VLLM_API_KEY",
            "prompts": "completion",
            "max_downtime_seconds": patience,
            **ONE_BY_ONE,
        }
    }


def test_a_server_that_is_killed_and_started_again_by_hand(server: Server, tmp_path: Path) -> None:
    """Starts vLLM twice."""
    server.start()
    wait_until(lambda: is_healthy(server.port), START_SECONDS)
    run = start(tmp_path, by_http(server, START_SECONDS))
    before = wait_for_answers(tmp_path, run, 15)
    server.kill()
    server.start()
    said = ended(run)
    assert run.returncode == 0, said
    assert "trying again" in said
    check(tmp_path, before, from_journal=0)


def test_a_server_that_is_killed_for_good_and_one_that_is_started_late(server: Server, tmp_path: Path) -> None:
    """Starts vLLM twice."""
    server.start()
    wait_until(lambda: is_healthy(server.port), START_SECONDS)
    run = start(tmp_path, by_http(server, 10.0))
    wait_for_answers(tmp_path, run, 15)
    server.kill()
    killed = time.monotonic()
    said = ended(run)
    assert time.monotonic() - killed < 60.0
    assert run.returncode == 1, said
    assert f"the server at http://127.0.0.1:{server.port}/v1 has given no answer for 1" in said
    before = answers(tmp_path)
    server.start()
    wait_until(server.is_nearly_well, START_SECONDS)
    run = start(tmp_path, by_http(server, 60.0))  # before there is a server to talk to
    said = ended(run)
    assert run.returncode == 0, said
    check(tmp_path, before, from_journal=len(before))


def running() -> list[ServerState]:
    """Return the servers of our own that run."""
    return [state for state in shared.running_servers(shared.folder_in(cache_folder())).values() if state.name == NAME]


def child_of(group: int, name: str) -> int:
    """Return the process of a group that has this name."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        told = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        if int(told[2]) == group and name in stat.with_name("cmdline").read_text("utf-8", "replace"):
            return int(stat.parent.name)
    raise AssertionError(f"no process {name} in the group {group}")


@pytest.mark.parametrize("victim", ["APIServer", "EngineCore"])
def test_a_server_of_our_own_starts_again_by_itself(python: str, tmp_path: Path, victim: str) -> None:
    """Starts vLLM twice."""
    run = start(tmp_path, {"vllm": {"model": NAME, "python": python, **ONE_BY_ONE}})
    before = wait_for_answers(tmp_path, run, 15)
    (state,) = running()
    kill(state.group if victim == "APIServer" else child_of(state.group, "EngineCore"), signal.SIGKILL)
    said = ended(run)
    assert run.returncode == 0, said
    assert "starts again after it died" in said
    check(tmp_path, before, from_journal=0)
    wait_until(lambda: not running() and not is_alive(state.supervisor))


def test_a_server_of_our_own_ends_with_a_killed_run_and_the_next_one_goes_on(python: str, tmp_path: Path) -> None:
    """Starts vLLM twice."""
    run = start(tmp_path, {"vllm": {"model": NAME, "python": python, **ONE_BY_ONE}})
    wait_for_answers(tmp_path, run, 15)
    (state,) = running()
    run.kill()
    run.communicate()
    gone: Callable[[], bool] = lambda: not running() and not is_alive(state.group)  # noqa: E731
    wait_until(gone, 60.0)
    before = answers(tmp_path)
    run = start(tmp_path, {"vllm": {"model": NAME, "python": python, **ONE_BY_ONE}})
    said = ended(run)
    assert run.returncode == 0, said
    check(tmp_path, before, from_journal=len(before))
    wait_until(lambda: not running(), 60.0)


# As Qwen3's: a model that may not think is shown that it has thought already.
THINKER = """\
{% for message in messages %}{{ "<|im_start|>" + message.role + "\\n" + message.content + "<|im_end|>\\n" }}{% endfor %}
{%- if add_generation_prompt %}{{ "<|im_start|>assistant\\n" }}
{%- if enable_thinking is defined and not enable_thinking %}{{ "<think>\\n\\n</think>\\n\\n" }}{% endif %}{% endif %}
"""
STORY = "Questions of passengers: asks what a ticket costs\n\n1."


@pytest.fixture(scope="module")
def living(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that is well, of a model whose chat template knows of thinking."""
    folder = tmp_path_factory.mktemp("living")
    (folder / "thinker.jinja").write_text(THINKER)
    one = Server(python, folder, "--chat-template", str(folder / "thinker.jinja"))
    one.start()
    try:
        wait_until(lambda: is_healthy(one.port), START_SECONDS)
        yield one
    finally:
        one.kill()


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the key of servers started by hand where a model looks for it."""
    monkeypatch.setenv("VLLM_API_KEY", "by-hand")


def client(address: str, **more: object) -> Model:
    """Return a model at an address without a path."""
    options = {"base_url": f"{address}/v1", "model": NAME, "api_key_env": "VLLM_API_KEY", "concurrency": 16, **more}
    return Http.model_validate(options).open(runtime())


def written(server: Server) -> int:
    """Return how many tokens the engine has written, by its own metrics."""
    with urllib.request.urlopen(f"{server.url}/metrics") as page:
        lines = page.read().decode().splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:generation_tokens_total{")))


def test_draws_that_wait_together_leave_as_one_request_and_bring_as_many_answers(living: Server, keyed: None) -> None:
    """Starts vLLM, once for this and the tests that follow."""
    before = written(living)
    with recording_proxy(living.url) as server:
        asked = samples(STORY, 40, chat=False, temperature=1.0, top_p=1.0, max_tokens=24)
        found = completions_of(client(server.url), asked)
        sent = server.records_of("/v1/completions")
    assert [body.get("n", 1) for body, _ in sent] == [16, 16, 8]
    assert [len(answer["choices"]) for _, answer in sent] == [16, 16, 8]
    assert [one.text for one in found] == [choice["text"] for _, answer in sent for choice in answer["choices"]]
    assert len({one.text for one in found}) == 40
    assert [one.prompt_tokens > 0 for one in found] == [draw in (0, 16, 32) for draw in range(40)]
    assert sum(one.prompt_tokens for one in found) == sum(answer["usage"]["prompt_tokens"] for _, answer in sent)
    assert all(one.completion_tokens > 0 for one in found)
    wait_until(lambda: written(living) - before == sum(one.completion_tokens for one in found), 10.0)


def test_a_run_asks_for_several_draws_at_once_and_its_census_holds(living: Server, keyed: None, tmp_path: Path) -> None:
    """Minutes on a busy machine."""
    before = written(living)
    with recording_proxy(living.url) as server:
        model = by_http(living, 60.0)
        model["http"]["base_url"] = f"{server.url}/v1"
        run = start(tmp_path, model)
        said = ended(run)
        sizes = [body.get("n", 1) for body, _ in server.records_of("/v1/completions")]
    assert run.returncode == 0, said
    check(tmp_path, {}, from_journal=0)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert sum(sizes) == manifest["requests"]["sent"] > 2 * len(sizes)
    wait_until(lambda: written(living) - before == manifest["tokens"]["completion"], 10.0)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("thinking", [None, {"max_tokens": 8}])
def test_what_tokenize_counts_is_what_the_server_tells(
    living: Server, keyed: None, chat: bool, thinking: dict[str, int] | None
) -> None:
    """A prompt to the token; of an answer the token that ends it is not counted, and text may be cut up otherwise."""
    asked = [
        request(f"{STORY} Question {number}:", chat=chat, temperature=0.8, max_tokens=24) for number in range(12)
    ]  # fmt: skip
    with recording_proxy(living.url, with_usage=False) as server:
        found = completions_of(client(server.url, thinking=thinking), asked)
        sent = server.records_of("/v1/chat/completions" if chat else "/v1/completions")
        counted = server.records_of("/tokenize")
    usage = {json.dumps(body.get("messages", body.get("prompt"))): answer["usage"] for body, answer in sent}
    assert len(usage) == sum(body.get("add_special_tokens", True) for body, _ in counted) == 12
    for one, ask in zip(found, asked, strict=True):
        turns = [{"role": turn.role, "content": turn.content} for turn in ask.prompt.messages]
        told = usage[json.dumps(turns or ask.prompt.text)]
        assert one.prompt_tokens == told["prompt_tokens"]
        assert one.completion_tokens == pytest.approx(told["completion_tokens"], abs=2)
