from __future__ import annotations

import os

import pytest

from tests.cli.said import Said
from textsynth.core.version import __version__


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert Said(capsys, "--version").out == f"textsynth {__version__}\n"


@pytest.mark.parametrize("set_before", [None, "0"])
def test_the_bars_of_the_hubs_clients_stay_out_of_logs_unless_somebody_wants_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, set_before: str | None
) -> None:
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, set_before or "")
        if set_before is None:
            monkeypatch.delenv(name)
    Said(capsys, "--version")
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"]
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == (set_before or "1")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["rum"], "there is no verb 'rum'; did you mean 'run'?"),
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
def test_a_wrong_command_is_a_sentence_and_exit_2(
    capsys: pytest.CaptureFixture[str], args: list[str], told: str
) -> None:
    said = Said(capsys, *args)
    assert said.code == 2
    assert told in said.err
    assert said.out == ""
    assert "Traceback" not in said.err
