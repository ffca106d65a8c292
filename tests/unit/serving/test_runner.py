"""EngineRunner and BatchQueue: batching, isolation, overload, departure. No Ray."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from deployments.serving.batching import Batching, BatchQueue, Ticket
from deployments.serving.engine import ModelCard
from deployments.serving.errors import EngineFailed, InputTooLarge, InvalidInput, NotReady, Overloaded
from deployments.serving.runner import EngineRunner
from tests.serve.echo import Echo, EchoEngine


class Gated(EchoEngine):
    """Waits for `gate` before each batch and keeps what it was given."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.closed = False

    def infer(self, units: Sequence[Echo]) -> Sequence[tuple[str, int] | Exception]:
        self.gate.wait(10)
        self.threads.add(threading.current_thread().name)
        self.batches.append([unit.text for unit in units])
        return super().infer(units)

    def warm_up(self) -> None: ...

    def close(self) -> None:
        self.closed = True


class Recorder:
    def __init__(self) -> None:
        self.requests: list[str] = []
        self.batches: list[tuple[int, int, int]] = []
        self.waits: list[float] = []
        self.done: list[tuple[str, float]] = []

    def request(self, code: str, seconds: float) -> None:
        self.requests.append(code)

    def queued(self, seconds: float) -> None:
        self.waits.append(seconds)

    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None:
        self.batches.append((size, cost, abandoned))

    def state(self, units: int, cost: int, ongoing: int) -> None: ...

    def limits(self, batching: Batching) -> None: ...

    def work(self, kind: str, amount: float) -> None:
        self.done.append((kind, amount))


@asynccontextmanager
async def running(engine: Any, recorder: Recorder | None = None, **knobs: Any) -> AsyncIterator[EngineRunner[Any, Any]]:
    recorder = recorder or Recorder()
    runner: EngineRunner[Any, Any] = EngineRunner(lambda: engine, Batching(**knobs), make_metrics=lambda card: recorder)
    await runner.start()
    try:
        yield runner
    finally:
        if isinstance(engine, Gated):
            engine.gate.set()
        await runner.close()


async def _queued(runner: EngineRunner[Any, Any], *texts: str) -> list[asyncio.Task[Any]]:
    """Send one request after the other, each in the queue before the next is sent."""
    tasks = []
    for text in texts:
        before = runner._queue.depth[0]
        tasks.append(asyncio.create_task(runner.run(Echo(text))))
        while runner._queue.depth[0] < before + len(text.split()):
            await asyncio.sleep(0.001)
    return tasks


async def _blocked(runner: EngineRunner[Any, Any], engine: Gated) -> asyncio.Task[Any]:
    """A request that holds the engine thread until the gate opens."""
    task = asyncio.create_task(runner.run(Echo("first")))
    while runner._batch_started is None:
        await asyncio.sleep(0.001)
    return task


async def test_units_of_many_requests_share_a_batch_and_come_back_in_order() -> None:
    engine = Gated()
    async with running(engine, max_batch_size=4) as runner:
        first = await _blocked(runner, engine)
        rest = await _queued(runner, "a b c", "d", "e f")
        engine.gate.set()
        assert (await first)["text"] == "first"
        assert [(await task)["text"] for task in rest] == ["a b c", "d", "e f"]
    assert engine.batches == [["first"], ["a", "b", "c", "d"], ["e", "f"]]
    assert engine.threads == {"engine"}
    assert engine.closed


async def test_batches_are_bounded_by_cost_and_nothing_is_overtaken() -> None:
    engine = Gated()
    async with running(engine, max_batch_size=10, max_batch_cost=5) as runner:
        first = await _blocked(runner, engine)
        rest = await _queued(runner, "aa", "bbbb", "c", "d")
        engine.gate.set()
        await asyncio.gather(first, *rest)
    assert engine.batches == [["first"], ["aa"], ["bbbb", "c"], ["d"]]


async def test_one_callers_error_is_its_own() -> None:
    engine = Gated()
    recorder = Recorder()
    async with running(engine, recorder) as runner:
        first = await _blocked(runner, engine)
        rest = await _queued(runner, "good", "one fail", "poison", "fine")
        bad = asyncio.create_task(runner.run(Echo("bad")))
        engine.gate.set()
        outcomes = await asyncio.gather(first, *rest, bad, return_exceptions=True)
    assert [outcome["text"] for outcome in (outcomes[0], outcomes[1], outcomes[4])] == ["first", "good", "fine"]  # type: ignore[index]
    assert isinstance(outcomes[2], InvalidInput)
    assert isinstance(outcomes[3], EngineFailed)
    assert "choked" in str(outcomes[3])
    assert isinstance(outcomes[5], InvalidInput)
    assert sorted(recorder.requests) == ["engine_failed", "invalid_input", "invalid_input", "ok", "ok", "ok"]


async def test_work_of_a_caller_that_left_is_dropped() -> None:
    engine = Gated()
    recorder = Recorder()
    async with running(engine, recorder) as runner:
        first = await _blocked(runner, engine)
        leaving, staying = await _queued(runner, "gone gone", "here")
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        engine.gate.set()
        await asyncio.gather(first, staying)
        assert runner._queue.depth == (0, 0)
    assert engine.batches == [["first"], ["here"]]
    assert sorted(recorder.requests) == ["cancelled", "ok", "ok"]


async def test_a_full_replica_refuses_with_a_time_to_come_back() -> None:
    engine = Gated()
    async with running(engine, max_queued_cost=4, max_requests=4) as runner:
        first = await _blocked(runner, engine)
        rest = await _queued(runner, "abc")
        with pytest.raises(Overloaded) as refused:
            await runner.run(Echo("de"))
        assert refused.value.details["retry_after_s"] >= 1
        rest += await _queued(runner, "d")
        rest.append(asyncio.create_task(runner.run(Echo(""))))
        await asyncio.sleep(0.05)
        assert await rest.pop() == {"text": "", "batch": 0}
        rest += [asyncio.create_task(runner.run(Echo("bad")))]
        with pytest.raises(InvalidInput):
            await rest.pop()
        engine.gate.set()
        await asyncio.gather(first, *rest)
        assert runner.requests == 0


async def test_too_many_requests_at_once() -> None:
    engine = Gated()
    async with running(engine, max_requests=2) as runner:
        first = await _blocked(runner, engine)
        second = await _queued(runner, "b")
        with pytest.raises(Overloaded, match="2 requests"):
            await runner.run(Echo("c"))
        engine.gate.set()
        await asyncio.gather(first, *second)


async def test_a_unit_no_batch_can_hold_is_refused_up_front() -> None:
    async with running(EchoEngine(), max_batch_cost=5) as runner:
        with pytest.raises(InputTooLarge) as refused:
            await runner.run(Echo("abcdef"))
        assert refused.value.details == {"limit": 5, "actual": 6}
        assert (await runner.run(Echo("abcde")))["text"] == "abcde"


async def test_knobs_change_while_running() -> None:
    engine = Gated()
    async with running(engine, max_batch_size=1) as runner:
        first = await _blocked(runner, engine)
        rest = await _queued(runner, "a", "b", "c")
        runner.configure(Batching(max_batch_size=3))
        engine.gate.set()
        await asyncio.gather(first, *rest)
    assert engine.batches == [["first"], ["a", "b", "c"]]


async def test_an_idle_model_waits_for_company_only_as_long_as_told() -> None:
    async with running(EchoEngine(), batch_wait_s=0.2, max_batch_size=8) as runner:
        began = time.monotonic()
        replies = await asyncio.gather(*(runner.run(Echo("x")) for _ in range(5)))
        assert [reply["batch"] for reply in replies] == [5] * 5
        assert 0.1 < time.monotonic() - began < 2
    async with running(EchoEngine(), batch_wait_s=30, max_batch_size=3) as runner:
        replies = await asyncio.wait_for(asyncio.gather(*(runner.run(Echo("x")) for _ in range(3))), 5)
        assert [reply["batch"] for reply in replies] == [3] * 3


async def test_loading_failure_reaches_the_starter_and_an_unloaded_runner_says_so() -> None:
    def load() -> Any:
        raise InvalidInput("no such model")

    runner: EngineRunner[Any, Any] = EngineRunner(load, Batching())
    with pytest.raises(NotReady):
        await runner.run(Echo("x"))
    with pytest.raises(InvalidInput, match="no such model"):
        await runner.start()
    with pytest.raises(EngineFailed):
        runner.check_health()


async def test_what_a_result_was_worth_is_reported_once_a_request() -> None:
    recorder = Recorder()
    runner: EngineRunner[Any, Any] = EngineRunner(
        EchoEngine,
        Batching(),
        make_metrics=lambda card: recorder,
        measure=lambda result: {"texts": len(result["text"].split())},
    )
    await runner.start()
    await runner.run(Echo("one two three"))
    with pytest.raises(InvalidInput):
        await runner.run(Echo("fail"))
    await runner.close()
    assert recorder.done == [("texts", 3)]


async def test_health_fails_when_a_batch_never_ends() -> None:
    engine = Gated()
    runner: EngineRunner[Any, Any] = EngineRunner(lambda: engine, Batching(), stuck_after_s=0.5)
    await runner.start()
    task = await _blocked(runner, engine)
    runner.check_health()
    await asyncio.sleep(0.6)
    with pytest.raises(EngineFailed, match="running for more than"):
        runner.check_health()
    engine.gate.set()
    await task
    runner.check_health()
    await runner.close()
    with pytest.raises(NotReady, match="shutting down"):
        await runner.run(Echo("x"))


async def test_closing_finishes_what_was_accepted() -> None:
    engine = Gated()
    runner: EngineRunner[Any, Any] = EngineRunner(lambda: engine, Batching(max_batch_size=1))
    await runner.start()
    first = await _blocked(runner, engine)
    rest = await _queued(runner, "a", "b")
    closing = asyncio.create_task(runner.close())
    engine.gate.set()
    await closing
    assert [(await task)["text"] for task in (first, *rest)] == ["first", "a", "b"]


async def test_a_wrong_number_of_outcomes_is_an_engine_failure() -> None:
    class Short(EchoEngine):
        def infer(self, units: Sequence[Echo]) -> Sequence[tuple[str, int] | Exception]:
            return []

        def warm_up(self) -> None: ...

    async with running(Short()) as runner:
        with pytest.raises(EngineFailed, match="0 outcomes to 1 units"):
            await runner.run(Echo("x"))


def test_retry_after_follows_the_measured_speed() -> None:
    queue: BatchQueue[str] = BatchQueue(Batching())
    assert queue.retry_after_s() == 1
    queue.put(Ticket(["x"], [1000]))
    queue.observe(cost=100, seconds=1)
    assert queue.retry_after_s() == 10


@pytest.mark.parametrize("knobs", [{"max_batch_size": 0}, {"batch_wait_s": -1}, {"max_requests": -5}])
def test_knobs_out_of_range_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(knobs))):
        Batching(**knobs)


def test_card_is_the_engines() -> None:
    assert EchoEngine.card == ModelCard(model="echo", backend="fake", version="1")
