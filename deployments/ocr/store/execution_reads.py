"""The queries that read executions."""

from __future__ import annotations

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import joinedload

from deployments.database.cursors import cursor_after, parse_cursor
from deployments.database.ids import known_id
from deployments.ocr.store.execution_rows import stored_execution
from deployments.ocr.store.records import ExecutionFilter, ExecutionPage, StoredExecution
from deployments.ocr.store.tables import OCRExecution, OCRTextBox
from deployments.serving.errors import NotFound


async def read_execution(connection: AsyncConnection, execution_id: str) -> StoredExecution:
    """One execution with its boxes, in one statement: a failed row may be replaced while we read.

    Raises:
        NotFound: there is none with this id.
    """
    async with AsyncSession(connection) as session:
        if (known := known_id(execution_id)) is not None:
            row = await session.get(OCRExecution, known, options=[joinedload(OCRExecution.text_boxes)])
            if row is not None:
                return stored_execution(row, row.text_boxes, len(row.text_boxes))
    raise NotFound(f"there is no execution {execution_id[:64]!r}", id=execution_id[:64])


async def read_page(
    connection: AsyncConnection, where: ExecutionFilter, limit: int, cursor: str | None
) -> ExecutionPage:
    """One page, newest first, by keyset: rows that come in meanwhile shift nothing.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    counted = (
        select(func.count()).where(OCRTextBox.execution_id == OCRExecution.id).correlate(OCRExecution).scalar_subquery()
    )
    query = _filtered(select(OCRExecution, counted), where)
    if cursor is not None:
        created_at, last_id = parse_cursor(cursor)
        after = tuple_(literal(created_at, OCRExecution.created_at.type), literal(last_id, OCRExecution.id.type))
        query = query.where(tuple_(OCRExecution.created_at, OCRExecution.id) < after)
    query = query.order_by(OCRExecution.created_at.desc(), OCRExecution.id.desc()).limit(limit + 1)
    async with AsyncSession(connection) as session:
        found = [stored_execution(row, (), count) for row, count in await session.execute(query)]
    page = found[:limit]
    return ExecutionPage(tuple(page), cursor_after(page[-1].created_at, page[-1].id) if len(found) > limit else None)


def _filtered(query: Select[OCRExecution, int], where: ExecutionFilter) -> Select[OCRExecution, int]:
    for name in ("chain_id", "batch_id", "status", "language"):
        if (value := getattr(where, name)) is not None:
            query = query.where(getattr(OCRExecution, name) == value)
    if where.since is not None:
        query = query.where(OCRExecution.created_at >= where.since)
    if where.until is not None:
        query = query.where(OCRExecution.created_at < where.until)
    return query
