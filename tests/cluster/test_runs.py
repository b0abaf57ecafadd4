"""Whole runs on a cluster of two nodes; together half a minute, most of it Ray's own start."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textsynth as ts
from tests.cluster.actors import EndingShard, FullShard, WhereItIs
from tests.cluster.kills import (
    ANSWER_FILE,
    KILLS_RECIPE,
    SEEDS_CSV,
    asked_again,
    dataset_bytes,
    journal_keys,
    our_processes,
    worker_processes,
)
from tests.contexts import context
from textsynth.cluster.connection import connect
from textsynth.cluster.index_pool import ClusterShards
from textsynth.cluster.placement import placement
from textsynth.core.errors import ClusterError, ModelError, RunError, TextSynthError, UsageError
from textsynth.core.index_shards import MakeShard
from textsynth.core.records import Provenance, Record
from textsynth.filter.semantic_duplicate import SemanticDuplicate
from textsynth.models import WorkerNeeds
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.similarity.index_shards import ShardedWordSetIndex
from textsynth.similarity.minhash import WordSetIndex, minhash_signatures
from textsynth.text.normalize import word_set

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")]

SMALL_RECIPE = KILLS_RECIPE.replace("want: {label: 300}", "want: {label: 60}")
PLUGIN = """
from textsynth.core.records import Completion
from textsynth.models import Model, ModelOptions

class Broken(ModelOptions):
    @property
    def identity(self):
        return "broken"

    def open(self, runtime):
        return BrokenModel()

class BrokenModel(Model):
    async def complete(self, requests, on_completion):
        raise KeyError("no such thing")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "seeds.csv").write_text(SEEDS_CSV)
    (tmp_path / "answer.py").write_text(ANSWER_FILE)
    (tmp_path / "small.yaml").write_text(SMALL_RECIPE)
    (tmp_path / "large.yaml").write_text(KILLS_RECIPE)
    return tmp_path


def run_in(folder: Path, name: str, out: str, *, set_: tuple[str, ...] = (), **options: Any) -> list[str]:
    """Run a recipe of the folder and return the lines it logged."""
    lines: list[str] = []
    run(read_recipe(folder / f"{name}.yaml", set_), out=folder / out, log=lines.append, **options)
    return lines


def kill_one(kind: str) -> None:
    """Kill one worker of a kind, as soon as there is one."""
    while not (workers := worker_processes(our_processes(), kind)):
        time.sleep(0.05)
    os.kill(random.choice(workers), signal.SIGKILL)


@pytest.fixture
def background() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Returns a function that lets something happen meanwhile."""
    threads: list[threading.Thread] = []

    def start(action: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=action))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def test_workers_are_spread_over_the_nodes(two_nodes: Any) -> None:
    with connect("ray") as cluster:
        nodes = cluster.nodes()
        actors = [
            cluster.ray.remote(WhereItIs).options(**placement(WorkerNeeds("node"), number, nodes)).remote()
            for number in range(4)
        ]
        assert cluster.ray.get([actor.node.remote() for actor in actors]) == [node.id for node in nodes] * 2
        for actor in actors:
            cluster.ray.kill(actor)


def test_the_bytes_are_equal_at_any_number_of_workers(two_nodes: Any, folder: Path) -> None:
    run_in(folder, "small", "0")
    for workers in (1, 2, 4):
        lines = run_in(folder, "small", str(workers), on="ray", workers=workers)
        assert lines[0] == "Ray on this machine: 2 nodes, 2 CPUs"
        assert dataset_bytes(folder / str(workers)) == dataset_bytes(folder / "0"), workers
        assert journal_keys(folder / str(workers)) == journal_keys(folder / "0")
    while worker_processes(our_processes()):  # none is left, though Ray goes on
        time.sleep(0.05)


def test_a_worker_that_is_killed_loses_nothing(
    two_nodes: Any, folder: Path, background: Callable[[Callable[[], None]], None]
) -> None:
    run_in(folder, "large", "plain")
    (folder / "asked.log").unlink()
    generator = random.Random(int.from_bytes(os.urandom(2)))
    killed: list[tuple[float, set[str]]] = []

    def kill() -> None:
        while not journal_keys(folder / "killed"):
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 1.5))
        keys = journal_keys(folder / "killed")
        os.kill(generator.choice(worker_processes(our_processes())), signal.SIGKILL)
        killed.append((time.time(), keys))

    background(kill)
    lines = run_in(folder, "large", "killed", on="ray", workers=2)
    assert any("has ended" in line and "it is started again" in line for line in lines)
    assert dataset_bytes(folder / "killed") == dataset_bytes(folder / "plain")
    assert not asked_again(folder / "asked.log", *killed[0])


@pytest.mark.parametrize("through", ["address", "client_address"])
def test_a_command_has_the_bytes_of_a_run_here_though_a_worker_is_killed(
    two_nodes: Any, folder: Path, through: str
) -> None:
    run_in(folder, "large", "plain")
    address = getattr(two_nodes, through)
    command = [sys.executable, "-m", "textsynth", "run", str(folder / "large.yaml"), "--out", str(folder / "killed")]
    options = ["--on", address, "--workers", "2", "--json"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not journal_keys(folder / "killed") and process.poll() is None:
        time.sleep(0.01)
    for worker in worker_processes(our_processes())[:1]:  # none where the command has failed
        os.kill(worker, signal.SIGKILL)
    output, messages = process.communicate()
    assert process.returncode == 0, messages
    assert f"the Ray cluster at {address}: 2 nodes, 2 CPUs" in messages
    assert "has ended (ActorDiedError); it is started again" in messages
    assert "Traceback" not in messages
    assert json.loads(output)["stopped"] == "met"
    assert dataset_bytes(folder / "killed") == dataset_bytes(folder / "plain")
    while worker_processes(our_processes()):  # they end with the command
        time.sleep(0.05)


def test_a_run_that_is_killed_goes_on_from_its_journal(two_nodes: Any, folder: Path) -> None:
    run_in(folder, "large", "plain")
    (folder / "asked.log").unlink()
    command = [sys.executable, "-m", "textsynth", "run", str(folder / "large.yaml"), "--out", str(folder / "killed")]
    options = ["--on", two_nodes.address, "--workers", "2", "--quiet"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while len(journal_keys(folder / "killed")) < 50 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    _, errors = process.communicate()
    at, keys = time.time(), journal_keys(folder / "killed")
    assert 50 <= len(keys) < len(journal_keys(folder / "plain")), errors
    while worker_processes(our_processes()):  # they end with the run, and may ask until then
        time.sleep(0.05)
    at = time.time()
    run_in(folder, "large", "killed", on="ray", workers=2)
    assert dataset_bytes(folder / "killed") == dataset_bytes(folder / "plain")
    assert not asked_again(folder / "asked.log", at, keys)


def test_a_node_that_is_removed_loses_nothing(
    two_nodes: Any, folder: Path, background: Callable[[Callable[[], None]], None]
) -> None:
    run_in(folder, "large", "plain")
    node = two_nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
    two_nodes.wait_for_nodes()

    def remove() -> None:
        while not journal_keys(folder / "removed"):
            time.sleep(0.01)
        two_nodes.remove_node(node, allow_graceful=False)

    background(remove)
    lines = run_in(folder, "large", "removed", on="ray", workers=3)
    assert lines[0].endswith("3 nodes, 3 CPUs")
    assert any("worker" in line and "has ended" in line for line in lines)
    assert dataset_bytes(folder / "removed") == dataset_bytes(folder / "plain")


def test_an_error_of_the_model_is_the_error_of_a_run_without_ray(two_nodes: Any, folder: Path) -> None:
    (folder / "broken.py").write_text(PLUGIN)
    settings = (
        ("models.generator.scripted={faults: {kind: stop, every: 20}}", ModelError),
        ("models.generator.scripted.function=./answer.py:missing", UsageError),
        ("models.generator={./broken.py: {}}", TextSynthError),
        ("models.generator={http: {base_url: 'http://127.0.0.1:9/v1', model: x, max_downtime_seconds: 0}}", ModelError),
    )
    for number, (setting, kind) in enumerate(settings):
        messages = []
        for on in (None, "ray"):
            with pytest.raises((TextSynthError, KeyError)) as error:
                run_in(folder, "small", f"{number}-{on}", set_=(setting,), on=on)
            messages.append(str(error.value))
        assert isinstance(error.value, kind)
        assert messages[0].replace("'no such thing'", "") in messages[1].replace("'no such thing'", ""), setting
        assert "\n" not in messages[1]


def test_too_few_gpus_are_one_sentence_before_a_request(two_nodes: Any, folder: Path) -> None:
    vllm = "{model: no/such, python: /only/on/nodes, replicas: 2, flags: {tensor-parallel-size: 4}}"
    sentence = "models: generator: 2 servers of 4 GPUs each need 8 GPUs, but the cluster has 0 on 2 nodes, enough for 0"
    with pytest.raises(ClusterError, match=sentence):
        run_in(folder, "small", "gpus", set_=(f"models.generator={{vllm: {vllm}}}",), on="ray")


def test_keys_reach_the_workers_and_no_file_of_ray(
    two_nodes: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_API_KEY", "sk-test-4711-not-to-be-seen")
    (folder / "answer.py").write_text(
        "import os\ndef answer(request):\n    return '1. the key has %d letters' % len(os.environ['SERVICE_API_KEY'])\n"
    )
    run_in(folder, "small", "keys", set_=("budget.requests=20", "want.label=5"), on="ray", workers=2)
    assert b"has 27 letters" in b"".join(path.read_bytes() for path in (folder / "keys").glob("journal.sqlite*"))
    files = [path for path in two_nodes.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if b"4711-not-to-be" in path.read_bytes()]
    arguments = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline"))
    assert b"4711-not-to-be" not in arguments


def test_vectors_are_those_of_one_process(two_nodes: Any, folder: Path) -> None:
    pytest.importorskip("sentence_transformers")
    from textsynth.cluster.connection import connect
    from textsynth.cluster.embedding_pool import ClusterEncoder
    from textsynth.similarity.embedder import BUNDLED_EMBEDDER, SentenceEncoder

    generator = random.Random(0)
    words = SEEDS_CSV.replace(",", " ").split()
    texts = [" ".join(generator.choices(words, k=generator.randint(1, 30))) for _ in range(100)]
    expected = SentenceEncoder(BUNDLED_EMBEDDER).encode(texts)
    lines: list[str] = []
    with connect("ray") as cluster:
        encoder = ClusterEncoder(cluster, BUNDLED_EMBEDDER, 2, lines.append)
        encoder.load()
        kill_one("EncodingWorker")
        assert encoder.encode(texts).tobytes() == expected.tobytes()
        encoder.close()
    assert any("embedder: worker" in line and "has ended" in line for line in lines)


def test_the_bytes_are_equal_with_an_index_in_shards(two_nodes: Any, folder: Path) -> None:
    run_in(folder, "small", "0")
    assert "near_duplicate" in {row["step"] for row in ts.load(folder / "0").dropped}
    for shards in (1, 2, 4):
        run_in(folder, "small", str(shards), on="ray", index_shards=shards)
        assert dataset_bytes(folder / str(shards)) == dataset_bytes(folder / "0"), shards
    while worker_processes(our_processes(), "ShardWorker"):  # none is left, though Ray goes on
        time.sleep(0.05)


def test_a_shard_that_is_killed_loses_nothing(
    two_nodes: Any, folder: Path, background: Callable[[Callable[[], None]], None]
) -> None:
    run_in(folder, "large", "plain")

    def kill() -> None:
        while len(journal_keys(folder / "killed")) < 150:  # some texts are in the index by then
            time.sleep(0.01)
        kill_one("ShardWorker")

    background(kill)
    lines = run_in(folder, "large", "killed", on="ray", index_shards=2)
    assert any("near_duplicate: shard" in line and "it is started again" in line for line in lines), lines
    assert dataset_bytes(folder / "killed") == dataset_bytes(folder / "plain")


def test_vectors_in_shards_give_the_verdicts_of_one_index(two_nodes: Any, folder: Path) -> None:
    pytest.importorskip("sentence_transformers")
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((9_000, 64)).astype(np.float32)
    vectors[5_000:] = vectors[:4_000] + 0.25 * vectors[5_000:]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    records = [Record(str(row), Provenance("existing")) for row in range(len(vectors))]
    with connect("ray") as cluster, ExitStack() as at_end:

        def open_shards(name: str, make: MakeShard) -> ClusterShards:
            return at_end.enter_context(closing(ClusterShards(cluster, name, make, 3, folder, lambda _: None)))

        here = context(embed=lambda texts: vectors[[int(text) for text in texts]])
        single, sharded = (
            SemanticDuplicate().start(dataclasses.replace(here, open_shards=opener)) for opener in (None, open_shards)
        )
        dropped = 0
        for start in range(0, len(records), 500):
            window = records[start : start + 500]
            verdicts = single.evaluate_batch(window)
            assert sharded.evaluate_batch(window) == verdicts
            dropped += sum(verdict is not None for verdict in verdicts)
            for session in (single, sharded):
                session.commit([record for record, verdict in zip(window, verdicts, strict=True) if verdict is None])
            if start in (2_000, 6_000):
                kill_one("ShardWorker")
    assert 3_000 < dropped < 4_500


def test_a_node_with_a_shard_that_is_removed_loses_nothing(two_nodes: Any, folder: Path) -> None:
    node = two_nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
    two_nodes.wait_for_nodes()
    generator = random.Random(0)
    words = ["parcel", "van", "money", "card", "late", "lost", "again", "bank"]
    texts = [" ".join(generator.choices(words, k=7)) for _ in range(400)]
    lines: list[str] = []
    single = WordSetIndex()
    with connect("ray") as cluster, ExitStack() as at_end:

        def open_shards(name: str, make: MakeShard) -> ClusterShards:
            return at_end.enter_context(closing(ClusterShards(cluster, name, make, 3, folder, lines.append)))

        sharded = ShardedWordSetIndex(0.7, open_shards)
        for start in range(0, len(texts), 100):
            window = minhash_signatures(word_set(text) for text in texts[start : start + 100])
            assert sharded.find(window) == single.find(window)
            single.add(window)
            sharded.add(window)
            if start == 200:
                assert not lines
                pids = worker_processes(our_processes(), "ShardWorker")
                two_nodes.remove_node(node, allow_graceful=False)
                while len(worker_processes(pids, "ShardWorker")) == 3:
                    time.sleep(0.05)
    assert lines
    assert "near_duplicate: shard" in lines[0]


def test_shards_that_end_again_and_again_are_one_sentence(two_nodes: Any, folder: Path) -> None:
    """Ten seconds: the pauses before a shard is started again, and the start of its process, five times."""
    lines: list[str] = []
    with (
        connect("ray") as cluster,
        closing(ClusterShards(cluster, "x", EndingShard, 2, folder, lines.append)) as shards,
    ):
        shards.add([("a",), ("b",)])
        with pytest.raises(ClusterError, match=r"^x: shard \d of 2 has ended, as 6 have without an answer: \S+"):
            shards.ask("ask")
    assert len(lines) == 5


def test_an_error_of_a_shard_is_one_sentence(two_nodes: Any, folder: Path) -> None:
    with (
        connect("ray") as cluster,
        closing(ClusterShards(cluster, "x", FullShard, 2, folder, lambda _: None)) as shards,
    ):
        shards.add([("a",), None])
        with pytest.raises(RunError, match=r"^a shard of an index failed: MemoryError: no memory is left$"):
            shards.ask("ask")
