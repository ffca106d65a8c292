"""Accepts tasks: all of a submission in one transaction, or nothing, and never more than the queue may hold."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.database.clock import current_time
from deployments.serving.errors import InputTooLarge, InvalidInput, Overloaded, SensoriumError
from deployments.serving.media import InlineMedia
from deployments.tasks.settings import TaskSettings
from deployments.tasks.tables import InputRow, ItemRow, TaskRow
from deployments.tasks.task_reads import find_task
from deployments.tasks.types import UNDONE, NewItem, Submission, Task

RETRY_FULL_S = 10.0
"""When to ask again where the queue is full: about the time of some items."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A submission with its identity, fixed before the first attempt to store it, so that attempts can repeat."""

    id: str
    service: str
    request_id: str
    submission: Submission
    idempotency_key: str | None = None
    fingerprint: str | None = None


async def fingerprint(submission: Submission) -> str:
    """Equal for submissions of the same options and inputs."""
    digest = hashlib.sha256(orjson.dumps(dict(submission.options), option=orjson.OPT_SORT_KEYS))
    for item in submission.items:
        digest.update(orjson.dumps([item.name, dict(item.details)], option=orjson.OPT_SORT_KEYS))
        uri, data, refusal = await _input_of(item)
        digest.update(orjson.dumps([uri, refusal, None if data is None else hashlib.sha256(data).hexdigest()]))
    return digest.hexdigest()


async def write_submission(connection: AsyncConnection, new: NewTask, settings: TaskSettings) -> tuple[Task, bool]:
    """Store `new`: its task, and whether it is new. A known idempotency key gives the task that has it.

    Raises:
        Overloaded: the queue is full.
        InputTooLarge: even an empty queue could not hold it.
        InvalidInput: the key belongs to another submission.
    """
    await _one_at_a_time(connection, new.service)
    if (known := await _known(connection, new)) is not None:
        return known, False
    items = new.submission.items
    await _check_room(connection, new.service, settings, items=len(items))
    now = await current_time(connection)
    await connection.execute(
        insert(TaskRow).values(
            id=new.id,
            service=new.service,
            state="queued",
            options=orjson.dumps(dict(new.submission.options)).decode(),
            request_id=new.request_id,
            total=len(items),
            succeeded=0,
            failed=0,
            idempotency_key=new.idempotency_key,
            fingerprint=new.fingerprint,
            created_at=now,
        )
    )
    taken = 0
    for position, item in enumerate(items):  # one input in memory at a time
        taken += await _write_item(connection, new, position, item, now)
        _check_task_bytes(taken, settings)
    await _check_room(connection, new.service, settings)
    task = await find_task(connection, new.service, new.id)
    assert task is not None
    return task, True


async def _write_item(connection: AsyncConnection, new: NewTask, position: int, item: NewItem, now: datetime) -> int:
    """The number of bytes that are kept for it."""
    uri, data, refusal = await _input_of(item)
    size = len(data or b"")
    await connection.execute(
        insert(ItemRow).values(
            task_id=new.id,
            position=position,
            service=new.service,
            state="waiting",
            name=item.name,
            details=orjson.dumps(dict(item.details)).decode(),
            uri=uri,
            refusal=refusal,
            input_bytes=size,
            attempts=0,
            visible_at=now,
        )
    )
    if data is not None:
        await connection.execute(insert(InputRow).values(task_id=new.id, position=position, data=data))
    return size


async def _input_of(item: NewItem) -> tuple[str | None, bytes | None, str | None]:
    """(path or URI, bytes, JSON of the error with which the input was refused): one of them."""
    if item.uri is not None:
        return item.uri, None, None
    try:
        source = await item.load()
    except SensoriumError as error:
        return None, None, orjson.dumps({"code": error.code, "message": error.message}).decode()
    assert isinstance(source, InlineMedia)
    return None, source.data, None


async def _one_at_a_time(connection: AsyncConnection, service: str) -> None:
    """Two submissions must not both find the last place free. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        key = zlib.crc32(f"sensorium tasks {service}".encode())
        await connection.execute(select(func.pg_advisory_xact_lock(key)))


async def _known(connection: AsyncConnection, new: NewTask) -> Task | None:
    """The task of an earlier attempt whose commit went through, or of an earlier call with the same key."""
    if (own := await find_task(connection, new.service, new.id)) is not None:
        return own
    if new.idempotency_key is None:
        return None
    query = select(TaskRow.id, TaskRow.fingerprint).where(
        TaskRow.service == new.service, TaskRow.idempotency_key == new.idempotency_key
    )
    found = (await connection.execute(query)).first()
    if found is None:
        return None
    if found.fingerprint != new.fingerprint:
        raise InvalidInput(
            "this Idempotency-Key came before with another body; send a new key with a new task",
            field="Idempotency-Key",
            task_id=found.id,
        )
    return await find_task(connection, new.service, found.id)


async def _check_room(connection: AsyncConnection, service: str, settings: TaskSettings, items: int = 0) -> None:
    """Whether `items` more fit beside what is stored; what of this task is stored already counts as such."""
    if items > settings.max_queued_items:
        raise InputTooLarge(
            f"the task has {items} items, the queue holds {settings.max_queued_items}; split it",
            limit=settings.max_queued_items,
            actual=items,
            unit="items",
        )
    query = select(func.count(), func.coalesce(func.sum(ItemRow.input_bytes), 0)).where(
        ItemRow.service == service, ItemRow.state.in_(UNDONE)
    )
    queued_items, queued_bytes = (await connection.execute(query)).one()
    if queued_items + items > settings.max_queued_items or queued_bytes > settings.max_queued_bytes:
        raise Overloaded(
            "the queue of tasks is full; try again later",
            retry_after_s=RETRY_FULL_S,
        )


def _check_task_bytes(taken: int, settings: TaskSettings) -> None:
    if taken > settings.max_queued_bytes:
        raise InputTooLarge(
            f"the task's files have more than the {settings.max_queued_bytes:,} bytes that the queue holds; split it",
            limit=settings.max_queued_bytes,
            unit="bytes",
        )
