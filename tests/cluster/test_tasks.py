"""A pass over shards on a Ray cluster: the same files as in one process. Slow: starts Ray, which takes ten seconds."""

from __future__ import annotations

import importlib.util
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sharded.passes import read_rows, run_rows, write_set
from textsynth.cluster.connection import Cluster, connect
from textsynth.cluster.tasks import run_on_cluster
from textsynth.core.errors import RunError, SourceError, UsageError
from textsynth.sharded import filter_shards

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray leaves files and sockets open
    pytest.mark.skipif(
        not os.environ.get("TEXTSYNTH_TEST_RAY"), reason="TEXTSYNTH_TEST_RAY=1 runs this on a Ray cluster"
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'textsynth[ray]'"
    ),
]
VOCABULARY = "card parcel refund bank order late lost please when where money twice tracking number shop help"
WORDS = VOCABULARY.split()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with connect("ray") as connected:
        yield connected


def rows_of(seed: int, count: int) -> list[list[dict[str, Any]]]:
    """Return texts in four files, of which every third repeats most words of an earlier one."""
    rng = random.Random(seed)
    texts: list[str] = []
    for number in range(count):
        words = rng.choice(texts).split() if number % 3 == 2 else rng.choices(WORDS, k=rng.randint(1, 12))
        if number % 3 == 2:
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        texts.append(" ".join(words))
    size = -(-count // 4)
    return [[{"text": text} for text in texts[start : start + size]] for start in range(0, count, size)]


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shards", [1, 5])
def test_the_files_are_those_of_one_process_and_the_verdicts_those_of_a_run(
    cluster: Cluster, tmp_path: Path, shards: int
) -> None:
    recipe = write_set(tmp_path, rows_of(shards, 400))
    result = filter_shards(recipe, out=str(tmp_path / "shards"), shards=shards, on="ray")
    here = filter_shards(recipe, out=str(tmp_path / "here"), shards=shards)
    assert files_in(tmp_path / "shards") == files_in(tmp_path / "here")
    assert (result.texts, result.selected, result.pairs) == (here.texts, here.selected, here.pairs)
    ran, sharded = run_rows(recipe), read_rows(tmp_path / "shards")
    assert sharded["data"] == ran["data"]
    assert [(row["id"], row["step"]) for row in sharded["dropped"]] == [
        (row["id"], row["step"]) for row in ran["dropped"]
    ]
    assert result.pairs > 0


def test_a_filter_beside_the_recipe_is_loaded_by_the_tasks(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "no_refund.py").write_text(
        "import textsynth as ts\n\n\nclass NoRefund(ts.Filter):\n    def check(self, record):\n"
        "        return ts.Verdict('names a refund') if 'refund' in record.text else None\n",
        encoding="utf-8",
    )
    recipe = write_set(tmp_path, rows_of(8, 40), filters="[./no_refund.py, exact_duplicate]")
    filter_shards(recipe, out=str(tmp_path / "shards"), shards=2, on="ray")
    assert read_rows(tmp_path / "shards") == run_rows(recipe)


def test_an_error_of_a_task_is_one_sentence(cluster: Cluster, tmp_path: Path) -> None:
    recipe = write_set(tmp_path, [[{"text": "where is it"}, {"text": " "}]])
    with pytest.raises(UsageError, match=r"^raw/part-0\.jsonl:2: 'text' is blank") as raised:
        filter_shards(recipe, out=str(tmp_path / "out"), on="ray")
    assert not isinstance(raised.value, SourceError)
    with pytest.raises(UsageError, match="is in the memory of this process"):
        filter_shards(recipe, out="memory://out", on="ray")
    with pytest.raises(UsageError, match="filter cannot use the Ray client"):
        filter_shards(recipe, out=str(tmp_path / "client"), on="ray://127.0.0.1:10001")


def test_results_come_in_order_and_an_unexpected_error_is_named(cluster: Cluster) -> None:
    assert list(run_on_cluster(cluster, abs_of, range(-3, 3))) == [{"n": n} for n in (3, 2, 1, 0, 1, 2)]
    assert list(run_on_cluster(cluster, abs_of, range(0))) == []
    with pytest.raises(RunError, match="a task on the cluster failed: ZeroDivisionError"):
        list(run_on_cluster(cluster, inverse, [0]))


def abs_of(number: int) -> dict[str, Any]:
    return {"n": abs(number)}


def inverse(number: int) -> dict[str, Any]:
    return {"n": 1 / number}
