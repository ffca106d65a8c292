"""Every accepted item gets one result, whatever happens to engines, replicas and the database's clients."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from deployments.serving.errors import (
    BackendMissing,
    EngineFailed,
    InvalidInput,
    NotReady,
    Overloaded,
    SensoriumError,
    UnsupportedMedia,
)
from deployments.tasks.settings import TaskSettings
from deployments.tasks.task_store import TaskStore
from deployments.tasks.types import ResultPage
from deployments.tasks.worker import TaskWorker
from tests.unit.tasks.conftest import SETTINGS, open_store
from tests.unit.tasks.echo_work import EchoWork, words


@asynccontextmanager
async def working(store: TaskStore, work: EchoWork, settings: TaskSettings = SETTINGS) -> AsyncIterator[TaskWorker]:
    worker = TaskWorker(store, work, settings, first_delay_s=0.02, idle_poll_s=0.1)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def ended(store: TaskStore, task_id: str, within_s: float = 30.0) -> ResultPage:
    deadline = time.monotonic() + within_s
    while not (page := await store.read(task_id)).task.ended:
        assert time.monotonic() < deadline, page.task
        await asyncio.sleep(0.02)
    return page


def entries(page: ResultPage) -> list[dict[str, Any]]:
    return [json.loads(entry) for entry in page.entries]


def raising(text: str, *errors: Exception) -> Callable[[str, int], None]:
    """`before` of a work that fails on `text`, once for each error."""

    def before(seen: str, attempt: int) -> None:
        if seen == text and attempt <= len(errors):
            raise errors[attempt - 1]

    return before


async def test_results_come_in_the_order_of_the_items_and_the_task_is_counted(store: TaskStore) -> None:
    task, _ = await store.submit(words("a", "b", "c"), "request-1")
    assert (task.state, task.total, task.done) == ("queued", 3, 0)
    async with working(store, EchoWork()):
        page = await ended(store, task.id)
    assert [entry["text"] for entry in entries(page)] == ["a", "b", "c"]
    assert [entry["index"] for entry in entries(page)] == [0, 1, 2]
    assert (page.task.state, page.task.succeeded, page.task.failed) == ("finished", 3, 0)
    assert page.task.started_at is not None
    assert page.task.finished_at is not None
    assert page.task.expires_at is not None
    assert page.task.request_id == "request-1"


async def test_progress_and_results_so_far_are_seen_while_it_runs(store: TaskStore) -> None:
    task, _ = await store.submit(words(*"abcdef"), "")
    async with working(store, EchoWork(delay_s=0.1)):
        seen = set()
        while not (page := await store.read(task.id)).task.ended:
            seen.add(page.task.done)
            assert len(page.entries) == page.task.done
            await asyncio.sleep(0.02)
    assert len(seen) > 1
    assert len(page.entries) == 6


async def test_few_items_are_read_at_once(store: TaskStore) -> None:
    task, _ = await store.submit(words(*"abcdefgh"), "")
    work = EchoWork(delay_s=0.05)
    async with working(store, work, dataclasses.replace(SETTINGS, concurrency=3)):
        await ended(store, task.id)
    assert work.most_running == 3


async def test_faults_of_the_engine_are_tried_again_and_bad_inputs_are_not(store: TaskStore) -> None:
    task, _ = await store.submit(words("good", "shaky", "broken", "bad"), "")
    work = EchoWork()
    failures: dict[str, list[Exception]] = {
        "shaky": [EngineFailed("once"), RuntimeError("twice")],
        "broken": [EngineFailed("always")] * 9,
        "bad": [UnsupportedMedia("no image")],
    }

    def before(text: str, attempt: int) -> None:
        if attempt <= len(failures.get(text, ())):
            raise failures[text][attempt - 1]

    work.before = before
    async with working(store, work):
        page = await ended(store, task.id)
    assert [entry["status"] for entry in entries(page)] == ["success", "success", "failed", "failed"]
    assert [entry["error_code"] for entry in entries(page)] == [None, None, "engine_failed", "unsupported_media"]
    assert work.attempts == {"good": 1, "shaky": 3, "broken": SETTINGS.max_attempts, "bad": 1}
    assert (page.task.succeeded, page.task.failed) == (2, 2)


@pytest.mark.parametrize("refusal", [Overloaded("full", retry_after_s=0.1), NotReady("loading", retry_after_s=0.1)])
async def test_a_busy_service_costs_an_item_no_attempt(store: TaskStore, refusal: SensoriumError) -> None:
    task, _ = await store.submit(words("a", "b"), "")
    work = EchoWork()
    work.before = raising("a", *[refusal] * (SETTINGS.max_attempts + 3))
    async with working(store, work):
        page = await ended(store, task.id)
    assert page.task.succeeded == 2


async def test_a_model_that_is_not_installed_fails_the_item_with_its_reason(store: TaskStore) -> None:
    task, _ = await store.submit(words("a"), "")
    work = EchoWork()
    work.before = raising("a", *[BackendMissing("install tesseract")] * 9)
    async with working(store, work):
        page = await ended(store, task.id)
    assert entries(page)[0]["error_code"] == "backend_missing"
    assert entries(page)[0]["error"] == "install tesseract"


async def test_a_service_that_stays_away_fails_the_item_in_the_end(store: TaskStore) -> None:
    task, _ = await store.submit(words("a"), "")
    work = EchoWork()
    work.before = raising("a", *[NotReady("loading", retry_after_s=0.2)] * 99)
    async with working(store, work, dataclasses.replace(SETTINGS, max_wait_s=0.5)):
        page = await ended(store, task.id)
    assert entries(page)[0]["error_code"] == "not_ready"


async def test_two_replicas_share_the_work_and_nothing_is_done_twice(store: TaskStore, database_url: str) -> None:
    other = await open_store(database_url)
    task, _ = await store.submit(words(*(f"w{number}" for number in range(40))), "")
    one, two = EchoWork(delay_s=0.01), EchoWork(delay_s=0.01)
    async with working(store, one), working(other, two):
        page = await ended(store, task.id)
    assert one.attempts
    assert two.attempts
    assert one.attempts.total() + two.attempts.total() == 40
    assert [entry["text"] for entry in entries(page)] == [f"w{number}" for number in range(40)]
    await other.close()


async def test_another_replica_takes_over_what_a_dead_one_held(store: TaskStore, database_url: str) -> None:
    task, _ = await store.submit(words("a", "b", "c"), "")
    dead = await store.claim(2, idle=True)  # never heard of again
    assert [claim.item.name for claim in dead] == ["a", "b"]
    other, work = await open_store(database_url), EchoWork(delay_s=0.05)
    async with working(other, work):
        page = await ended(store, task.id)
    assert page.task.succeeded == 3
    assert {"a"} in work.together, "what may have killed a replica runs alone"
    assert {"b"} in work.together
    assert all(len(together) == 1 for together in work.together if together & {"a", "b"})
    for claim in dead:  # it was only slow after all
        assert not await store.finish(claim.lease, '{"text": "late"}', succeeded=True)
    assert [entry["text"] for entry in entries(await store.read(task.id))] == ["a", "b", "c"]
    assert (await store.read(task.id)).task.succeeded == 3
    await other.close()


async def test_an_item_that_kills_every_replica_is_given_up(store: TaskStore) -> None:
    task, _ = await store.submit(words("deadly", "innocent"), "")
    for _ in range(SETTINGS.max_attempts):
        claims = await store.claim(1, idle=True)
        assert [claim.item.name for claim in claims] == ["deadly"]
        await asyncio.sleep(SETTINGS.lease_s + 0.05)
    work = EchoWork()
    async with working(store, work):
        page = await ended(store, task.id)
    assert [entry["error_code"] for entry in entries(page)] == ["engine_failed", None]
    assert "died" in entries(page)[0]["error"]
    assert "deadly" not in work.attempts


async def test_a_long_item_keeps_its_lease(store: TaskStore, database_url: str) -> None:
    task, _ = await store.submit(words("long"), "")
    other = await open_store(database_url)
    one, two = EchoWork(delay_s=2.5 * SETTINGS.lease_s), EchoWork()
    async with working(store, one):
        while not one.running:
            await asyncio.sleep(0.01)
        async with working(other, two):
            page = await ended(store, task.id)
    assert page.task.succeeded == 1
    assert one.attempts == {"long": 1}
    assert not two.attempts
    await other.close()


async def test_a_worker_that_stops_gives_its_items_back_at_once(store: TaskStore, database_url: str) -> None:
    task, _ = await store.submit(words("a", "b"), "")
    slow = EchoWork(delay_s=60)
    async with working(store, slow):
        while len(slow.running) < 2:
            await asyncio.sleep(0.01)
    other = await open_store(database_url)
    claims = await other.claim(2, idle=True)
    assert [(claim.item.name, claim.attempts, claim.alone) for claim in claims] == [("a", 1, False), ("b", 1, False)]
    assert (await store.read(task.id)).task.state == "running"
    await other.close()


async def test_cancelling_stops_the_work_here_and_in_other_replicas(store: TaskStore, database_url: str) -> None:
    task, _ = await store.submit(words("a", "b", "c", "d"), "")
    other = await open_store(database_url)
    work = EchoWork(delay_s=60)
    work.before = lambda text, attempt: None
    async with working(store, work) as worker:
        while len(work.running) < 2:
            await asyncio.sleep(0.01)
        assert (await other.cancel(task.id)).state == "cancelled"  # this worker hears of it by its next sign of life
        deadline = time.monotonic() + 10
        while work.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        second, _ = await store.submit(words("e"), "")
        worker.wake()
        while not work.running:
            await asyncio.sleep(0.01)
        await store.cancel(second.id)
        worker.drop(second.id)
        await asyncio.sleep(0.1)
        assert not work.running
    assert (await store.read(task.id)).entries == ()
    assert await store.claim(5, idle=True) == []
    await other.close()


async def test_an_input_that_was_refused_when_it_came_fails_alone(store: TaskStore) -> None:
    submission = words("a", "b")

    async def refuse() -> Any:
        raise InvalidInput("the file 'b' is empty")

    items = [submission.items[0], dataclasses.replace(submission.items[1], load=refuse)]
    task, _ = await store.submit(dataclasses.replace(submission, items=items), "")
    async with working(store, EchoWork()):
        page = await ended(store, task.id)
    assert [entry["error_code"] for entry in entries(page)] == [None, "invalid_input"]
    assert entries(page)[1]["error"] == "the file 'b' is empty"
