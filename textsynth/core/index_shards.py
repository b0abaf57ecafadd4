"""The shards of an index: each holds some of its rows, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

MakeShard = Callable[[int, int], Any]
"""Makes a shard: an object with the method `add` and others. It is called with its number, from 0, and their count.

It can be pickled. A shard depends only on these numbers and on the calls of `add`, in their order: one that is lost is
made again.
"""


class Shards(Protocol):
    """The shards of one index."""

    def __len__(self) -> int:
        """Return their number."""

    def add(self, parts: Sequence[tuple[Any, ...] | None]) -> None:
        """Call `add` of each shard with the arguments of its part; None: nothing for this shard."""

    def ask(self, method: str, *arguments: object) -> list[Any]:
        """Return what this method of each shard returns, by number; it changes no later result."""


OpenShards = Callable[[str, MakeShard], Shards]
"""Opens the shards of an index, whose name is for messages."""
