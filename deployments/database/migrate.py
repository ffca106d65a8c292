"""Brings a database to the newest schema, once, however many replicas start together.

Each store has a folder of migrations (`env.py`, `versions/`) and a version table of its own, so that several stores may
share a database. To add a revision: change the store's `tables.py`, write the next file in `migrations/versions` by
hand, and run the tests, which compare the two.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from deployments.database.engines import make_engine

ADVISORY_LOCK = int.from_bytes(b"sensori0")
"""Key of PostgreSQL's advisory lock; every process that migrates takes it first."""

WAIT_S = 60.0
"""How long one process waits for another's migration."""

_one_at_a_time = threading.Lock()
"""Alembic's `op` and `context` are module globals, so two migrations in one process must take turns."""


async def migrate(url: URL, migrations: Path) -> None:
    """Upgrade to the newest revision, in one transaction, under a lock that all processes share.

    On PostgreSQL that is an advisory lock held to the end of the transaction; on SQLite, BEGIN IMMEDIATE.
    Works in a thread of its own, so the caller's event loop goes on.

    Args:
        migrations: the store's Alembic folder.

    Raises:
        SQLAlchemyError, OSError, asyncpg.PostgresError: the database is not there or refuses.
        alembic.util.CommandError: the schema is newer than this program.
    """
    await asyncio.to_thread(run_alembic, url, migrations, lambda config: command.upgrade(config, "head"))


def run_alembic(url: URL, migrations: Path, action: Callable[[Config], None]) -> None:
    """Run one of Alembic's commands on `url` under the locks; blocks (and so needs a thread without an event loop)."""
    with _one_at_a_time:
        asyncio.run(_locked(url, migrations, action))


async def _locked(url: URL, migrations: Path, action: Callable[[Config], None]) -> None:
    engine = make_engine(url, statement_s=WAIT_S)
    try:
        async with engine.begin() as connection:
            if url.get_backend_name() == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            await connection.run_sync(_run, migrations, action)
    finally:
        await engine.dispose()


def _run(connection: Connection, migrations: Path, action: Callable[[Config], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    action(config)
