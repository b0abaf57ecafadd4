"""A model of the recipe whose requests are answered by workers on a cluster.

The run keeps the queue: a worker gets units of up to 16 requests, about twice as many as it works on, and each answer
goes to the journal when it arrives. A worker that ends, with its node or without, is started again elsewhere, and the
requests that it has not answered go to the others. Which worker answers a request changes neither its key nor, for the
models of TextSynth, its answer: a model whose answers depend on what is decoded together divides the requests itself.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

from textsynth.cluster.connection import Cluster, reason_of
from textsynth.cluster.messages import WorkerReply, decode_reply, encode_units
from textsynth.cluster.package import environment_for, pack, thread_variables
from textsynth.cluster.placement import check_gpus, count_workers, placement
from textsynth.cluster.restarts import MAX_ENDS, restart_pause
from textsynth.cluster.worker import ENOUGH_ANSWERS, ModelWorker, WorkerStart, as_error
from textsynth.core.errors import ClusterError, TextSynthError, UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.records import Completion, ModelRequest
from textsynth.core.secrets import registered
from textsynth.models import Model, ModelOptions, ModelRuntime, OnCompletion

MAX_UNIT = 16
# Requests at a worker: twice those that its model works on, and those whose answers are on their way.
FIRST_CAPACITY = 256
ON_THEIR_WAY = 2 * ENOUGH_ANSWERS
# Calls of a worker's methods at the same time: two exchanges, and others.
CALLS = 4
EXCHANGES = 2
# A unit is given up when it was sent this many times, and each worker has ended with it.
MAX_SENDS = 12
# After this time the run logs that a worker waits for its place, and requests go out without it; with no other worker
# at work, the run stops after the second time.
PATIENCE_SECONDS, START_SECONDS = 15.0, 180.0
CLOSE_SECONDS = 30.0


@dataclass(eq=False, slots=True)
class _Call:
    """One call of `complete`: what is not answered yet, and, where answers are stored in order, which unit is next."""

    on_completion: OnCompletion
    remaining: int
    done: asyncio.Future[None]
    in_order: bool = False
    waiting_units: dict[int, list[tuple[ModelRequest, Completion]]] = field(default_factory=dict)
    order: deque[int] = field(default_factory=deque)


@dataclass(eq=False, slots=True)
class _Unit:
    """Requests that go to a worker together; an answered one is None."""

    number: int
    call: _Call
    requests: list[ModelRequest | None]
    sends: int = 0

    @property
    def size(self) -> int:
        return sum(request is not None for request in self.requests)


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker as the run sees it: its actor while it is at work, and the units that it has not answered."""

    number: int
    name: str
    actor: Any = None
    node: str = ""
    is_ready: bool = False
    is_opening: bool = False
    ended: asyncio.Future[BaseException] | None = None
    error: TextSynthError | None = None
    units: dict[int, _Unit] = field(default_factory=dict)
    outbox: list[_Unit] = field(default_factory=list)
    load: int = 0
    capacity: int = FIRST_CAPACITY
    in_flight: int | None = 0
    exchanges: int = 0
    answers: int = 0


class ClusterModel(Model):
    """Answers through the workers of one model, whose name in the recipe is `name`.

    `workers` is how many there are, where the recipe does not say. Raises ClusterError where the cluster has too few
    GPUs for them.
    """

    def __init__(
        self, cluster: Cluster, name: str, options: ModelOptions, runtime: ModelRuntime, workers: int | None
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._runtime = runtime
        self._name = name
        nodes = cluster.nodes()
        self._needs = options.worker_needs(runtime)
        count = count_workers(self._needs, nodes, workers)
        check_gpus(name, self._needs, count, nodes)
        names = [f"{name}: worker {number} of {count}" for number in range(1, count + 1)]
        self._workers = [_Worker(number, label) for number, label in enumerate(names)]
        self._package = pack(options, runtime.recipe_folder)
        self._queue: deque[_Unit] = deque()
        self._calls: set[_Call] = set()
        self._unit_count = 0
        self._keepers: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._divides: bool | None = None
        self._became_ready = asyncio.Event()
        self._has_started = asyncio.Event()
        self._error: TextSynthError | None = None

    @property
    def in_flight(self) -> int:
        """The number of requests that the workers' models are working on, as they reported last."""
        return sum(
            worker.load if worker.in_flight is None else min(worker.load, worker.in_flight) for worker in self._workers
        )

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, whatever becomes of single workers; see `Model.complete`."""
        if not requests:
            return
        self._start_workers()
        call = _Call(on_completion, len(requests), asyncio.get_running_loop().create_future())
        self._calls.add(call)
        try:
            while self._divides is None:
                await self._first_of(call, self._became_ready.wait())
            await self._first_of(call, self._has_started.wait())
            batches = await self._first_of(call, self._divide(requests)) if self._divides else _units_of(requests)
            call.in_order = self._divides
            units = [_Unit(self._next_number(), call, list(batch)) for batch in batches]
            call.order.extend(unit.number for unit in units)
            self._queue.extend(units)
            self._dispatch()
            await call.done
        finally:
            self._calls.discard(call)
            if call.remaining:
                self._drop(call)

    async def close(self) -> None:
        """Close the model of each worker, which releases its server, and end the workers."""
        for task in (*self._keepers, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._keepers, *self._tasks, return_exceptions=True)
        actors = [worker.actor for worker in self._workers if worker.actor is not None]
        ready = [worker.actor for worker in self._workers if worker.is_ready]
        closing = [asyncio.ensure_future(_result(actor.close.remote())) for actor in ready]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_SECONDS)
            await _cancel(closing)
        for actor in actors:
            self._end(actor)
        for worker in self._workers:
            worker.actor, worker.is_ready = None, False

    def _start_workers(self) -> None:
        if self._error is not None:
            raise self._error
        if not self._keepers:
            self._keepers = [asyncio.create_task(self._keep_at_work(worker)) for worker in self._workers]

    def _next_number(self) -> int:
        self._unit_count += 1
        return self._unit_count

    async def _first_of(self, call: _Call, awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401
        """Return the result of the awaitable, unless the call fails before: then raise its error."""
        task = asyncio.ensure_future(awaitable)
        try:
            await asyncio.wait((task, call.done), return_when=asyncio.FIRST_COMPLETED)
            if call.done.done():
                call.done.result()
            return await task
        finally:
            await _cancel([task])

    async def _divide(self, requests: Sequence[ModelRequest]) -> list[list[ModelRequest]]:
        """Return the requests in the batches of the model, as a worker divides them."""
        content = encode_units([(0, requests)])
        while True:
            await self._became_ready.wait()
            worker = next((worker for worker in self._workers if worker.is_ready), None)
            if worker is None:
                self._became_ready.clear()
                continue
            try:
                batches, error = pickle.loads(await _result(worker.actor.divide.remote(content)))
            except self._cluster.errors as ended:
                self._note_end(worker, ended)
                continue
            if error is not None:
                raise as_error(*error)
            return [[requests[index] for index in batch] for batch in batches]

    # Workers

    async def _keep_at_work(self, worker: _Worker) -> None:
        """Start a worker, and start it again whenever it ends, until it is given up."""
        ends = 0
        while worker.error is None:
            try:
                await self._start(worker)
                self._dispatch()
                reason = await worker.ended  # type: ignore[misc]  # set by _start
            except TextSynthError as error:
                self._give_up(worker, error)
                return
            except self._cluster.errors as error:
                reason = error
            if worker.answers:
                ends, worker.answers = 0, 0
            ends += 1
            self._take_back(worker)
            if ends >= MAX_ENDS:
                self._give_up(worker, ClusterError(f"{worker.name} has ended {ends} times: {_reason(reason)}"))
                return
            self._runtime.log(f"{worker.name} has ended ({type(reason).__name__}); it is started again")
            await asyncio.sleep(restart_pause(ends))

    async def _start(self, worker: _Worker) -> None:
        """Start the worker's actor and open its model. Raises our errors of the model, and Ray's of the actor."""
        ray = self._cluster.ray
        nodes = await asyncio.to_thread(self._cluster.nodes)
        actor = ray.remote(ModelWorker).options(
            max_concurrency=CALLS, enable_task_events=False, **placement(self._needs, worker.number, nodes)
        )
        worker.actor = actor.remote()
        worker.ended = asyncio.get_running_loop().create_future()
        worker.node = await self._placed(worker)
        worker.is_opening = True
        try:
            start = WorkerStart(
                self._package,
                worker.number,
                len(self._workers),
                environment_for(self._options.model_dump(mode="json")),
                thread_variables(),
                registered(),
                None if self._runtime.log_folder is None else str(self._runtime.log_folder.absolute()),
            )
            divides, error = pickle.loads(await _result(worker.actor.open.remote(pickle.dumps(start, 5))))
        finally:
            worker.is_opening = False
        if error is not None:
            raise as_error(*error)
        self._divides = divides
        worker.is_ready, worker.load, worker.exchanges, worker.capacity = True, 0, 0, FIRST_CAPACITY
        self._became_ready.set()
        self._note_start()
        asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._has_started.set)

    def _note_start(self) -> None:
        """Let the requests go out once every worker is ready or left out: the first one must not get all of them."""
        if all(worker.is_ready or worker.error is not None for worker in self._workers):
            self._has_started.set()

    async def _placed(self, worker: _Worker) -> str:
        """Return the address of the worker's node. Raises ClusterError where no worker has a place for minutes."""
        asked = asyncio.ensure_future(_result(worker.actor.node.remote()))
        seconds = 0.0
        try:
            while not (await asyncio.wait((asked,), timeout=PATIENCE_SECONDS))[0]:
                seconds += PATIENCE_SECONDS
                if seconds == PATIENCE_SECONDS:
                    self._runtime.log(f"{worker.name} waits for {self._wanted()} on the cluster")
                if seconds >= START_SECONDS and not any(w.is_ready or w.is_opening for w in self._workers):
                    raise ClusterError(
                        f"{worker.name} waits for {self._wanted()} since {seconds:.0f} s, and no other is at work:"
                        f" the cluster has {self._cluster.describe()}, which other programs may use"
                    )
            return str(await asked)
        finally:
            await _cancel([asked])

    def _wanted(self) -> str:
        return pluralize(self._needs.gpus, "GPU") if self._needs.gpus else "a node"

    def _note_end(self, worker: _Worker, reason: BaseException) -> None:
        if worker.ended is not None and not worker.ended.done():
            worker.is_ready = False
            worker.ended.set_result(reason)

    def _take_back(self, worker: _Worker) -> None:
        """Put what the worker has not answered to the front of the queue."""
        self._end(worker.actor)
        worker.actor, worker.is_ready, worker.load, worker.in_flight = None, False, 0, 0
        units = sorted(worker.units.values(), key=lambda unit: unit.number)
        worker.units, worker.outbox = {}, []
        for unit in units:
            if unit.sends >= MAX_SENDS:
                message = f"{self._name}: {unit.sends} workers have ended one after the other with the same requests"
                self._fail([unit.call], ClusterError(message))
        self._queue.extendleft(reversed(units))
        self._dispatch()

    def _end(self, actor: Any) -> None:  # noqa: ANN401
        if actor is not None:
            self._cluster.ray.kill(actor)

    def _give_up(self, worker: _Worker, error: TextSynthError) -> None:
        """Leave a worker out. With none left, the run stops with the error of the first one."""
        worker.error = error
        self._note_start()
        self._take_back(worker)
        if all(each.error is not None for each in self._workers):
            first = next(each.error for each in self._workers if each.error is not None)
            self._error = first
            self._fail(self._calls, first)
        else:
            self._runtime.log(f"{worker.name}: {error}; it is left out")

    def _fail(self, calls: Sequence[_Call] | set[_Call], error: TextSynthError) -> None:
        for call in calls:
            if not call.done.done():
                call.done.set_exception(error)

    # Requests

    def _dispatch(self) -> None:
        """Give units from the queue to the workers with the least load, and send them."""
        ready = [worker for worker in self._workers if worker.is_ready]
        while self._queue and ready:
            worker = min(ready, key=lambda each: each.load)
            unit = self._queue[0]
            if worker.load and worker.load + unit.size > worker.capacity:
                break
            self._queue.popleft()
            if unit.call.done.done():
                continue
            unit.sends += 1
            worker.units[unit.number] = unit
            worker.outbox.append(unit)
            worker.load += unit.size
        for worker in ready:
            self._send(worker)

    def _send(self, worker: _Worker) -> None:
        """Start an exchange where there is something to send, or answers to wait for and no exchange that does."""
        has_purpose = bool(worker.outbox) or (worker.load > 0 and not worker.exchanges)
        if worker.is_ready and worker.exchanges < EXCHANGES and has_purpose:
            worker.exchanges += 1
            units, worker.outbox = worker.outbox, []
            task = asyncio.create_task(self._exchange(worker, worker.actor, units))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _exchange(self, worker: _Worker, actor: Any, units: Sequence[_Unit]) -> None:  # noqa: ANN401
        unanswered = {unit.number: [request for request in unit.requests if request is not None] for unit in units}
        for unit in units:
            unit.requests = list(unanswered[unit.number])
        content = encode_units(unanswered.items())
        try:
            reply = decode_reply(await _result(actor.exchange.remote(content)))
        except self._cluster.errors as error:
            if worker.actor is actor:
                self._note_end(worker, error)
            return
        if worker.actor is not actor:
            return  # it was given up meanwhile, and its requests were sent to others
        worker.exchanges -= 1
        worker.in_flight = reply.in_flight
        in_flight = FIRST_CAPACITY if reply.in_flight is None else reply.in_flight
        worker.capacity = max(2 * in_flight + ON_THEIR_WAY, worker.capacity * 19 // 20)
        for line in reply.lines:
            self._runtime.log(f"{worker.name}: {line}" if len(self._workers) > 1 else line)
        await self._take_answers(worker, reply)
        if reply.errors and worker.actor is actor:
            _, name, message = reply.errors[0]
            self._on_error(worker, as_error(name, message))
        self._dispatch()

    def _on_error(self, worker: _Worker, error: TextSynthError) -> None:
        """Leave out a worker whose model cannot answer; what is wrong with the command or the recipe stops the run."""
        if isinstance(error, UsageError):
            self._fail(self._calls, error)
        elif worker.error is None:
            worker.is_ready = False
            for keeper, each in zip(self._keepers, self._workers, strict=True):
                if each is worker:
                    keeper.cancel()
            self._give_up(worker, error)

    async def _take_answers(self, worker: _Worker, reply: WorkerReply) -> None:
        """Store the answers of a reply; a request counts for the worker until its answer is on disk."""
        answered: dict[_Unit, list[tuple[ModelRequest, Completion]]] = {}
        for number, index, completion in reply.answers:
            unit = worker.units.get(number)
            request = unit.requests[index] if unit is not None else None
            if unit is not None and request is not None:
                unit.requests[index] = None
                answered.setdefault(unit, []).append((request, completion))
        worker.answers += sum(map(len, answered.values()))
        await asyncio.gather(*(self._store(unit, pairs) for unit, pairs in answered.items()))
        for unit, pairs in answered.items():
            worker.load -= len(pairs)
            if unit.size == 0:
                worker.units.pop(unit.number, None)
        for number in reply.ended:
            if (unit := worker.units.pop(number, None)) is not None:
                worker.load -= unit.size
                if number in unit.call.order:
                    await self._store(unit, [])
                self._count_down(unit.call, unit.size)

    async def _store(self, unit: _Unit, pairs: list[tuple[ModelRequest, Completion]]) -> None:
        """Hand answers to the run; those of a model that divides requests in the order of the units."""
        call = unit.call
        if not call.in_order:
            await self._hand_over(call, pairs)
            return
        call.waiting_units[unit.number] = pairs
        while call.order and call.order[0] in call.waiting_units:
            await self._hand_over(call, call.waiting_units.pop(call.order.popleft()))

    async def _hand_over(self, call: _Call, pairs: Sequence[tuple[ModelRequest, Completion]]) -> None:
        if call.done.done():
            return
        results = await asyncio.gather(*(call.on_completion(*pair) for pair in pairs), return_exceptions=True)
        error = next((result for result in results if result is not None), None)
        if error is not None and not call.done.done():
            call.done.set_exception(error)
        self._count_down(call, len(pairs))

    def _count_down(self, call: _Call, count: int) -> None:
        call.remaining -= count
        if not call.remaining and not call.done.done():
            call.done.set_result(None)

    def _drop(self, call: _Call) -> None:
        """Forget the requests of a call that has ended early, and let the workers stop answering them."""
        call.done.cancel()
        self._queue = deque(unit for unit in self._queue if unit.call is not call)
        for worker in self._workers:
            numbers = [number for number, unit in worker.units.items() if unit.call is call]
            for number in numbers:
                worker.load -= worker.units.pop(number).size
            worker.outbox = [unit for unit in worker.outbox if unit.call is not call]
            if numbers and worker.is_ready:
                worker.actor.cancel.remote(numbers)


def _units_of(requests: Sequence[ModelRequest]) -> list[Sequence[ModelRequest]]:
    return [requests[start : start + MAX_UNIT] for start in range(0, len(requests), MAX_UNIT)]


def _reason(error: BaseException) -> str:
    text = reason_of(error)
    if "No module named 'textsynth'" in str(error):
        return "its node has no TextSynth; install the version of the run there, with the extras of the recipe"
    return text


async def _result(reference: Any) -> Any:  # noqa: ANN401 — Ray's reference to a result
    return await reference


async def _cancel(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
