"""Shards of an index in this process, for which the tests and measurements need no cluster."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from textsynth.core.index_shards import MakeShard, OpenShards


class LocalShards:
    """Shards whose parts, questions and results are pickled on their way, as between processes."""

    def __init__(self, make: MakeShard, count: int) -> None:
        self._make = pickle.dumps(make)
        self._added: list[list[bytes]] = [[] for _ in range(count)]
        self.shards = [self._made(number) for number in range(count)]

    def __len__(self) -> int:
        return len(self.shards)

    def add(self, parts: Sequence[tuple[Any, ...] | None]) -> None:
        """Call `add` of each shard."""
        for number, part in enumerate(parts):
            if part is not None:
                self._added[number].append(pickle.dumps(part))
                self.shards[number].add(*pickle.loads(self._added[number][-1]))

    def ask(self, method: str, *arguments: object) -> list[Any]:
        """Return what this method of each shard returns."""
        content = pickle.dumps(arguments)
        return [getattr(shard, method)(*pickle.loads(content)) for shard in self.shards]

    def make_again(self, number: int) -> None:
        """Lose a shard, and make it again."""
        self.shards[number] = self._made(number)
        for part in self._added[number]:
            self.shards[number].add(*pickle.loads(part))

    def _made(self, number: int) -> Any:
        return pickle.loads(self._make)(number, len(self._added))


def open_locally(count: int, opened: list[LocalShards] | None = None) -> OpenShards:
    """Return what opens `count` shards in this process, and appends them to `opened`."""

    def open_shards(name: str, make: MakeShard) -> LocalShards:
        shards = LocalShards(make, count)
        if opened is not None:
            opened.append(shards)
        return shards

    return open_shards
