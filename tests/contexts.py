"""A context for tests of single steps, with the bundled prompts and without embeddings unless a test passes some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textsynth.core.protocols import Context
from textsynth.core.records import Provenance, Record
from textsynth.core.task import Task
from textsynth.prompts import find_prompt
from textsynth.task import Classification

LABELS = {"refund": "asks for money back", "delivery": "asks where a parcel is", "praise": "says something nice"}


class MemoryStore(dict[bytes, bytes]):
    """A store of vectors or predictions in memory."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        """Return the stored values of those `keys` that have one."""
        return {key: self[key] for key in keys if key in self}

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Store values."""
        self.update(values)


def no_embeddings(texts: Sequence[str]) -> NDArray[np.float32]:
    """Fail: the embed function of tests in which nothing must be embedded."""
    raise AssertionError(f"{len(texts)} texts were embedded")


def rows(name: str = "seeds", each: int = 5, labels: Sequence[str] = tuple(LABELS)) -> list[Record]:
    """Return `each` rows of every label from the source `name`, the labels in turn."""
    return [
        Record(f"{label} example number {number}", Provenance(name), (label,))
        for number in range(each)
        for label in labels
    ]


def context(
    *,
    sources: Mapping[str, Sequence[Record]] | None = None,
    labels: Mapping[str, str] = LABELS,
    form: str = "chat",
    multi_label: bool = False,
    recipe_folder: Path | None = None,
    embed: Callable[[Sequence[str]], NDArray[np.float32]] = no_embeddings,
    task: Task | None = None,
) -> Context:
    """Return a context whose prompts have the mode `form`."""
    mode = "chat" if form == "chat" else "completion"
    return Context(
        task=task or Classification(),
        language="en",
        seed=7,
        labels=labels,
        multi_label=multi_label,
        sources={"seeds": rows()} if sources is None else sources,
        embed=embed,
        find_prompt=lambda name, model: find_prompt(name, mode, recipe_folder or Path()),
    )
