"""Models: the backends that complete prompts. Each is a class in a file of its own, whose name a recipe uses.

To use a model of your own, write it in a file in the recipe's folder and name the file in the recipe: the class
`MyModel` in my_model.py is `models: {generator: {./my_model.py: {…}}}`. The class is a subclass of `ModelOptions` whose
fields are the options in the recipe. It implements `identity` and `open`; every other member has a default. `open`
returns the running model, a subclass of `Model`, which implements `complete`.

Options are read, and the identity of a model is computed, without loading anything. A model is opened only when the
journal lacks an answer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from textsynth.core.options import Options
from textsynth.core.records import Completion, ModelRequest
from textsynth.core.registry import lazy_exports
from textsynth.core.secrets import redact_message

PromptMode = Literal["chat", "completion"]
"""The mode of a prompt: chat messages, or one raw text that the model continues."""

OnCompletion = Callable[[ModelRequest, Completion], Awaitable[None]]
"""Called by a model for each request with its completion; when it returns, the completion is on disk."""


@dataclass(frozen=True, slots=True)
class ModelRuntime:
    """The environment of a model: the folder of the recipe, the cache folder of the user, and where to log.

    `log` shows a line of progress to the user. `log_folder` is where a server writes its log file: the folder of the
    run, or None for a run that writes no files.
    """

    recipe_folder: Path
    cache_folder: Path
    log: Callable[[str], None]
    log_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class WorkerNeeds:
    """What the workers of a model need on a cluster: how many there are by default, and the GPUs of each.

    `count` is a number, or one for each node or each CPU of the cluster. Where `is_fixed`, the recipe says how many.
    """

    count: int | Literal["node", "cpu"] = "cpu"
    gpus: int = 0
    is_fixed: bool = False


class Model(Protocol):
    """A running model that answers requests. Subclasses implement `complete`; `close` and `in_flight` are optional.

    An error that concerns one request is returned as a `Completion` with `failure`; a ModelError stops the run.
    """

    @abstractmethod
    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer `requests` (in plan order); await `on_completion(request, completion)` exactly once for each.

        A request counts as in flight until `on_completion` has returned, so that its completion is on disk before
        another request takes its slot. May be called again before an earlier call has ended; a limit on requests in
        flight applies to all calls together.

        Raises ModelError where no request can succeed.
        """

    async def close(self) -> None:
        """Release connections and memory. Optional. The model is not used afterwards."""
        return  # type checkers would take a protocol method without a statement for abstract

    @property
    def in_flight(self) -> int | None:
        """The number of requests that are being processed now, for the progress display. Optional.

        None: not known; all requests of the calls that have not ended are displayed as in flight.
        """
        return None


@runtime_checkable
class BatchedModel(Model, Protocol):
    """A model whose answers depend on what it decodes together: the workers of a cluster get its own batches."""

    async def divide(self, requests: Sequence[ModelRequest]) -> list[Sequence[ModelRequest]]:
        """Return the requests in the batches in which `complete` answers them, in order; it answers one as one."""


class ModelOptions(Options):
    """The options of a model in a recipe. Subclasses implement `identity` and `open`; other members are optional."""

    def __repr__(self) -> str:
        return redact_message(super().__repr__())

    @property
    def identity(self) -> str:
        """The name and revision of the model, as used in journal keys and provenance; no address, no API key. Required.

        Two options with the same identity must give the same answers, so that a rerun may reuse the journal.
        """
        raise NotImplementedError

    def open(self, runtime: ModelRuntime) -> Model:
        """Return the model, ready to answer. Required. Raises ModelError or MissingExtra with one sentence."""
        raise NotImplementedError

    def identity_at(self, recipe_folder: Path) -> str:
        """Return `identity`, extended by a hash of the files in `recipe_folder` that the options name. Optional.

        The default is `identity`, for a model that reads no such files.
        """
        return self.identity

    @property
    def prompt_mode(self) -> PromptMode:
        """The mode of prompt that suits the model, where a prompt has both. Optional; the default is chat."""
        return "chat"

    @property
    def window_size(self) -> int:
        """The number of requests that are planned together. Optional; the default is 512.

        The plan of a window takes into account the texts accepted from the windows before it. The records of a run
        depend on the size, so it must follow from the options alone.
        """
        return 512

    @property
    def first_window_size(self) -> int:
        """The most requests of a window before a text was accepted; the second window may be larger. Optional.

        The default is 20. The records of a run depend on it, as on `window_size`.
        """
        return 20

    @property
    def tokens_per_second(self) -> float | None:
        """The estimated speed on this machine, prompt and completion tokens together, for estimates. Optional.

        None, the default: not known, as for a server.
        """
        return None

    def worker_needs(self, runtime: ModelRuntime) -> WorkerNeeds:
        """Return the workers of the model in a run on a cluster. Optional; the default is one for each CPU."""
        return WorkerNeeds()

    def open_worker(self, runtime: ModelRuntime, number: int, count: int) -> Model:
        """Return the model of one worker of a cluster; `number` counts the `count` workers from 0. Optional.

        The default is `open`. Raises what `open` raises.
        """
        return self.open(runtime)

    def check_dependencies(self) -> None:
        """Raise MissingExtra where a package that the model needs is not installed; load nothing. Optional."""

    def batch_line(self, request: ModelRequest) -> Mapping[str, object] | None:
        """Return the request as a line of an OpenAI batch file, for offline runs. Optional.

        None, the default: the model has no batch format and is called directly.
        """
        return None


# For type checkers; at run time `lazy_exports` finds each class by its file.
if TYPE_CHECKING:
    from textsynth.models.http import Http as Http
    from textsynth.models.local import Local as Local
    from textsynth.models.scripted import Scripted as Scripted
    from textsynth.models.vllm import Vllm as Vllm
else:
    __getattr__, __dir__ = lazy_exports(__name__)
