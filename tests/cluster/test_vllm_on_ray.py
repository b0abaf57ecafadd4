"""`vllm: {replicas: 2}` on a cluster, with the fake vLLM of tests/models/vllm_server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kills import KILLS_RECIPE, SEEDS_CSV, dataset_bytes
from tests.models.vllm_server.fake_vllm import fake_python
from textsynth.core.paths import cache_folder
from textsynth.models.vllm_server.lease import running_servers, servers_folder
from textsynth.recipe import read_recipe
from textsynth.runner import run

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")]


def test_each_replica_is_a_worker_with_a_server_of_its_own(
    two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "seeds.csv").write_text(SEEDS_CSV)
    (tmp_path / "recipe.yaml").write_text(KILLS_RECIPE)
    model = {"model": "small", "python": fake_python(tmp_path / "env"), "replicas": 2, "flags": {"fake-start": 4}}
    settings = (f"models.generator={{vllm: {model}}}".replace("'", '"'), "budget.requests=100")
    recipe = read_recipe(tmp_path / "recipe.yaml", settings)
    run(recipe, out=tmp_path / "plain")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache of workers"))
    lines: list[str] = []
    run(recipe, out=tmp_path / "ray", on="ray", workers=5, log=lines.append)
    assert any("worker 2 of 2" in line for line in lines), lines
    assert dataset_bytes(tmp_path / "ray") == dataset_bytes(tmp_path / "plain")
    servers = servers_folder(cache_folder())
    assert len(list(servers.glob("*/plan.json"))) == 2
    while running_servers(servers):  # they stop with the run
        time.sleep(0.1)
