from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from tests.cluster.kills import KILLS_RECIPE, SEEDS_CSV
from textsynth.cluster.connection import check_address, connect
from textsynth.core.errors import ClusterError, MissingExtra, UsageError
from textsynth.recipe import read_recipe
from textsynth.runner import run

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install 'textsynth[ray]'")


@pytest.mark.parametrize("address", ["kube", "ray:", "http://127.0.0.1:8265", "host", "host:0", "host:99999", ""])
def test_what_is_no_address_is_refused_with_what_would_be_one(address: str) -> None:
    with pytest.raises(UsageError, match=r"--on names no cluster, found .*; expected ray \(this machine\), HOST:PORT"):
        check_address(address)


def test_the_variable_of_ray_names_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    with pytest.raises(UsageError, match=r"the environment variable RAY_ADDRESS names no cluster, found 'http"):
        check_address("ray")


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_the_sentence_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(KILLS_RECIPE)
    (tmp_path / "seeds.csv").write_text(SEEDS_CSV)
    (tmp_path / "answer.py").write_text("def answer(request): return ''")
    with pytest.raises(MissingExtra, match=r"needs the package 'ray', .*: pip install 'textsynth\[ray\]'"):
        run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "out", on="ray")
    assert not (tmp_path / "out").exists()


@needs_ray
def test_a_cluster_that_does_not_answer_is_one_sentence() -> None:
    with socket.socket() as listener:  # bound, but not listening
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        sentence = rf"the Ray cluster at {address} cannot be reached: Connection refused"
        with pytest.raises(ClusterError, match=sentence), connect(address):
            pass


def test_workers_and_shards_need_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(KILLS_RECIPE.replace("function: ./answer.py:answer, ", ""))
    (tmp_path / "seeds.csv").write_text(SEEDS_CSV)
    recipe = read_recipe(tmp_path / "recipe.yaml")
    with pytest.raises(UsageError, match="workers are those of a cluster; name it with on"):
        run(recipe, out=tmp_path / "out", workers=2)
    with pytest.raises(UsageError, match="workers is a whole number above 0, found 0"):
        run(recipe, out=tmp_path / "out", on="ray", workers=0)
    with pytest.raises(UsageError, match="index_shards are those of a cluster; name it with on"):
        run(recipe, out=tmp_path / "out", index_shards=2)
    with pytest.raises(UsageError, match="index_shards is a whole number above 0, found 0"):
        run(recipe, out=tmp_path / "out", on="ray", index_shards=0)
