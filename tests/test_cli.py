from __future__ import annotations

import os

import pytest

from tests.cli.run_cli import run_cli
from textsynth.core.version import __version__


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(capsys, "--version").out == f"textsynth {__version__}\n"


@pytest.mark.parametrize("value", [None, "0"])
def test_progress_bars_of_the_hub_clients_are_off_in_logs_unless_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, value or "")
        if value is None:
            monkeypatch.delenv(name)
    run_cli(capsys, "--version")
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"]
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == (value or "1")


@pytest.mark.parametrize(
    ("args", "phrase"),
    [
        (["rum"], "there is no command 'rum'; did you mean 'run'?"),
        (["frobnicate"], "there are: init, validate, preview"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "r.yaml", "--limt", "3"], "--limit"),
        (["run", "r.yaml", "--limit", "0"], "0 is not in the range"),
        (["preview", "r.yaml", "-n", "0"], "0"),
        (["run", "no/such.yaml"], "no/such.yaml"),
        (["validate", "no/such.yaml"], "no/such.yaml"),
        (["report", "no/such/run"], "no/such/run"),
        (["why", "no/such/run", "abc"], "no/such/run"),
        (["steps", "near_duplicat"], "did you mean 'near_duplicate'?"),
        (["init", "--recipe", "quikstart"], "did you mean 'quickstart'?"),
    ],
)
def test_a_wrong_command_is_a_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], args: list[str], phrase: str
) -> None:
    result = run_cli(capsys, *args)
    assert result.code == 2
    assert phrase in result.err
    assert result.out == ""
    assert "Traceback" not in result.err
