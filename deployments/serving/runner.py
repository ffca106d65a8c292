"""Runs one engine for many callers at once: pool for `prepare` and `assemble`, one thread for the model.

    run(request) -> admit -> [pool] prepare -> queue -> [engine thread] infer -> [pool] assemble -> result

Knows asyncio and threads; knows neither Ray nor HTTP. `BatchedModel` puts it into a Serve replica.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from deployments.serving.batching import Batching, BatchQueue, Entry, Ticket
from deployments.serving.engine import Engine, ModelCard, OnOutcome
from deployments.serving.errors import EngineFailed, NotReady, Overloaded, SensoriumError
from deployments.serving.metrics import Metrics, NoMetrics

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")

INLINE_UNITS = 2
"""Requests of at most this many units are assembled on the event loop: a trip to the pool and back costs more (95 us
measured on 2 cores) than putting so few together."""


@dataclass(eq=False, slots=True)
class _Flight(Ticket[Any]):
    """A ticket with its caller: outcomes gather here until all are in."""

    done: asyncio.Future[list[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    outcomes: list[Any] = field(default_factory=list)
    missing: int = 0
    on_outcome: OnOutcome | None = None


class EngineRunner(Generic[RequestT, ResultT]):
    """The one implementation of `deployments.serving.engine.Runner`.

    Args:
        load: builds the engine; called once, in the engine thread.
        batching: the knobs; `configure` changes them later.
        make_metrics: called with the loaded model's card.
        measure: what a result was worth, see `deployments.serving.metrics.WORK`.
        pool_threads: threads for `prepare` and `assemble`.
        stuck_after_s: one batch running longer than this makes `check_health` fail.
    """

    def __init__(
        self,
        load: Callable[[], Engine[RequestT, Any, Any, ResultT]],
        batching: Batching,
        *,
        make_metrics: Callable[[ModelCard], Metrics] = lambda card: NoMetrics(),
        measure: Callable[[ResultT], Mapping[str, float]] = lambda result: {},
        pool_threads: int = 2,
        stuck_after_s: float = 600.0,
    ) -> None:
        self._load = load
        self._batching = batching
        self._make_metrics = make_metrics
        self._measure = measure
        self._metrics: Metrics = NoMetrics()
        self._stuck_after_s = stuck_after_s
        self._queue: BatchQueue[Any] = BatchQueue(batching)
        self._pool = ThreadPoolExecutor(pool_threads, thread_name_prefix="prepare")
        self._thread = threading.Thread(target=self._engine_thread, name="engine", daemon=True)
        self._engine: Engine[RequestT, Any, Any, ResultT] | None = None
        self._batch_started: float | None = None
        self._requests = 0
        self._closing = False

    @property
    def card(self) -> ModelCard:
        return self._loaded().card

    @property
    def metrics(self) -> Metrics:
        """For figures that only the routes know."""
        return self._metrics

    @property
    def requests(self) -> int:
        """Requests inside, waiting or running."""
        return self._requests

    def configure(self, batching: Batching) -> None:
        """Change the knobs; the next batch obeys them."""
        self._batching = batching
        self._queue.configure(batching)
        self._metrics.limits(batching)

    async def start(self) -> None:
        """Load and warm the engine.

        Raises:
            Exception: whatever the engine's constructor or `warm_up` raised.
        """
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()
        await self._started

    async def run(self, request: RequestT, on_outcome: OnOutcome | None = None) -> ResultT:
        engine = self._loaded()
        began = time.monotonic()
        code = "cancelled"
        if self._requests >= self._batching.max_requests:
            self._metrics.request(Overloaded.code, 0.0)
            raise Overloaded(
                f"{self._requests} requests are already here; try again later",
                retry_after_s=self._queue.retry_after_s(),
            )
        self._requests += 1
        try:
            units, costs = await self._loop.run_in_executor(self._pool, _prepare, engine, request)
            outcomes = await self._infer(units, costs, on_outcome) if units else []
            if len(units) <= INLINE_UNITS:
                result = engine.assemble(request, units, outcomes)
            else:
                result = await self._loop.run_in_executor(self._pool, engine.assemble, request, units, outcomes)
            code = "ok"
            for kind, amount in self._measure(result).items():
                self._metrics.work(kind, amount)
            return result
        except SensoriumError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            raise
        except Exception:
            code = "internal"
            raise
        finally:
            self._requests -= 1
            self._metrics.request(code, time.monotonic() - began)
            self._metrics.state(*self._queue.depth, self._requests)

    async def _infer(self, units: Sequence[Any], costs: Sequence[int], on_outcome: OnOutcome | None) -> list[Any]:
        outcomes: list[Any] = [None] * len(units)
        flight = _Flight(units, costs, outcomes=outcomes, missing=len(units), on_outcome=on_outcome)
        self._queue.put(flight)
        self._metrics.state(*self._queue.depth, self._requests)
        try:
            return await flight.done
        finally:
            flight.abandoned = True  # by success nothing waits any more; by failure or departure, drop the rest

    def check_health(self) -> None:
        """Raises:
        EngineFailed: the engine thread is not running, or one batch runs for longer than `stuck_after_s`.
        """
        if self._engine is None or not self._thread.is_alive():
            raise EngineFailed("the engine thread is not running; the replica must be replaced")
        started = self._batch_started
        if started is not None and time.monotonic() - started > self._stuck_after_s:
            raise EngineFailed(f"one batch has been running for more than {self._stuck_after_s:g} s")

    async def close(self) -> None:
        """Finish what is queued, then close the engine."""
        self._closing = True
        self._queue.close()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)
        while self._requests:  # their last step, `assemble`, still needs the pool
            await asyncio.sleep(0.005)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _loaded(self) -> Engine[RequestT, Any, Any, ResultT]:
        if self._closing:
            raise NotReady("this replica is shutting down; try again", retry_after_s=1)
        if self._engine is None:
            raise NotReady("the model is still loading; try again", retry_after_s=5)
        return self._engine

    # ---- engine thread ---------------------------------------------------------------------------------------------

    def _engine_thread(self) -> None:
        try:
            engine = self._load()
            engine.warm_up()
            self._metrics = self._make_metrics(engine.card)
            self._metrics.limits(self._batching)
            self._engine = engine
        except BaseException as error:  # noqa: BLE001 - handed to whoever called start()
            self._loop.call_soon_threadsafe(_settle, self._started, None, error)
            return
        self._loop.call_soon_threadsafe(_settle, self._started, None, None)
        while batch := self._queue.take():
            self._batch_started = time.monotonic()
            outcomes = _isolating_infer(engine, [entry.unit for entry in batch])
            seconds = time.monotonic() - self._batch_started
            self._batch_started = None  # before its callers hear of it
            self._finish_batch(batch, outcomes, seconds)
        engine.close()

    def _finish_batch(self, batch: list[Entry[Any]], outcomes: Sequence[Any], seconds: float) -> None:
        cost = sum(entry.cost for entry in batch)
        self._queue.observe(cost, seconds)
        abandoned = sum(entry.ticket.abandoned for entry in batch)
        self._loop.call_soon_threadsafe(self._deliver, batch, outcomes, time.monotonic() - seconds)
        self._metrics.batch(len(batch), cost, seconds, abandoned)

    # ---- event loop ------------------------------------------------------------------------------------------------

    def _deliver(self, batch: list[Entry[Any]], outcomes: Sequence[Any], started: float) -> None:
        for entry, outcome in zip(batch, outcomes, strict=True):
            flight = entry.ticket
            assert isinstance(flight, _Flight)
            if flight.done.done():
                continue
            if isinstance(outcome, Exception):
                _settle(flight.done, None, outcome)
                continue
            if flight.missing == len(flight.units):
                self._metrics.queued(started - flight.enqueued_at)
            flight.outcomes[entry.index] = outcome
            flight.missing -= 1
            if flight.on_outcome is not None:
                flight.on_outcome(entry.index, len(flight.units), outcome)
            if not flight.missing:
                _settle(flight.done, flight.outcomes, None)
        self._metrics.state(*self._queue.depth, self._requests)


def _prepare(engine: Engine[RequestT, Any, Any, Any], request: RequestT) -> tuple[Sequence[Any], list[int]]:
    units = engine.prepare(request)
    return units, [engine.cost(unit) for unit in units]


def _isolating_infer(engine: Engine[Any, Any, Any, Any], units: list[Any]) -> Sequence[Any]:
    """One outcome or error value a unit. A batch that raises is run again unit by unit, so that only culprits fail."""
    try:
        outcomes = engine.infer(units)
        if len(outcomes) != len(units):
            raise EngineFailed(f"the engine answered {len(outcomes)} outcomes to {len(units)} units")
        return outcomes
    except Exception as error:  # noqa: BLE001 - an engine may raise anything; it becomes a typed error value
        if len(units) > 1:
            return [_isolating_infer(engine, [unit])[0] for unit in units]
        if isinstance(error, SensoriumError):
            return [error]
        failure = EngineFailed(f"the model failed on this input ({type(error).__name__}: {error})"[:500])
        failure.__cause__ = error
        return [failure]


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
