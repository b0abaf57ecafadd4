"""Indexes in shards on a Ray cluster: their verdicts next to those of one index, and what they cost.

    python eval/index_shards.py near [--texts 100000] [--shards 1 2 4] [--kill]
    python eval/index_shards.py semantic [--texts 100000] [--shards 1 2 4] [--kill]

near: the filter near_duplicate on texts of which 15 % are duplicates, and on texts of templates, many of which take the
exact index. semantic: the filter semantic_duplicate on random vectors of which 10 % are near another one.

Texts come in windows of 1,000. Their index is in this process, and then in shards in actors of Ray on this machine.
With --kill, one shard of each number of shards is killed with -9 in the middle. Costs are CPU seconds a text: those of
this process, and those of the shards; Ray's own processes, which take CPU time by the second, are not counted. CPU time
and memory of the shards are those after the second window, when all are at work. Exits with 1 where a verdict differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from ray_overhead import cpu_seconds
from scale import of_templates, with_planted_duplicates

from tests.cluster.kills import children, worker_processes
from tests.contexts import context
from textsynth.cluster.connection import connect
from textsynth.cluster.index_pool import ClusterShards
from textsynth.core.index_shards import MakeShard, OpenShards
from textsynth.core.protocols import Filter
from textsynth.core.records import Provenance, Record, Verdict
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.filter.semantic_duplicate import SemanticDuplicate

WINDOW = 1_000
DIMENSIONS = 384


@dataclass(frozen=True)
class Corpus:
    """Texts for a filter; `vectors` are their embeddings where it compares these."""

    name: str
    step: Filter
    texts: Sequence[str]
    vectors: NDArray[np.float32] | None = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, which are their rows."""
        assert self.vectors is not None
        return self.vectors[[int(text) for text in texts]]


def corpora(what: str, count: int) -> Iterator[Corpus]:
    """Yield the texts to measure with."""
    if what == "near":
        yield Corpus("planted near-duplicates", NearDuplicate(), with_planted_duplicates(count))
        yield Corpus("templates with a slot", NearDuplicate(), of_templates(count))
        return
    generator = np.random.default_rng(5)
    vectors = generator.standard_normal((count, DIMENSIONS)).astype(np.float32)
    copies = generator.choice(count, count // 10, replace=False)
    vectors[copies] = vectors[generator.choice(count, len(copies))] + 0.25 * vectors[copies]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    yield Corpus("random vectors", SemanticDuplicate(), [str(row) for row in range(count)], vectors)


def filter_texts(
    corpus: Corpus, open_shards: OpenShards | None, on_window: Callable[[int], None]
) -> list[Verdict | None]:
    """Return the verdict on each text; `on_window` is called with the number of windows after each."""
    session = corpus.step.start(dataclasses.replace(context(embed=corpus.embed), open_shards=open_shards))
    verdicts: list[Verdict | None] = []
    for first in range(0, len(corpus.texts), WINDOW):
        texts = corpus.texts[first : first + WINDOW]
        window = [Record(text, Provenance("existing", index=row)) for row, text in enumerate(texts, first)]
        verdicts += (of_window := session.evaluate_batch(window))
        session.commit([record for record, verdict in zip(window, of_window, strict=True) if verdict is None])
        on_window(first // WINDOW + 1)
    session.evaluate_batch([])
    return verdicts


def memory(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def shards_on_ray(count: int, folder: Path) -> Iterator[OpenShards]:
    """Yield what opens indexes with this number of shards, on Ray on this machine."""
    with connect("ray", cpus=count) as cluster, ExitStack() as at_end:

        def open_shards(name: str, make: MakeShard) -> ClusterShards:
            shards = ClusterShards(cluster, name, make, count, folder, lambda line: print(f"    {line}", flush=True))
            return at_end.enter_context(closing(shards))

        yield open_shards


def measure(corpus: Corpus, count: int, folder: Path, *, kills: bool) -> list[Verdict | None]:
    """Filter the texts with the index in `count` shards, 0: in this process; print the costs, return the verdicts."""
    windows = len(corpus.texts) // WINDOW
    first_memory: dict[int, int] = {}
    first_cpu: dict[int, float] = {}

    def shard_pids() -> list[int]:
        return worker_processes(children(os.getpid()), "ShardWorker") if count else []

    def on_window(number: int) -> None:
        if number == 2:  # the shards are at work
            first_memory.update({pid: memory(pid) for pid in (os.getpid(), *shard_pids())})
            first_cpu.update({pid: cpu_seconds(pid) for pid in (os.getpid(), *shard_pids())})
        if kills and count and number == windows // 2:
            os.kill(random.choice(shard_pids()), signal.SIGKILL)

    with ExitStack() as at_end:
        open_shards = at_end.enter_context(shards_on_ray(count, folder)) if count else None
        verdicts = filter_texts(corpus, open_shards, on_window)
        pids = [os.getpid(), *shard_pids()]
        cpu = [1e6 * (cpu_seconds(pid) - first_cpu.get(pid, 0)) / (len(corpus.texts) - 2 * WINDOW) for pid in pids]
        grown = [f"{(memory(pid) - first_memory.get(pid, 0)) / 1e6:.0f}" for pid in pids[1:]]
    print(
        f"  {count} shards: {cpu[0]:.0f} µs a text in this process"
        + (f", {sum(cpu[1:]):.0f} µs in the shards, which grew by {', '.join(grown)} MB" if count else ""),
        flush=True,
    )
    return verdicts


def main() -> None:
    """Measure one of the two filters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("near", "semantic"))
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kill", action="store_true")
    arguments = parser.parse_args()
    passed = True
    for corpus in corpora(arguments.what, arguments.texts):
        print(f"{corpus.name}, {len(corpus.texts):,} texts:")
        with tempfile.TemporaryDirectory() as name:
            single = measure(corpus, 0, Path(name), kills=False)
            print(f"    {sum(verdict is not None for verdict in single):,} dropped")
            for count in arguments.shards:
                verdicts = measure(corpus, count, Path(name), kills=arguments.kill)
                different = sum(one != other for one, other in zip(single, verdicts, strict=True))
                print(f"    {different} of the verdicts, with score and duplicate_of, differ from those of one index")
                passed &= not different
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
