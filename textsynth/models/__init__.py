"""Models: what completes a prompt. One file an engine, named as the recipe names it.

A model's options are known without loading anything (`identity` is in every journal key), `open` gives the thing
that answers. A model is opened only when the journal lacks an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from textsynth.core.options import Options
from textsynth.core.records import Completion, ModelRequest
from textsynth.core.registry import lazy_exports

PromptMode = Literal["chat", "completion"]
OnCompletion = Callable[[ModelRequest, Completion], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ModelRuntime:
    """What a model may use while it opens: the recipe's folder, the user's cache folder, and a voice for progress.

    `logs` is where a server's log goes: the run's folder; None where nothing of the run is kept.
    """

    recipe_folder: Path
    cache_folder: Path
    log: Callable[[str], None]
    log_folder: Path | None = None


class Model(Protocol):
    """Answers requests. Errors that concern one request are a Completion with `failure`; a ModelError stops the run."""

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer `requests` (in plan order); await `arrived(request, completion)` exactly once for each.

        A slot in flight is free again only when `arrived` has returned: by then the answer is on disk. May be
        called again before an earlier call has ended; the limit in flight holds over all calls together.
        """

    async def close(self) -> None:
        """Let go of connections and memory; further calls are errors."""


class ModelOptions(Options):
    """The base of every engine's options."""

    @property
    def identity(self) -> str:
        """Name and revision, as the journal's key and the provenance have them; never an address or a key."""
        raise NotImplementedError

    def identity_at(self, recipe_folder: Path) -> str:
        """Return `identity`, told apart by the contents of the files beside `recipe` (a folder) that it names."""
        return self.identity

    @property
    def prompt_mode(self) -> PromptMode:
        """Which form of a prompt suits the model where both exist."""
        return "chat"

    @property
    def window_size(self) -> int:
        """How many requests are planned at once: what a plan can learn from comes a window later.

        Part of what a run's records depend on, so it follows from the options alone.
        """
        return 512

    def check_dependencies(self) -> None:
        """Raise MissingExtra where a package that the model will load is not installed; loads nothing."""

    def batch_line(self, request: ModelRequest) -> Mapping[str, object] | None:
        """Return the request as a line of the batch wire format; None where the model answers in this process."""
        return None

    def open(self, runtime: ModelRuntime) -> Model:
        """Return the model, ready to answer. Raises ModelError or MissingExtra with one sentence."""
        raise NotImplementedError


# For type checkers; `items_of` finds every item by its file.
if TYPE_CHECKING:
    from textsynth.models.http import Http as Http
    from textsynth.models.local import Local as Local
    from textsynth.models.scripted import Scripted as Scripted
    from textsynth.models.vllm import Vllm as Vllm
else:
    __getattr__, __dir__ = lazy_exports(__name__)
