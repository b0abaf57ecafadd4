"""A worker of a model: opens the model on its node and answers the units that the run sends it. Runs in a Ray actor.

The run keeps one call of `exchange` with each worker: it brings units and waits for answers, so that one call both ways
carries many requests. The model itself runs in an event loop of its own thread, across all calls. What goes wrong is
part of an answer: an exception that left a method would be written to Ray's log files, with whatever it quotes.
"""

from __future__ import annotations

import asyncio
import pickle
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.cluster.messages import Unit, WorkerReply, decode_units, encode_reply
from textsynth.cluster.package import ModelPackage, apply_environment, hide_secrets
from textsynth.core import errors
from textsynth.core.errors import ModelError, TextSynthError
from textsynth.core.paths import cache_folder
from textsynth.core.records import Completion, ModelRequest
from textsynth.core.registry import locate_plugin_error
from textsynth.core.resources import limit_threads
from textsynth.core.secrets import RecipeSecrets
from textsynth.models import BatchedModel, Model, ModelRuntime

# An exchange ends with this many answers, or this long after the first one, or where the run has to call again.
ENOUGH_ANSWERS = 16
LINGER_SECONDS = 0.02
POLL_SECONDS = 10.0
CLOSE_SECONDS = 60.0


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
    """The model of one actor; its methods are called in several threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._changed = threading.Condition()
        self._reply = WorkerReply()
        self._first_answer = 0.0
        self._turn = 0
        self._open_units = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._model: Model | None = None
        self._divides = False
        self._copied_folder: Path | None = None
        threading.Thread(target=self._loop.run_forever, name="model", daemon=True).start()

    def node(self) -> str:
        """Return the address of the node."""
        import ray

        return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]

    def open(self, content: bytes) -> bytes:
        """Open the model of a pickled WorkerStart; return the pickle of whether it divides requests, or an error."""
        try:
            start: WorkerStart = pickle.loads(content)
            apply_environment(start.variables, start.threads)
            hide_secrets(start.secrets)
            asyncio.run_coroutine_threadsafe(self._open(start), self._loop).result()
        except BaseException as error:
            return pickle.dumps((False, describe_error(error)))
        return pickle.dumps((self._divides, None))

    def divide(self, content: bytes) -> bytes:
        """Return the pickled batches of the requests of one unit, as the indexes of the requests, or an error."""
        [(_, requests)] = decode_units(content)
        try:
            batches = asyncio.run_coroutine_threadsafe(self._divide(requests), self._loop).result()
        except BaseException as error:
            return pickle.dumps(([], describe_error(error)))
        index = {request.key: number for number, request in enumerate(requests)}
        return pickle.dumps(([[index[request.key] for request in batch] for batch in batches], None))

    def exchange(self, content: bytes) -> bytes:
        """Take units, which may be none, and return what there is to say once it is enough; ends an earlier call."""
        units = decode_units(content)
        with self._changed:
            self._turn += 1
            turn = self._turn
            self._open_units += len(units)
            self._changed.notify_all()
        if units:
            self._loop.call_soon_threadsafe(self._start_units, units)
        deadline = time.monotonic() + POLL_SECONDS
        with self._changed:
            while turn == self._turn and (seconds := self._seconds_to_wait(deadline)) > 0:
                self._changed.wait(seconds)
            reply, self._reply = self._reply, WorkerReply()
        reply.in_flight = None if self._model is None else self._model.in_flight
        return encode_reply(reply)

    def cancel(self, units: Sequence[int]) -> None:
        """Answer these units no further."""
        self._loop.call_soon_threadsafe(self._cancel, list(units))

    def close(self) -> None:
        """Close the model, which releases its server."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(CLOSE_SECONDS)
        if self._copied_folder is not None:
            shutil.rmtree(self._copied_folder, ignore_errors=True)

    def _seconds_to_wait(self, deadline: float) -> float:
        reply = self._reply
        if reply.errors or len(reply.answers) >= ENOUGH_ANSWERS or not self._open_units:
            return 0.0
        if reply.answers or reply.ended or reply.lines:
            deadline = min(deadline, self._first_answer + LINGER_SECONDS)
        return deadline - time.monotonic()

    async def _open(self, start: WorkerStart) -> None:
        options, folder = start.package.options(self.node())
        if str(folder) != start.package.recipe_folder:
            self._copied_folder = folder
        has_logs = start.log_folder is not None and Path(start.log_folder).is_dir()
        log_folder = Path(str(start.log_folder)) if has_logs else None
        runtime = ModelRuntime(folder, cache_folder(), self._log, log_folder)
        limit_threads()
        options.check_dependencies()
        self._model = options.open_worker(runtime, start.number, start.count)
        self._divides = isinstance(self._model, BatchedModel)

    async def _divide(self, requests: Sequence[ModelRequest]) -> Sequence[Sequence[ModelRequest]]:
        return await self._model.divide(requests) if isinstance(self._model, BatchedModel) else [requests]

    def _start_units(self, units: Sequence[Unit]) -> None:
        for number, requests in units:
            task = self._loop.create_task(self._answer(number, requests))
            self._tasks[number] = task

    async def _answer(self, number: int, requests: Sequence[ModelRequest]) -> None:
        indexes = {request.key: index for index, request in enumerate(requests)}
        answers: list[tuple[int, int, Completion]] = []
        missing = set(indexes.values())

        async def on_completion(request: ModelRequest, completion: Completion) -> None:
            missing.discard(indexes[request.key])
            answer = (number, indexes[request.key], completion)
            if self._divides:  # what was decoded together is stored together
                answers.append(answer)
            else:
                self._say("answers", [answer])

        error: tuple[str, str] | None = None
        has_ended = False
        try:
            await self._opened().complete(requests, on_completion)
            has_ended = True
        except asyncio.CancelledError:
            pass
        except BaseException as raised:
            error = describe_error(raised)
        del self._tasks[number]
        with self._changed:
            self._open_units -= 1
        self._say("answers", answers)
        self._say("errors", [] if error is None else [(number, *error)])
        self._say("ended", [number] if has_ended and missing else [])

    def _say(self, field: str, items: Sequence[Any]) -> None:
        """Add to the reply; wake the call that waits where it has to look."""
        if not items:
            return
        with self._changed:
            reply = self._reply
            if not (reply.answers or reply.ended or reply.lines):
                self._first_answer = time.monotonic()
                self._changed.notify_all()
            getattr(reply, field).extend(items)
            if reply.errors or not self._open_units or len(reply.answers) >= ENOUGH_ANSWERS:
                self._changed.notify_all()

    def _cancel(self, units: Sequence[int]) -> None:
        for number in units:
            if number in self._tasks:
                self._tasks[number].cancel()

    def _opened(self) -> Model:
        if self._model is None:
            raise RuntimeError("units come after the model was opened")
        return self._model

    async def _close(self) -> None:
        tasks = list(self._tasks.values())
        self._cancel(list(self._tasks))
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._model is not None:
            await self._model.close()

    def _log(self, line: str) -> None:
        self._say("lines", [line])


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
