"""How units of many requests become batches: the knobs, and the queue they wait in. Plain data and locks only."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from deployments.serving.errors import InputTooLarge, Overloaded

UnitT = TypeVar("UnitT")


@dataclass(frozen=True, slots=True)
class Batching:
    """Knobs of one replica; all can be changed while it runs (`reconfigure`).

    Costs are in the engine's own measure: pixels, tokens, milliseconds of audio.
    """

    max_batch_size: int = 32
    """Units in one call of the model."""
    max_batch_cost: int = 1 << 62
    """Sum of costs in one call of the model; a unit above it is refused."""
    batch_wait_s: float = 0.0
    """How long the oldest unit may wait for others while the model is idle. While it is busy they gather anyway."""
    max_queued_cost: int = 1 << 62
    """Sum of costs that may wait; beyond it callers get `Overloaded`."""
    max_requests: int = 1024
    """Requests in this replica at once, waiting or running; beyond it callers get `Overloaded`."""

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_batch_cost", "max_queued_cost", "max_requests"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.batch_wait_s < 0:
            raise ValueError(f"batch_wait_s must not be negative, not {self.batch_wait_s}")


@dataclass(eq=False, slots=True)
class Ticket(Generic[UnitT]):
    """One request's units on their way through the model."""

    units: Sequence[UnitT]
    costs: Sequence[int]
    abandoned: bool = False
    """Set when the caller has left or one of the units has failed: what still waits is dropped."""
    enqueued_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Entry(Generic[UnitT]):
    """One unit of one ticket."""

    ticket: Ticket[UnitT]
    index: int

    @property
    def unit(self) -> UnitT:
        return self.ticket.units[self.index]

    @property
    def cost(self) -> int:
        return self.ticket.costs[self.index]


class BatchQueue(Generic[UnitT]):
    """First in, first out. Filled by the event loop, emptied by the engine thread.

    A unit that does not fit the batch being formed ends that batch and heads the next one, so that a costly unit is
    never overtaken for ever by cheap ones.
    """

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._entries: deque[Entry[UnitT]] = deque()
        self._cost = 0
        self._closed = False
        self._changed = threading.Condition()
        self._cost_per_second = 0.0

    @property
    def depth(self) -> tuple[int, int]:
        """(units, cost) that wait, abandoned ones included until they are skipped."""
        return len(self._entries), self._cost

    def configure(self, batching: Batching) -> None:
        with self._changed:
            self._batching = batching
            self._changed.notify_all()

    def put(self, ticket: Ticket[UnitT]) -> None:
        """Enqueue all units of `ticket`, or none.

        Raises:
            InputTooLarge: one unit costs more than any batch may.
            Overloaded: the queue is full.
        """
        limit = self._batching.max_batch_cost
        dearest = max(ticket.costs, default=0)
        if dearest > limit:
            raise InputTooLarge(
                f"one unit of this input costs {dearest}, above this server's {limit} a batch; send a smaller one",
                limit=limit,
                actual=dearest,
            )
        cost = sum(ticket.costs)
        with self._changed:
            # An idle queue takes any one request, however large: it could otherwise never be served.
            if self._cost and self._cost + cost > self._batching.max_queued_cost:
                raise Overloaded("the queue is full; try again later", retry_after_s=self._wait_estimate())
            self._entries.extend(Entry(ticket, index) for index in range(len(ticket.units)))
            self._cost += cost
            self._changed.notify()

    def take(self) -> list[Entry[UnitT]]:
        """Wait for work, then form one batch. An empty list means the queue was closed and is drained."""
        with self._changed:
            while True:
                self._skip_abandoned()
                if self._entries:
                    patience = self._batching.batch_wait_s - (time.monotonic() - self._entries[0].ticket.enqueued_at)
                    if patience > 0 and not self._closed and not self._full():
                        self._changed.wait(patience)
                    elif batch := self._form_batch():  # empty if every caller left just now
                        return batch
                elif self._closed:
                    return []
                else:
                    self._changed.wait()

    def close(self) -> None:
        """No more waiting: `take` hands out what is left, then empty batches."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def observe(self, cost: int, seconds: float) -> None:
        """Tell how fast the model went, for the `Retry-After` of refusals (moving average over about ten batches)."""
        rate = cost / max(seconds, 1e-6)
        self._cost_per_second = 0.9 * self._cost_per_second + 0.1 * rate if self._cost_per_second else rate

    def retry_after_s(self) -> int:
        """Seconds until what waits now is probably done, 1..60."""
        with self._changed:
            return self._wait_estimate()

    def _wait_estimate(self) -> int:
        if not self._cost_per_second:
            return 1
        return int(min(60, max(1, self._cost / self._cost_per_second)))

    def _skip_abandoned(self) -> None:
        while self._entries and self._entries[0].ticket.abandoned:
            self._cost -= self._entries.popleft().cost

    def _full(self) -> bool:
        return len(self._entries) >= self._batching.max_batch_size or self._cost >= self._batching.max_batch_cost

    def _form_batch(self) -> list[Entry[UnitT]]:
        batch: list[Entry[UnitT]] = []
        cost = 0
        while self._entries and len(batch) < self._batching.max_batch_size:
            entry = self._entries[0]
            # `put` refused what no batch can hold; a lowered limit must still let it through, alone.
            if batch and cost + entry.cost > self._batching.max_batch_cost:
                break
            self._entries.popleft()
            self._cost -= entry.cost
            if not entry.ticket.abandoned:
                batch.append(entry)
                cost += entry.cost
        return batch
