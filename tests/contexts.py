"""A context for tests of single steps: real prompts, real seeds, and embeddings only where a test brings them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textsynth.core.protocols import Context
from textsynth.core.records import Provenance, Record
from textsynth.prompts import find_prompt
from textsynth.task import Classification

LABELS = {"refund": "asks for money back", "delivery": "asks where a parcel is", "praise": "says something nice"}


class Kept(dict[bytes, bytes]):
    """A store of vectors or predictions that lasts as long as the test."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        """Return what is kept among `keys`."""
        return {key: self[key] for key in keys if key in self}

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values."""
        self.update(values)


def no_embeddings(texts: Sequence[str]) -> NDArray[np.float32]:
    """Stand in where nothing may be embedded."""
    raise AssertionError(f"{len(texts)} texts were embedded")


def rows(name: str = "seeds", each: int = 5, labels: Sequence[str] = tuple(LABELS)) -> list[Record]:
    """Return `each` given rows of every label, in turn."""
    return [
        Record(f"{label} example number {place}", Provenance(name), (label,))
        for place in range(each)
        for label in labels
    ]


def context(
    *,
    sources: Mapping[str, Sequence[Record]] | None = None,
    labels: Mapping[str, str] = LABELS,
    form: str = "chat",
    multi_label: bool = False,
    beside: Path | None = None,
    embed: Callable[[Sequence[str]], NDArray[np.float32]] = no_embeddings,
) -> Context:
    """Return a context with the bundled prompts."""
    return Context(
        task=Classification(),
        language="en",
        seed=7,
        labels=labels,
        multi_label=multi_label,
        sources={"seeds": rows()} if sources is None else sources,
        embed=embed,
        find_prompt=lambda name, model: find_prompt(name, "chat" if form == "chat" else "completion", beside or Path()),
    )
