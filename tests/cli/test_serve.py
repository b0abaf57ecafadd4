"""`textsynth serve`: in the foreground, in the background, listed and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli
from tests.models.vllm_server.fake_vllm import ROOT, fake_python, is_alive, wait_until
from textsynth.models.vllm_server.lease import running_servers, servers_folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache folder that the commands use."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "textsynth"


def test_a_server_in_the_background_is_listed_used_and_stopped(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = fake_python(tmp_path / "env")
    first = run_cli(capsys, "serve", "small", "--background", "--python", python, "--json")
    assert first.code == 0, first.err
    server = json.loads(first.out)
    assert (server["model"], server["started"], server["version"]) == ("small", True, "9.9.0")
    assert Path(server["key_file"]).read_text() not in first.out + first.err
    assert "is starting (0 s)" in first.err
    again = run_cli(capsys, "serve", "small", "--background", "--python", python)
    assert f"small is served at {server['base_url']}, by a server that was running" in again.out
    assert f'export VLLM_API_KEY="$(cat {server["key_file"]})"' in again.out
    servers = json.loads(run_cli(capsys, "serve", "--json").out)
    assert [(entry["model"], entry["stage"]) for entry in servers] == [("small", "ready")]
    assert "no server of other is running" in run_cli(capsys, "serve", "other", "--stop").err
    assert "is stopped" in run_cli(capsys, "serve", "--stop").err
    assert "no server is running" in run_cli(capsys, "serve").err
    assert running_servers(servers_folder(cache)) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_in_the_foreground_ends_with_its_command(tmp_path: Path, cache: Path, number: signal.Signals) -> None:
    python = fake_python(tmp_path / "env")
    with subprocess.Popen(
        [sys.executable, "-m", "textsynth", "serve", "small", "--python", python, "--", "--max-model-len", "99"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("small is served at http://127.0.0.1:")
        assert "--max-model-len 99" in process.stdout.readline()
        (state,) = running_servers(servers_folder(cache)).values()
        os.killpg(process.pid, number)  # as a terminal does
        process.stdout.read()
    assert process.returncode == (0 if number == signal.SIGINT else -number)
    wait_until(lambda: not is_alive(state.process_group) and not is_alive(state.supervisor_pid))


def test_user_errors_are_sentences(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    python = fake_python(tmp_path / "env")
    misspelt = run_cli(capsys, "serve", "small", "--python", python, "--", "--max-modell-len", "9")
    assert misspelt.code == 1
    assert "vLLM does not serve small: unrecognized arguments: --max-modell-len 9; its log:" in misspelt.err
    reserved = run_cli(capsys, "serve", "small", "--python", python, "--", "--api-key=secret")
    assert reserved.code == 2
    assert "is set by textsynth" in reserved.err
    assert "secret" not in reserved.err
    assert "textsynth serve --install" in run_cli(capsys, "serve", "small").err
    assert "come after a model" in run_cli(capsys, "serve", "--", "--max-model-len").err
    assert running_servers(servers_folder(cache)) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_stops_the_server_that_it_started(
    tmp_path: Path, cache: Path, number: signal.Signals
) -> None:
    model = {"vllm": {"model": "small", "python": fake_python(tmp_path / "env"), "flags": {"fake-latency": 0.2}}}
    (tmp_path / "recipe.yaml").write_text(
        f"name: tickets\nlabels: {{refund: wants money back}}\nmodels: {{generator: {json.dumps(model)}}}\n"
        "generate: [labelled]\nfilter: []\nselect: []\nwant: {label: 5000}\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "textsynth", "run", "recipe.yaml"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        wait_until(lambda: [state.stage for state in running_servers(servers_folder(cache)).values()] == ["ready"])
        (state,) = running_servers(servers_folder(cache)).values()
        time.sleep(0.5)
        os.killpg(process.pid, number)
        log = process.stderr.read()
    assert "vLLM 9.9.0 with small is starting" in log
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: not is_alive(state.process_group) and not is_alive(state.supervisor_pid))
    assert (tmp_path / "runs" / "tickets" / "vllm-small.log").is_file()
