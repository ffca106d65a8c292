"""The queries that read tasks and results."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
from sqlalchemy import and_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.database.cursors import cursor_after, parse_cursor
from deployments.database.ids import known_id
from deployments.serving.errors import NotFound
from deployments.tasks.tables import InputRow, ItemRow, TaskRow
from deployments.tasks.types import ResultPage, Task, TaskPage, TaskState

NO_ID = str(uuid.UUID(int=0))
TASK_COLUMNS = (
    TaskRow.id,
    TaskRow.service,
    TaskRow.state,
    TaskRow.options,
    TaskRow.request_id,
    TaskRow.total,
    TaskRow.succeeded,
    TaskRow.failed,
    TaskRow.created_at,
    TaskRow.started_at,
    TaskRow.finished_at,
    TaskRow.expires_at,
)


def task_of(row: Any) -> Task:
    """A row that has the `TASK_COLUMNS`."""
    fields = {column.key: getattr(row, column.key) for column in TASK_COLUMNS}
    return Task(**fields | {"options": orjson.loads(row.options)})


def no_such_task(task_id: str) -> NotFound:
    return NotFound(
        f"there is no task {task_id[:64]!r}; tasks are forgotten some time after they have ended", id=task_id[:64]
    )


async def find_task(connection: AsyncConnection, service: str, task_id: str) -> Task | None:
    """The service's task with this id."""
    if (known := known_id(task_id)) is None:
        return None
    row = (
        await connection.execute(select(*TASK_COLUMNS).where(TaskRow.id == known, TaskRow.service == service))
    ).first()
    return None if row is None else task_of(row)


async def read_task(connection: AsyncConnection, service: str, task_id: str) -> Task:
    """
    Raises:
        NotFound: there is none with this id (any more).
    """
    if (task := await find_task(connection, service, task_id)) is not None:
        return task
    raise no_such_task(task_id)


async def read_results(connection: AsyncConnection, service: str, task_id: str, offset: int, limit: int) -> ResultPage:
    """The results among `limit` items from position `offset` on.

    Raises:
        NotFound: there is no such task.
    """
    wanted = and_(
        ItemRow.task_id == TaskRow.id,
        ItemRow.position >= offset,
        ItemRow.position < offset + limit,
        ItemRow.result.is_not(None),
    )
    # One statement, so that the counts and the results are those of one moment.
    query = select(*TASK_COLUMNS, ItemRow.result).outerjoin(ItemRow, wanted)
    query = query.where(TaskRow.id == (known_id(task_id) or NO_ID), TaskRow.service == service)
    rows = (await connection.execute(query.order_by(ItemRow.position))).all()
    if not rows:
        raise no_such_task(task_id)
    task = task_of(rows[0])
    following = offset + limit if 0 < limit < task.total - offset else None
    return ResultPage(task, tuple(row.result for row in rows if row.result is not None), following)


async def read_page(
    connection: AsyncConnection, service: str, state: TaskState | None, limit: int, cursor: str | None
) -> TaskPage:
    """One page, newest first, by keyset: tasks that come in meanwhile shift nothing.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    query = select(*TASK_COLUMNS).where(TaskRow.service == service)
    if state is not None:
        query = query.where(TaskRow.state == state)
    if cursor is not None:
        created_at, last_id = parse_cursor(cursor)
        after = tuple_(literal(created_at, TaskRow.created_at.type), literal(last_id, TaskRow.id.type))
        query = query.where(tuple_(TaskRow.created_at, TaskRow.id) < after)
    query = query.order_by(TaskRow.created_at.desc(), TaskRow.id.desc()).limit(limit + 1)
    found = [task_of(row) for row in await connection.execute(query)]
    page = found[:limit]
    return TaskPage(tuple(page), cursor_after(page[-1].created_at, page[-1].id) if len(found) > limit else None)


async def read_input(connection: AsyncConnection, task_id: str, position: int) -> bytes | None:
    """The bytes that were sent for an item; None where they are gone."""
    query = select(InputRow.data).where(InputRow.task_id == task_id, InputRow.position == position)
    data: bytes | None = (await connection.execute(query)).scalar_one_or_none()
    return data
