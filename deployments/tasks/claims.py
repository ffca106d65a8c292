"""Who works on an item: leases taken, prolonged, given back, and ended with a result.

An item is claimed by writing a new lease on it. Everything that follows names the lease, so that a worker which was
slow, and lost its item to another, changes nothing any more: no item has two results.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.database.clock import current_time
from deployments.tasks.tables import InputRow, ItemRow, TaskRow
from deployments.tasks.types import UNDONE, Lease


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    lease: Lease
    alone: bool
    row: Any
    """Columns of the item, and `options`, `request_id`, `created_at` of its task."""


_COLUMNS = (
    *(ItemRow.task_id, ItemRow.position, ItemRow.name, ItemRow.details, ItemRow.uri, ItemRow.refusal, ItemRow.attempts),
    *(TaskRow.options, TaskRow.request_id, TaskRow.created_at),
)


async def has_work(connection: AsyncConnection, service: str) -> bool:
    """Whether an item could be claimed now."""
    now = await current_time(connection)
    query = select(ItemRow.position).where(
        ItemRow.service == service, ItemRow.state.in_(UNDONE), ItemRow.visible_at <= now
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def claim(
    connection: AsyncConnection, service: str, lease_s: float, free: int, *, idle: bool
) -> list[ClaimedRow]:
    """At most `free` items, the oldest first; `attempts` counts this one.

    An item whose last worker died may be what killed it. It is given to an idle worker, and nothing beside it, so that
    it takes no other item with it when it kills again; while one waits, a worker that is not idle gets nothing.
    """
    now = await current_time(connection)
    orphans = await _due(connection, service, now, "running", 1)
    if orphans and not idle:
        return []
    rows = orphans or await _due(connection, service, now, "waiting", free)
    claimed = [ClaimedRow(Lease(row.task_id, row.position, secrets.token_hex(8)), bool(orphans), row) for row in rows]
    for one in claimed:
        await connection.execute(
            update(ItemRow)
            .where(ItemRow.task_id == one.lease.task_id, ItemRow.position == one.lease.position)
            .values(
                state="running",
                attempts=ItemRow.attempts + 1,
                visible_at=now + timedelta(seconds=lease_s),
                lease=one.lease.token,
            )
        )
    for task_id in sorted({one.lease.task_id for one in claimed}):  # in one order everywhere: no deadlock
        await connection.execute(
            update(TaskRow)
            .where(TaskRow.id == task_id, TaskRow.state == "queued")
            .values(state="running", started_at=now)
        )
    return claimed


async def prolong(connection: AsyncConnection, leases: Sequence[Lease], lease_s: float) -> set[Lease]:
    """Those of `leases` that still hold, now for another `lease_s` seconds."""
    until = await current_time(connection) + timedelta(seconds=lease_s)
    return {
        lease for lease in leases if (await connection.execute(_held(lease).values(visible_at=until))).rowcount == 1
    }


async def put_back(connection: AsyncConnection, lease: Lease, delay_s: float, *, counted: bool) -> None:
    """Let the item be taken up again after `delay_s` seconds; `counted` says whether that was one of its attempts."""
    at = await current_time(connection) + timedelta(seconds=delay_s)
    attempts = ItemRow.attempts - (0 if counted else 1)
    await connection.execute(_held(lease).values(state="waiting", visible_at=at, lease=None, attempts=attempts))


async def finish(
    connection: AsyncConnection, lease: Lease, result: str, *, succeeded: bool, keep_results_s: float
) -> bool:
    """Write the item's result, forget its input, count it, and end its task with the last one.

    Returns False, and writes nothing, where the lease does not hold any more.
    """
    state = "succeeded" if succeeded else "failed"
    written = await connection.execute(_held(lease).values(state=state, result=result, lease=None))
    if written.rowcount != 1:
        return False
    await connection.execute(
        delete(InputRow).where(InputRow.task_id == lease.task_id, InputRow.position == lease.position)
    )
    now = await current_time(connection)
    last = TaskRow.succeeded + TaskRow.failed + 1 >= TaskRow.total
    counter = TaskRow.succeeded if succeeded else TaskRow.failed
    await connection.execute(
        update(TaskRow)
        .where(TaskRow.id == lease.task_id)
        .values(
            {
                counter: counter + 1,
                TaskRow.state: case((last, "finished"), else_=TaskRow.state),
                TaskRow.finished_at: _if(last, now, TaskRow.finished_at),
                TaskRow.expires_at: _if(last, now + timedelta(seconds=keep_results_s), TaskRow.expires_at),
            }
        )
    )
    return True


async def _due(
    connection: AsyncConnection, service: str, now: datetime, state: Literal["waiting", "running"], limit: int
) -> Sequence[Any]:
    query = (
        select(*_COLUMNS)
        .join(TaskRow, TaskRow.id == ItemRow.task_id)
        .where(ItemRow.service == service, ItemRow.state == state, ItemRow.visible_at <= now)
        .order_by(ItemRow.visible_at, ItemRow.task_id, ItemRow.position)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ItemRow)  # PostgreSQL; SQLite has one writer
    )
    return (await connection.execute(query)).all()


def _held(lease: Lease) -> Any:
    return update(ItemRow).where(
        and_(
            ItemRow.task_id == lease.task_id,
            ItemRow.position == lease.position,
            ItemRow.lease == lease.token,
            ItemRow.state == "running",
        )
    )


def _if(condition: ColumnElement[bool], moment: datetime, otherwise: Any) -> Any:
    return case((condition, literal(moment, otherwise.type)), else_=otherwise)
