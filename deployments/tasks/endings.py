"""How tasks end before or after their time: cancelled, removed, forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.database.clock import current_time
from deployments.tasks.tables import InputRow, ItemRow, TaskRow
from deployments.tasks.task_reads import read_task
from deployments.tasks.types import UNDONE, Task


async def cancel(connection: AsyncConnection, service: str, task_id: str, keep_results_s: float) -> Task:
    """Cancel the task unless it has ended; what it is then. Results so far are kept for `keep_results_s` seconds.

    Raises:
        NotFound: there is no such task.
    """
    task = await read_task(connection, service, task_id)
    if task.ended:
        return task
    # Items before their task, as when an item is done: no deadlock.
    await connection.execute(
        update(ItemRow)
        .where(ItemRow.task_id == task.id, ItemRow.state.in_(UNDONE))
        .values(state="cancelled", lease=None)
    )
    await connection.execute(delete(InputRow).where(InputRow.task_id == task.id))
    now = await current_time(connection)
    await connection.execute(
        update(TaskRow)
        .where(TaskRow.id == task.id, TaskRow.state.in_(("queued", "running")))
        .values(state="cancelled", finished_at=now, expires_at=now + timedelta(seconds=keep_results_s))
    )
    return await read_task(connection, service, task.id)


async def remove(connection: AsyncConnection, service: str, task_id: str) -> None:
    """Forget a task that has ended, and its results."""
    await connection.execute(delete(TaskRow).where(TaskRow.id == task_id, TaskRow.service == service))


async def purge(connection: AsyncConnection, service: str) -> int:
    """Forget the tasks whose time is over: how many."""
    now = await current_time(connection)
    gone = await connection.execute(delete(TaskRow).where(TaskRow.service == service, TaskRow.expires_at <= now))
    return int(gone.rowcount)
