"""What the tests let run in actors: shards that fail, and one that says where it is."""

from __future__ import annotations

import os
import signal


class EndingShard:
    """A shard whose process ends with the first question."""

    def __init__(self, number: int, count: int) -> None:
        pass

    def add(self, text: str) -> None:
        pass

    def ask(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class FullShard(EndingShard):
    """A shard that has no memory left."""

    def add(self, text: str) -> None:
        raise MemoryError("no memory is left")


class WhereItIs:
    """Says on which node it is."""

    def node(self) -> str:
        import ray

        return str(ray.get_runtime_context().get_node_id())
