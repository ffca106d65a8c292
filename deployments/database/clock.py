"""What time it is, by one clock for all replicas."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection


async def current_time(connection: AsyncConnection) -> datetime:
    """PostgreSQL's clock; on SQLite, which is for one machine, that machine's. UTC."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC)
    moment: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return moment.astimezone(UTC)
