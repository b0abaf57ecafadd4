"""The options of `vllm` and the identity that follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.model_calls import request, runtime
from tests.models.vllm_server.fake_vllm import fake_python
from textsynth.core.errors import ModelError, RecipeError
from textsynth.core.records import Constraint
from textsynth.models.local.bundled import BUNDLED_IDENTITY, BUNDLED_MODEL
from textsynth.models.vllm import Vllm, log_file_name, model_source
from textsynth.models.vllm_server.environment import find_environment


def test_the_identity_is_name_and_revision_and_excludes_what_affects_only_the_speed() -> None:
    assert Vllm(model="Qwen/Qwen3-8B").identity == "Qwen/Qwen3-8B"
    assert Vllm(model="Qwen/Qwen3-8B", revision="main").identity == "Qwen/Qwen3-8B@main"
    fast = Vllm(
        model="Qwen/Qwen3-8B", flags={"max-num-seqs": 512, "tensor-parallel-size": 2}, port=8000, keep_running=True
    )
    assert fast.identity == "Qwen/Qwen3-8B"


def test_options_that_change_answers_change_the_identity() -> None:
    plain = Vllm(model="m")
    others = [
        Vllm(model="m", flags={"quantization": "fp8"}),
        Vllm(model="m", flags={"dtype": "float32"}),
        Vllm(model="m", extra_body={"min_p": 0.1}),
        Vllm(model="m", response_format=False),
    ]
    assert len({options.identity for options in (plain, *others)}) == 5
    assert Vllm(model="m", flags={"--dtype": "float32"}).identity == others[1].identity


def test_the_identity_of_a_folder_depends_on_its_contents(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "config.json").write_text("{}")
    first = Vllm(model="./small").identity_at(tmp_path)
    assert first.startswith("./small@")
    (tmp_path / "small" / "config.json").write_text("[]")
    assert Vllm(model="./small").identity_at(tmp_path) != first


def test_the_prompt_mode_is_completion_for_the_bundled_model_and_chat_for_others() -> None:
    bundled = Vllm(model=BUNDLED_MODEL)
    assert (bundled.prompt_mode, bundled.identity) == ("completion", BUNDLED_IDENTITY)
    assert Vllm(model="m").prompt_mode == "chat"
    assert Vllm(model="m", mode="completion").prompt_mode == "completion"


def test_flags_that_textsynth_sets_are_rejected() -> None:
    with pytest.raises(RecipeError, match="'port' is set by textsynth: use the option port"):
        Vllm(model="m", flags={"port": 8000})


def test_without_vllm_the_error_has_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `textsynth serve --install`, which creates an environment for it"):
        Vllm(model="m").open(runtime(tmp_path))


def test_a_plan_follows_the_options(tmp_path: Path) -> None:
    options = Vllm(model="m", flags={"max-model-len": 4096, "dtype": None}, restarts=1, start_minutes=2, port=8000)
    plan = options.plan(find_environment(tmp_path, fake_python(tmp_path)), "m", tmp_path / "log")
    assert "--dtype" not in plan.command
    assert plan.command[-2:] == ("--max-model-len", "4096")
    assert (plan.max_restarts, plan.start_timeout_seconds, plan.port) == (1, 120.0, 8000)


def test_the_source_of_a_model_is_a_folder_or_a_hub_name(tmp_path: Path) -> None:
    assert model_source("acme/small", runtime(tmp_path)) == "acme/small"
    with pytest.raises(ModelError, match=r"contains no model: config.json is missing"):
        model_source("./small", runtime(tmp_path))


def test_the_log_file_has_a_safe_name() -> None:
    assert log_file_name("acme/small") == "vllm-acme-small.log"
    assert log_file_name("./models/../a") == "vllm-models-..-a.log"


def test_a_batch_line_has_the_format_of_vllm() -> None:
    model_request = request("x", constraint=Constraint("choice", '["a", "b"]'))
    line = Vllm(model="m", adapter="tickets").batch_line(model_request)
    body = line["body"]
    assert isinstance(body, dict)
    assert (line["custom_id"], body["model"]) == (model_request.key, "tickets")
    assert body["structured_outputs"] == {"choice": ["a", "b"]}
