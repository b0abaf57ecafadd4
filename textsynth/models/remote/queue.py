"""Requests that wait for a place, in the order of the plan; and which of them differ in their draw alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from textsynth.core.records import Request

C = TypeVar("C", bound=Hashable)


class Queue(Generic[C]):
    """First come, first served. `kind` is the same for requests that may be taken together, None for one that may not.

    Callers are kept apart: what is taken together comes from one of them.
    """

    def __init__(self, kind: Callable[[Request], Hashable]) -> None:
        self._kind = kind
        self._count = 0
        self._places: OrderedDict[int, tuple[C, Request, Hashable]] = OrderedDict()
        self._alike: dict[tuple[C, Hashable], deque[int]] = {}  # in the order of the queue

    def __len__(self) -> int:
        return len(self._places)

    def add(self, caller: C, requests: Sequence[Request]) -> None:
        """Put requests at the end."""
        for request in requests:
            number, kind = self._enter(caller, request)
            if kind is not None:
                self._alike.setdefault((caller, kind), deque()).append(number)

    def put_back(self, caller: C, requests: Sequence[Request]) -> None:
        """Put requests before all others, in their order."""
        for request in reversed(requests):
            number, kind = self._enter(caller, request)
            self._places.move_to_end(number, last=False)
            if kind is not None:
                self._alike.setdefault((caller, kind), deque()).appendleft(number)

    def take(self, most: Callable[[Request], int]) -> tuple[C, list[Request]]:
        """Take the first request out, and with it the next ones of its kind, `most(first)` in all.

        `most` is asked only where there are such. Raises KeyError where nothing waits.
        """
        _, (caller, request, kind) = self._places.popitem(last=False)
        numbers = None if kind is None else self._alike[caller, kind]
        if numbers is None:
            return caller, [request]
        numbers.popleft()
        more = min(len(numbers), most(request) - 1) if numbers else 0
        taken = [request, *(self._places.pop(numbers.popleft())[1] for _ in range(more))]
        if not numbers:
            del self._alike[caller, kind]
        return caller, taken

    def drop(self, caller: C) -> None:
        """Take all of a caller's requests out."""
        self._places = OrderedDict(pair for pair in self._places.items() if pair[1][0] is not caller)
        self._alike = {key: numbers for key, numbers in self._alike.items() if key[0] is not caller}

    def _enter(self, caller: C, request: Request) -> tuple[int, Hashable]:
        self._count += 1
        kind = self._kind(request)
        self._places[self._count] = (caller, request, kind)
        return self._count, kind
