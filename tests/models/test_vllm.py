"""The options of `vllm`, and what they come to in a journal's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.model_calls import request, runtime
from tests.models.vllm_server.engines import fake_python
from textsynth.core.errors import ModelError, RecipeError
from textsynth.core.records import Constraint
from textsynth.models.local.bundled import IDENTITY, NAME
from textsynth.models.vllm import Vllm, log_name, source_of
from textsynth.models.vllm_server.environment import find_environment


def test_a_name_and_a_revision_are_the_identity_and_speed_is_no_part_of_it() -> None:
    assert Vllm(model="Qwen/Qwen3-8B").identity == "Qwen/Qwen3-8B"
    assert Vllm(model="Qwen/Qwen3-8B", revision="main").identity == "Qwen/Qwen3-8B@main"
    fast = Vllm(
        model="Qwen/Qwen3-8B", flags={"max-num-seqs": 512, "tensor-parallel-size": 2}, port=8000, keep_running=True
    )
    assert fast.identity == "Qwen/Qwen3-8B"


def test_what_changes_answers_changes_the_identity() -> None:
    plain = Vllm(model="m")
    others = [
        Vllm(model="m", flags={"quantization": "fp8"}),
        Vllm(model="m", flags={"dtype": "float32"}),
        Vllm(model="m", extra_body={"min_p": 0.1}),
        Vllm(model="m", response_format=False),
    ]
    assert len({one.identity for one in (plain, *others)}) == 5
    assert Vllm(model="m", flags={"--dtype": "float32"}).identity == others[1].identity


def test_a_folder_is_known_by_its_contents(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "config.json").write_text("{}")
    first = Vllm(model="./small").identity_at(tmp_path)
    assert first.startswith("./small@")
    (tmp_path / "small" / "config.json").write_text("[]")
    assert Vllm(model="./small").identity_at(tmp_path) != first


def test_the_embedded_model_continues_lists_and_others_chat() -> None:
    assert (Vllm(model=NAME).prompt_mode, Vllm(model=NAME).identity) == ("completion", IDENTITY)
    assert Vllm(model="m").prompt_mode == "chat"
    assert Vllm(model="m", mode="completion").prompt_mode == "completion"


def test_flags_that_textsynth_sets_are_refused() -> None:
    with pytest.raises(RecipeError, match="'port' is set by textsynth; what says it is port"):
        Vllm(model="m", flags={"port": 8000})


def test_without_vllm_there_is_one_sentence_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="`textsynth serve --install` makes an environment for it"):
        Vllm(model="m").open(runtime(tmp_path))


def test_a_plan_has_what_the_recipe_says(tmp_path: Path) -> None:
    options = Vllm(model="m", flags={"max-model-len": 4096, "dtype": None}, restarts=1, start_minutes=2, port=8000)
    plan = options.plan(find_environment(tmp_path, fake_python(tmp_path)), "m", tmp_path / "log")
    assert "--dtype" not in plan.command
    assert plan.command[-2:] == ("--max-model-len", "4096")
    assert (plan.restarts, plan.start_seconds, plan.port) == (1, 120.0, 8000)


def test_a_source_is_a_folder_or_a_name_of_the_hub(tmp_path: Path) -> None:
    assert source_of("acme/small", runtime(tmp_path)) == "acme/small"
    with pytest.raises(ModelError, match=r"holds no model: there is no config.json in it"):
        source_of("./small", runtime(tmp_path))
    assert log_name("acme/small") == "vllm-acme-small.log"
    assert log_name("./models/../a") == "vllm-models-..-a.log"


def test_a_request_goes_into_a_batch_as_vllm_takes_it() -> None:
    one = request("x", constraint=Constraint("choice", '["a", "b"]'))
    line = Vllm(model="m", adapter="tickets").batch_line(one)
    body = line["body"]
    assert isinstance(body, dict)
    assert (line["custom_id"], body["model"]) == (one.key, "tickets")
    assert body["structured_outputs"] == {"choice": ["a", "b"]}
