"""Whole runs against a server that is killed, started late, swapped, or answers with nonsense.

Whatever happens to the server, the data set has the same bytes as without the fault, or the run ends with one sentence
that says why; and every run ends within a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import engine
from tests.runner.recipes import digest, served_recipe
from tests.server import Fault, serving
from textsynth.core.errors import ModelError
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run

SETTINGS = {"timeout_seconds": 4, "max_downtime_seconds": 20, "retries": 8}
BOUND_SECONDS = 60.0


def survive(folder: Path, *urls: str, **more: object) -> RunSummary:
    """Run the recipe to its end, which must come in time."""
    path = served_recipe(folder, base_urls=urls, **{**SETTINGS, **more})
    started = time.monotonic()
    try:
        return run(read_recipe(path), out=folder / "run")
    finally:
        assert time.monotonic() - started < BOUND_SECONDS


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The data set's bytes without any fault."""
    folder = tmp_path_factory.mktemp("whole")
    with serving() as server:
        assert survive(folder, server.url).exit_code == 0
    return digest(folder / "run")


def meanwhile(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_killed_in_the_middle_and_started_again(tmp_path: Path, whole: dict[str, str]) -> None:
    with engine("--latency-ms", "60") as server:

        def restart() -> None:
            server.until(12)
            server.kill()
            time.sleep(0.5)
            server.start()

        thread = meanwhile(restart)
        assert survive(tmp_path, server.url).exit_code == 0
        thread.join()
    assert digest(tmp_path / "run") == whole


def test_killed_for_good_ends_with_the_reason_and_the_answers_stay(tmp_path: Path, whole: dict[str, str]) -> None:
    with engine("--latency-ms", "60") as server:

        def end() -> None:
            server.until(12)
            server.kill()

        thread = meanwhile(end)
        with pytest.raises(ModelError, match=r"given no answer for .* start it again and run the same command"):
            survive(tmp_path, server.url, max_downtime_seconds=1)
        thread.join()
        server.start("--latency-ms", "0")
        result = survive(tmp_path, server.url)
        assert result.manifest["requests"]["from_journal"] >= 12
    assert digest(tmp_path / "run") == whole


def test_started_late(tmp_path: Path, whole: dict[str, str]) -> None:
    with engine(started=False) as server:

        def start() -> None:
            time.sleep(1.0)
            server.start()

        thread = meanwhile(start)
        assert survive(tmp_path, server.url).exit_code == 0
        thread.join()
    assert digest(tmp_path / "run") == whole


def test_another_model_under_the_same_name_stops_the_run(tmp_path: Path) -> None:
    with engine("--latency-ms", "60") as server:

        def swap() -> None:
            server.until(12)
            server.kill()
            server.start("--root", "org/another")

        thread = meanwhile(swap)
        with pytest.raises(ModelError, match=r"'org/another', before 'org/mock-small'; .*would mix") as caught:
            survive(tmp_path, server.url)
        thread.join()
        assert "\n" not in str(caught.value)
        assert server.stats()["answered"] == 0


FAULTS = {
    "500s": [Fault("500", every=3)],
    "502 and 503": [Fault("502", every=9), Fault("503", every=7, after="0")],
    "429 with Retry-After": [Fault("429", every=9, after="0.2")],
    "429 without": [Fault("429", every=4)],
    "reset": [Fault("reset", every=4)],
    "closed in the middle of an answer": [Fault("close", every=4)],
    "garbage": [Fault("garbage", every=3)],
    "truncated JSON": [Fault("cut", every=3)],
    "no choices": [Fault("empty", every=3)],
    "no text": [Fault("notext", every=3)],
    "wrong usage": [Fault("usage")],
    "answers that never end": [Fault("drip", every=40), Fault("flood", every=50), Fault("hang", every=45)],
    "one slow request": [Fault("slow", every=60)],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_goes_wrong_at_times_changes_no_byte(kind: str, tmp_path: Path, whole: dict[str, str]) -> None:
    with serving(latency=0.002, faults=FAULTS[kind]) as server:
        assert survive(tmp_path, server.url, timeout_seconds=1 if "never" in kind else 4).exit_code == 0
    assert digest(tmp_path / "run") == whole


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("template"), r"has no chat template .*mode: completion"),
        (Fault("gated"), r"the gated model 'mock-small' .*accept its terms"),
        (Fault("401", message="no such key"), r"refuses requests without a key"),
    ],
)
def test_what_no_further_request_can_change_stops_with_one_sentence(
    fault: Fault, sentence: str, tmp_path: Path
) -> None:
    with serving(faults=[fault]) as server:
        with pytest.raises(ModelError, match=sentence) as caught:
            survive(tmp_path, server.url)
        assert server.stats()["requests"] < 100
    assert "\n" not in str(caught.value)


def test_two_servers_of_which_one_dies_and_comes_back(tmp_path: Path, whole: dict[str, str]) -> None:
    with engine("--latency-ms", "120") as one, engine("--latency-ms", "120") as other:

        def restart() -> None:
            one.until(4)
            one.kill()
            one.start()

        thread = meanwhile(restart)
        assert survive(tmp_path, one.url, other.url, concurrency=2).exit_code == 0
        thread.join()
        assert one.stats()["answered"] > 0, "it was not taken back"
        assert other.stats()["answered"] > 0
    assert digest(tmp_path / "run") == whole


def test_two_servers_of_different_models_are_an_error(tmp_path: Path) -> None:
    with (
        serving() as one,
        serving(root="org/another") as other,
        pytest.raises(ModelError, match=r"base_urls: .* all must serve the same model"),
    ):
        survive(tmp_path, one.url, other.url)


def test_the_number_in_flight_changes_no_byte(tmp_path: Path, whole: dict[str, str]) -> None:
    with serving(latency=0.01, capacity=24, metrics=True) as server:
        assert survive(tmp_path, server.url, concurrency="auto").exit_code == 0
        assert server.mock.polls > 0
    assert digest(tmp_path / "run") == whole
