"""Whole runs against a server that is killed, started late or replaced, or that responds with nonsense.

Whatever happens to the server, the data set has the same bytes as without the fault, or the run ends with one sentence
that says why; and every run ends within a time limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runner.recipes import digest, served_recipe
from tests.server import Fault, serving
from tests.server_process import server_process
from textsynth.core.errors import ModelError
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run

OPTIONS = {"timeout_seconds": 4, "max_downtime_seconds": 20, "retries": 8}
MAX_SECONDS = 60.0


def run_recipe(folder: Path, *urls: str, **options: object) -> RunSummary:
    """Run the recipe to its end, which must come within the time limit."""
    path = served_recipe(folder, base_urls=urls, **{**OPTIONS, **options})
    started = time.monotonic()
    try:
        return run(read_recipe(path), out=folder / "run")
    finally:
        assert time.monotonic() - started < MAX_SECONDS


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The hashes of the data set's files without any fault."""
    folder = tmp_path_factory.mktemp("expected")
    with serving() as server:
        assert run_recipe(folder, server.url).exit_code == 0
    return digest(folder / "run")


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_server_that_is_killed_and_restarted(tmp_path: Path, expected: dict[str, str]) -> None:
    with server_process("--latency-ms", "60") as server:

        def restart() -> None:
            server.wait_for_answers(12)
            server.kill()
            time.sleep(0.5)
            server.start()

        thread = in_background(restart)
        assert run_recipe(tmp_path, server.url).exit_code == 0
        thread.join()
    assert digest(tmp_path / "run") == expected


def test_a_server_that_stays_down_ends_the_run_and_its_answers_are_kept(
    tmp_path: Path, expected: dict[str, str]
) -> None:
    with server_process("--latency-ms", "60") as server:

        def kill() -> None:
            server.wait_for_answers(12)
            server.kill()

        thread = in_background(kill)
        with pytest.raises(ModelError, match=r"given no answer for .* start it again and run the same command"):
            run_recipe(tmp_path, server.url, max_downtime_seconds=1)
        thread.join()
        server.start("--latency-ms", "0")
        summary = run_recipe(tmp_path, server.url)
        assert summary.manifest["requests"]["from_journal"] >= 12
    assert digest(tmp_path / "run") == expected


def test_a_server_that_is_started_late(tmp_path: Path, expected: dict[str, str]) -> None:
    with server_process(started=False) as server:

        def start() -> None:
            time.sleep(1.0)
            server.start()

        thread = in_background(start)
        assert run_recipe(tmp_path, server.url).exit_code == 0
        thread.join()
    assert digest(tmp_path / "run") == expected


def test_another_model_under_the_same_name_stops_the_run(tmp_path: Path) -> None:
    with server_process("--latency-ms", "60") as server:

        def replace() -> None:
            server.wait_for_answers(12)
            server.kill()
            server.start("--root", "org/another")

        thread = in_background(replace)
        with pytest.raises(ModelError, match=r"'org/another', before 'org/mock-small'; .*would mix") as caught:
            run_recipe(tmp_path, server.url)
        thread.join()
        assert "\n" not in str(caught.value)
        assert server.stats()["answered"] == 0


FAULTS = {
    "500s": [Fault("500", every=3)],
    "502 and 503": [Fault("502", every=9), Fault("503", every=7, after="0")],
    "429 with Retry-After": [Fault("429", every=9, after="0.2")],
    "429 without": [Fault("429", every=4)],
    "reset": [Fault("reset", every=4)],
    "closed in the middle of a response": [Fault("close", every=4)],
    "garbage": [Fault("garbage", every=3)],
    "truncated JSON": [Fault("cut", every=3)],
    "no choices": [Fault("empty", every=3)],
    "no text": [Fault("notext", every=3)],
    "impossible usage": [Fault("usage")],
    "responses that never end": [Fault("drip", every=40), Fault("flood", every=50), Fault("hang", every=45)],
    "one slow request": [Fault("slow", every=60)],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_occasional_faults_change_no_byte(kind: str, tmp_path: Path, expected: dict[str, str]) -> None:
    with serving(latency=0.002, faults=FAULTS[kind]) as server:
        assert run_recipe(tmp_path, server.url, timeout_seconds=1 if "never" in kind else 4).exit_code == 0
    assert digest(tmp_path / "run") == expected


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("template"), r"has no chat template .*mode: completion"),
        (Fault("gated"), r"the gated model 'mock-small' .*accept its terms"),
        (Fault("401", message="no such key"), r"refuses requests without a key"),
    ],
)
def test_an_error_that_no_request_can_avoid_stops_the_run_with_one_sentence(
    fault: Fault, sentence: str, tmp_path: Path
) -> None:
    with serving(faults=[fault]) as server:
        with pytest.raises(ModelError, match=sentence) as caught:
            run_recipe(tmp_path, server.url)
        assert server.stats()["requests"] < 100
    assert "\n" not in str(caught.value)


def test_two_servers_of_which_one_dies_and_comes_back(tmp_path: Path, expected: dict[str, str]) -> None:
    with server_process("--latency-ms", "120") as dying, server_process("--latency-ms", "120") as living:

        def restart() -> None:
            dying.wait_for_answers(4)
            living.set_latency(1_000)  # so that the run lasts until the other server is back, on a slow machine too
            dying.kill()
            dying.start()
            dying.wait_for_answers(1)
            living.wait_for_answers(1)
            living.set_latency(0)

        thread = in_background(restart)
        assert run_recipe(tmp_path, dying.url, living.url, concurrency=2).exit_code == 0
        thread.join()
    assert digest(tmp_path / "run") == expected


def test_two_servers_of_different_models_are_an_error(tmp_path: Path) -> None:
    with (
        serving() as first,
        serving(root="org/another") as second,
        pytest.raises(ModelError, match=r"base_urls: .* all must serve the same model"),
    ):
        run_recipe(tmp_path, first.url, second.url)


def test_an_adaptive_concurrency_changes_no_byte(tmp_path: Path, expected: dict[str, str]) -> None:
    with serving(latency=0.01, capacity=24, metrics=True) as server:
        assert run_recipe(tmp_path, server.url, concurrency="auto").exit_code == 0
        assert server.mock.metrics_requests > 0
    assert digest(tmp_path / "run") == expected
