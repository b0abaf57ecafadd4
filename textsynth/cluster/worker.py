"""What runs in the actors of Ray: a worker opens a model on its node and answers the units that the run sends it.

The run keeps one call of `exchange` with each worker: it brings units and waits for answers, so that one call both ways
carries many requests. The model itself runs in an event loop of its own thread, across all calls. What goes wrong is
part of an answer: an exception that left a method would be written to Ray's log files, with whatever it quotes.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import shutil
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textsynth.cluster.messages import WorkerReply, decode_units, encode_reply
from textsynth.cluster.package import ModelPackage, apply_environment
from textsynth.core import errors
from textsynth.core.errors import ModelError, TextSynthError
from textsynth.core.index_shards import MakeShard
from textsynth.core.paths import cache_folder
from textsynth.core.records import Completion, ModelRequest
from textsynth.core.registry import locate_plugin_error
from textsynth.core.resources import limit_threads, rare_collections
from textsynth.core.secrets import RecipeSecrets, register
from textsynth.models import BatchedModel, Model, ModelRuntime
from textsynth.similarity.embedder import SentenceEncoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# An exchange ends with this many answers, or this long after the first one, or where the run has to call again.
ENOUGH_ANSWERS = 64
LINGER_SECONDS = 0.05
POLL_SECONDS = 10.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """What a worker gets first: the model and its number among `count`, and what it takes from the run's process."""

    package: ModelPackage
    number: int
    count: int
    variables: Mapping[str, tuple[str, bool]]
    threads: Mapping[str, str]
    secrets: RecipeSecrets
    log_folder: str | None


class ModelWorker:
    """The model of one actor. Its methods are called in threads of Ray; everything else is done in the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._reply = WorkerReply()
        self._waiting: asyncio.Future[None] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._is_due = False
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._model: Model | None = None
        self._divides = False
        self._copied_folder: Path | None = None
        self._collections = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model", daemon=True)
        self._thread.start()

    def node(self) -> str:
        """Return the address of the node."""
        import ray

        return str(ray.util.get_node_ip_address())

    def open(self, content: bytes) -> bytes:
        """Open the model of a pickled WorkerStart; return the pickle of whether it divides requests, or an error."""
        try:
            start: WorkerStart = pickle.loads(content)
            apply_environment(start.variables, start.threads)
            register(start.secrets)
            self._run(self._open(start))
        except BaseException as error:  # see the docstring of the module
            return pickle.dumps((False, describe_error(error)))
        return pickle.dumps((self._divides, None))

    def divide(self, content: bytes) -> bytes:
        """Return the pickled batches of the requests of one unit, as the indexes of the requests, or an error."""
        [(_, requests)] = decode_units(content)
        try:
            batches = self._run(self._divide(requests))
        except BaseException as error:
            return pickle.dumps(([], describe_error(error)))
        index = {request.key: number for number, request in enumerate(requests)}
        return pickle.dumps(([[index[request.key] for request in batch] for batch in batches], None))

    def exchange(self, content: bytes) -> bytes:
        """Take units, which may be none, and return what there is to say once it is enough; ends an earlier call."""
        return self._run(self._exchange(content))

    def cancel(self, units: Sequence[int]) -> None:
        """Answer these units no further."""
        self._loop.call_soon_threadsafe(self._cancel, units)

    def close(self) -> None:
        """Close the model, which releases its server."""
        self._run(self._close())
        if self._copied_folder is not None:
            shutil.rmtree(self._copied_folder, ignore_errors=True)

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _open(self, start: WorkerStart) -> None:
        options, folder = start.package.options(self.node())
        if str(folder) != start.package.recipe_folder:
            self._copied_folder = folder
        has_logs = start.log_folder is not None and Path(start.log_folder).is_dir()
        log_folder = Path(str(start.log_folder)) if has_logs else None
        runtime = ModelRuntime(folder, cache_folder(), self._log, log_folder)
        limit_threads()
        self._collections.enter_context(rare_collections())
        options.check_dependencies()
        self._model = options.open_worker(runtime, start.number, start.count)
        self._divides = isinstance(self._model, BatchedModel)

    async def _divide(self, requests: Sequence[ModelRequest]) -> Sequence[Sequence[ModelRequest]]:
        return await self._model.divide(requests) if isinstance(self._model, BatchedModel) else [requests]

    async def _exchange(self, content: bytes) -> bytes:
        self._end_waiting()
        for number, requests in decode_units(content):
            self._tasks[number] = self._loop.create_task(self._answer(number, requests))
        if not self._is_enough():
            waiting = self._waiting = self._loop.create_future()
            timeout = self._loop.call_later(POLL_SECONDS, self._end_waiting)
            await waiting
            timeout.cancel()
        reply, self._reply = self._reply, WorkerReply()
        self._is_due = False
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        reply.in_flight = self._opened().in_flight
        return encode_reply(reply)

    def _is_enough(self) -> bool:
        is_full = len(self._reply.answers) >= ENOUGH_ANSWERS
        return is_full or self._is_due or not self._tasks or bool(self._reply.errors)

    def _end_waiting(self) -> None:
        """Let the exchange that waits return."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _answer(self, number: int, requests: Sequence[ModelRequest]) -> None:
        indexes = {request.key: index for index, request in enumerate(requests)}
        answers: list[tuple[int, int, Completion]] = []
        missing = len(requests)

        async def on_completion(request: ModelRequest, completion: Completion) -> None:
            nonlocal missing
            missing -= 1
            answer = (number, indexes[request.key], completion)
            if self._divides:  # what was decoded together is stored together
                answers.append(answer)
            else:
                self._reply.answers.append(answer)
                self._wake()

        try:
            await self._opened().complete(requests, on_completion)
        except asyncio.CancelledError:
            return
        except BaseException as error:
            self._reply.errors.append((number, *describe_error(error)))
        else:
            self._reply.ended += [number] * (missing > 0)
        finally:
            del self._tasks[number]
            self._reply.answers += answers
            self._wake()

    def _wake(self) -> None:
        """End the exchange that waits, at once or a little later, now that there is something to say."""
        if self._is_enough():
            self._end_waiting()
        elif self._linger is None:
            self._linger = self._loop.call_later(LINGER_SECONDS, self._end_lingering)

    def _end_lingering(self) -> None:
        self._is_due = True
        self._end_waiting()

    def _opened(self) -> Model:
        if self._model is None:
            raise RuntimeError("units come after the model was opened")
        return self._model

    def _cancel(self, units: Sequence[int]) -> None:
        for number in units:
            if number in self._tasks:
                self._tasks[number].cancel()

    async def _close(self) -> None:
        tasks = list(self._tasks.values())
        self._cancel(list(self._tasks))
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._model is not None:
            await self._model.close()

    def _log(self, line: str) -> None:
        if threading.current_thread() is self._thread:
            self._reply.lines.append(line)
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._log, line)


class EncodingWorker:
    """The embedder of one actor."""

    def __init__(self) -> None:
        self._encoder: SentenceEncoder | None = None

    def open(self, content: bytes) -> bytes:
        """Load the model of a pickled (name, variables, threads, secrets); return the pickle of None, or an error."""
        try:
            name, variables, threads, secrets = pickle.loads(content)
            self._open(name, variables, threads, secrets)
        except BaseException as error:
            return pickle.dumps(describe_error(error))
        return pickle.dumps(None)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32] | None, tuple[str, str] | None]:
        """Return the vectors of the texts, or an error."""
        try:
            return self._loaded().encode(texts), None
        except BaseException as error:
            return None, describe_error(error)

    def _loaded(self) -> SentenceEncoder:
        if self._encoder is None:
            raise RuntimeError("texts come after the model was loaded")
        return self._encoder

    def _open(
        self,
        name: str,
        variables: Mapping[str, tuple[str, bool]],
        threads: Mapping[str, str],
        secrets: RecipeSecrets,
    ) -> None:
        apply_environment(variables, threads)
        register(secrets)
        limit_threads()
        encoder = SentenceEncoder(name)
        encoder.load()
        self._encoder = encoder


class ShardWorker:
    """A shard of an index in an actor; see `ClusterShards`. A method returns the pickle of its result and an error."""

    def __init__(self) -> None:
        self._shard: Any = None
        self._collections = contextlib.ExitStack()

    def open(self, content: bytes) -> bytes:
        """Make the shard of a pickled (make, number, count)."""
        return self._done(self._open, content)

    def add(self, content: bytes) -> bytes:
        """Add pickled arguments of `add`."""
        return self._done(lambda *arguments: self._shard.add(*arguments), content)

    def ask(self, content: bytes) -> bytes:
        """Call a method of the shard with arguments, a pickled (method, arguments)."""
        return self._done(lambda method, arguments: getattr(self._shard, method)(*arguments), content)

    def _open(self, make: MakeShard, number: int, count: int) -> None:
        self._collections.enter_context(rare_collections())
        self._shard = make(number, count)

    def _done(self, work: Callable[..., Any], content: bytes) -> bytes:
        try:
            return pickle.dumps((work(*pickle.loads(content)), None), 5)
        except BaseException as error:
            return pickle.dumps((None, ("RunError", f"a shard of an index failed: {type(error).__name__}: {error}")))


def describe_error(error: BaseException) -> tuple[str, str]:
    """Return the name of one of our errors and its message, for any error; that of a plug-in has file and line."""
    located = locate_plugin_error(error)
    if isinstance(error, TextSynthError):
        return type(error).__name__, str(error)
    if located is not None:
        return "UsageError", located
    lines = str(error).strip().splitlines()
    return "ModelError", f"the model failed: {type(error).__name__}{f': {lines[0]}' if lines else ''}"


def as_error(name: str, message: str) -> TextSynthError:
    """Return the error of a worker as the run raises it; one that `describe_error` does not know is a ModelError."""
    kind = getattr(errors, name, ModelError)
    if kind is errors.RecipeError:
        kind = errors.UsageError
    return kind(message) if isinstance(kind, type) and issubclass(kind, TextSynthError) else ModelError(message)
