"""From a configuration's `database` to an open store."""

from __future__ import annotations

from deployments.database.database import Database
from deployments.database.database_url import parse_database_url
from deployments.ocr.store.execution_store import ExecutionStore, NullStore
from deployments.ocr.store.migrations import MIGRATIONS
from deployments.ocr.store.sql_store import SqlStore


async def open_store(url: str | None) -> ExecutionStore:
    """Open the store at `url`, with its schema brought up to date; None gives one that keeps nothing.

    Call it in the event loop that will use the store.

    Raises:
        UnsupportedOption: not a URL of SQLite or PostgreSQL.
        StoreUnavailable: the database does not answer, refuses us, or has a newer schema than this program's.
    """
    if url is None:
        return NullStore()
    database = Database(parse_database_url(url))
    await database.open(MIGRATIONS)
    return SqlStore(database)
