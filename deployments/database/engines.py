"""Engines for the two databases, with the settings each needs."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

READ_ONLY = {"sqlite_begin": "BEGIN"}
"""Execution options of an engine that only reads: on SQLite it then takes no write lock."""

_SQLITE_PRAGMAS = (
    "PRAGMA busy_timeout = {busy_ms}",  # first: the next one may have to wait for another process
    "PRAGMA journal_mode = WAL",  # readers and the writer do not block one another
    "PRAGMA synchronous = FULL",  # a commit survives a power failure (NORMAL in WAL mode may lose the last ones)
    "PRAGMA foreign_keys = ON",
)


def make_engine(url: URL, *, statement_s: float, connect_s: float = 3.0) -> AsyncEngine:
    """An engine that has not connected yet.

    Args:
        url: from `parse_database_url`.
        statement_s: a statement that takes or waits longer fails, in seconds.
        connect_s: likewise for connecting (PostgreSQL).
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, busy_ms=int(statement_s * 1000))
    # asyncpg reads libpq's parameters (`sslmode`, `sslrootcert`, `host`, ...) from a URL only, so it gets the URL.
    # Only `connect_timeout` is not known to it: it would pass that on to the server, which refuses it.
    if "connect_timeout" in url.query:
        connect_s = float(str(url.query["connect_timeout"]))
    dsn = url.set(drivername="postgresql").difference_update_query(["connect_timeout"])
    secret = dsn.render_as_string(hide_password=False)

    async def connect() -> Any:
        import asyncpg

        return await asyncpg.connect(secret, timeout=connect_s, command_timeout=statement_s)

    return create_async_engine(
        url.set(query={}),
        async_creator=connect,
        pool_size=4,
        max_overflow=4,
        pool_timeout=5.0,
        pool_recycle=1800,
        json_serializer=_json,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # texts of documents stay out of error messages and logs
    )


def _sqlite_engine(url: URL, busy_ms: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=4,
        max_overflow=4,
        pool_timeout=5.0,
        json_serializer=_json,
        json_deserializer=orjson.loads,
        hide_parameters=True,
    )

    # Python's driver would open transactions late and only for some statements; we open them ourselves. IMMEDIATE:
    # a transaction that began as a reader cannot always become a writer (SQLITE_BUSY without waiting).
    # Source: SQLAlchemy's documentation of the SQLite dialect, "Transactions with SQLite".
    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma.format(busy_ms=busy_ms))
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))

    return engine


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
