"""`textsynth serve` as it is typed: in the foreground, in the background, listed and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.said import Said
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
    first = Said(capsys, "serve", "small", "--background", "--python", python, "--json")
    assert first.code == 0, first.err
    told = json.loads(first.out)
    assert (told["model"], told["started"], told["version"]) == ("small", True, "9.9.0")
    assert Path(told["key_file"]).read_text() not in first.out + first.err
    assert "is starting (0 s)" in first.err
    again = Said(capsys, "serve", "small", "--background", "--python", python)
    assert f"small is served at {told['base_url']}, as before" in again.out
    assert f'export VLLM_API_KEY="$(cat {told["key_file"]})"' in again.out
    listed = json.loads(Said(capsys, "serve", "--json").out)
    assert [(one["model"], one["stage"]) for one in listed] == [("small", "ready")]
    assert "no server of other runs" in Said(capsys, "serve", "other", "--stop").err
    assert "is ended" in Said(capsys, "serve", "--stop").err
    assert "no server runs" in Said(capsys, "serve").err
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
    ) as typed:
        assert typed.stdout is not None
        assert typed.stdout.readline().startswith("small is served at http://127.0.0.1:")
        assert "--max-model-len 99" in typed.stdout.readline()
        (state,) = running_servers(servers_folder(cache)).values()
        os.killpg(typed.pid, number)  # as a terminal does
        typed.stdout.read()
    assert typed.returncode == (0 if number == signal.SIGINT else -number)
    wait_until(lambda: not is_alive(state.process_group) and not is_alive(state.supervisor_pid))


def test_mistakes_are_sentences(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    python = fake_python(tmp_path / "env")
    wrong = Said(capsys, "serve", "small", "--python", python, "--", "--max-modell-len", "9")
    assert wrong.code == 1
    assert "vLLM does not serve small: unrecognized arguments: --max-modell-len 9; its log:" in wrong.err
    ours = Said(capsys, "serve", "small", "--python", python, "--", "--api-key=secret")
    assert ours.code == 2
    assert "is set by textsynth" in ours.err
    assert "secret" not in ours.err
    assert "textsynth serve --install" in Said(capsys, "serve", "small").err
    assert "come after a model" in Said(capsys, "serve", "--", "--max-model-len").err
    assert running_servers(servers_folder(cache)) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_serves_its_model_takes_the_server_with_it_when_it_is_interrupted(
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
    ) as typed:
        assert typed.stderr is not None
        wait_until(lambda: [one.stage for one in running_servers(servers_folder(cache)).values()] == ["ready"])
        (state,) = running_servers(servers_folder(cache)).values()
        time.sleep(0.5)
        os.killpg(typed.pid, number)
        said = typed.stderr.read()
    assert "vLLM 9.9.0 with small is starting" in said
    assert typed.returncode == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: not is_alive(state.process_group) and not is_alive(state.supervisor_pid))
    assert (tmp_path / "runs" / "tickets" / "vllm-small.log").is_file()
