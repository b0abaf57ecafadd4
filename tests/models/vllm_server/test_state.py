from __future__ import annotations

import stat
from pathlib import Path

import pytest

from textsynth.models.vllm_server.state import ServerPlan, ServerState, read_plan, read_state, write_json

PLAN = ServerPlan("small", "1.0", ("python", "-m", "vllm"), {"A": "b"}, None, "/log", 3, 60.0)


def test_plan_and_state_are_read_as_written_and_private(tmp_path: Path) -> None:
    write_json(tmp_path / "plan", PLAN)
    assert read_plan(tmp_path / "plan") == PLAN
    state = ServerState("ready", name="small", port=8000, ready_count=2)
    write_json(tmp_path / "state", state)
    assert read_state(tmp_path / "state") == state
    assert state.url == "http://127.0.0.1:8000/v1"
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600, 0o600]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"ready"'])
def test_a_missing_or_invalid_state_is_none(tmp_path: Path, text: str) -> None:
    assert read_state(tmp_path / "state") is None
    (tmp_path / "state").write_text(text)
    assert read_state(tmp_path / "state") is None


def test_unknown_fields_of_a_state_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "state").write_text('{"stage": "ready", "port": 9, "weather": "fine"}')
    assert read_state(tmp_path / "state") == ServerState("ready", port=9)
