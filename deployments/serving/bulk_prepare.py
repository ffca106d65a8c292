"""Inputs read, decoded and cut into units while the model works on earlier ones. Knows neither Ray nor formats."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from deployments.serving import media
from deployments.serving.batching import Batching
from deployments.serving.bulk_sources import Input
from deployments.serving.bulk_task import AnyEngine, BulkTask
from deployments.serving.errors import InvalidInput
from deployments.serving.media import MediaPolicy, StoredMedia


@dataclass(slots=True, eq=False)
class OpenInput:
    """An input on its way through the model."""

    place: int
    item: Input
    content_hash: str | None = None
    request: Any = None
    sections: int = 1
    """More than one: it is to be cut into so many first, and has no units."""
    units: Sequence[Any] = ()
    costs: Sequence[int] = ()
    error: Exception | None = None
    prepare_ms: float = 0.0
    inference_ms: float = 0.0
    outcomes: list[Any] = field(default_factory=list)
    waiting: int = 0
    """Units without an outcome."""


class Preparer:
    """
    Args:
        batching: of the model: so many inputs are prepared ahead, and units of one batch's cost.
        roots: media roots that cover every input.
    """

    def __init__(
        self, task: BulkTask, engine: AnyEngine, batching: Batching, roots: tuple[str, ...], threads: int
    ) -> None:
        self._task = task
        self._engine = engine
        self._batching = batching
        self._policy = MediaPolicy(media_roots=roots, max_bytes=task.max_bytes)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="prepare")

    def prepared(self, inputs: Sequence[Input]) -> Iterator[OpenInput]:
        """In order. One that cannot be prepared has an `error`."""
        waiting = iter(enumerate(inputs))
        ahead: deque[Future[OpenInput]] = deque()
        room = _Room(self._batching.max_batch_cost)
        try:
            while True:
                for place, item in islice(waiting, self._batching.max_batch_size - len(ahead)):
                    ahead.append(self._pool.submit(self._prepare, place, item, room))
                if not ahead:
                    return
                one = ahead.popleft().result()
                room.release(one.place, sum(one.costs))
                yield one
        finally:
            room.open()

    def close(self) -> None:
        self._pool.shutdown()

    def _prepare(self, place: int, item: Input, room: _Room) -> OpenInput:
        room.wait(place)
        one = OpenInput(place, item)
        started = time.perf_counter()
        try:
            if item.problem is not None:
                raise InvalidInput(item.problem)
            data = item.text.encode() if item.text is not None else self._read(item.path)
            one.content_hash = f"sha256:{hashlib.sha256(data).hexdigest()}"
            one.request = self._request(data, one)
            if one.request is not None:
                units = self._engine.prepare(one.request)
                one.costs = [self._engine.cost(unit) for unit in units]
                one.units, one.waiting, one.outcomes = units, len(units), [None] * len(units)
        except Exception as error:  # noqa: BLE001  (a decoder may raise anything; it is this input's row)
            one.error = error
        one.prepare_ms = 1000 * (time.perf_counter() - started)
        room.take(sum(one.costs))
        return one

    def _request(self, data: bytes, one: OpenInput) -> Any:
        """None for an input that is to be cut into sections first."""
        item, sections = one.item, self._task.sections
        if sections is None or item.text is not None:
            return self._task.request(data, item.path)
        if item.section is not None and item.sections is not None:
            return sections.request(data, item.path, item.section, item.sections)
        one.sections = sections.count(data)
        return self._task.request(data, item.path) if one.sections == 1 else None

    def _read(self, path: str) -> bytes:
        policy = self._policy
        if "://" in path and "/" in policy.media_roots:  # named by the operator's own table: any bucket
            policy = replace(policy, media_roots=("/".join(path.split("/", 3)[:3]),))
        return media.read(StoredMedia(path), policy)


class _Room:
    """What may lie decoded: units of `limit` in cost. The input that is wanted next goes ahead whatever lies there."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._wanted = 0
        self._changed = threading.Condition()

    def wait(self, place: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._held < self._limit or place <= self._wanted)

    def take(self, cost: int) -> None:
        with self._changed:
            self._held += cost

    def release(self, place: int, cost: int) -> None:
        """The input at `place` has been handed on; the one after it is wanted."""
        with self._changed:
            self._held -= cost
            self._wanted = place + 1
            self._changed.notify_all()

    def open(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._limit = 1 << 62
            self._changed.notify_all()
