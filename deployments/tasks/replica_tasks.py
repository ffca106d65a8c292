"""The tasks of one service in one replica: its routes, and the worker behind them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter

from deployments.database.database import Database
from deployments.database.database_url import parse_database_url, refuse_sqlite_on_many_nodes
from deployments.tasks.migrations import MIGRATIONS
from deployments.tasks.routes import TaskFace, build_task_router
from deployments.tasks.settings import TaskSettings
from deployments.tasks.task_store import TaskStore
from deployments.tasks.work import TaskWork
from deployments.tasks.worker import TaskWorker

STATEMENT_S = 30.0
"""A statement may bring an upload of 100 MB, or wait until another's is written."""


class ReplicaTasks:
    """Args:
    store: None takes no tasks.
    """

    def __init__(self, store: TaskStore | None, work: TaskWork, face: TaskFace, settings: TaskSettings) -> None:
        self._store = store
        self._worker = None if store is None else TaskWorker(store, work, settings)
        self.router: APIRouter = build_task_router(store, self._worker, face, settings)

    def lifespan(self, app: object) -> AbstractAsyncContextManager[None]:
        """As FastAPI wants it: `running`."""
        return self.running()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Works off tasks inside; at the end gives back what is not done, and closes the store."""
        if self._store is None or self._worker is None:
            yield
            return
        working = asyncio.create_task(self._worker.run(), name="task-worker")
        try:
            yield
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            await self._store.close()


async def open_tasks(
    service: str, settings: TaskSettings, work: TaskWork, face: TaskFace, *, node_count: int = 1
) -> ReplicaTasks:
    """Open the service's tasks, the schema brought up to date. Call it in the event loop that will use them.

    Args:
        node_count: of the cluster; SQLite is for one.

    Raises:
        UnsupportedOption: not a URL of SQLite or PostgreSQL, or SQLite on several nodes.
        StoreUnavailable: the database does not answer, refuses us, or has a newer schema than this program's.
    """
    if settings.database is None:
        return ReplicaTasks(None, work, face, settings)
    url = os.path.expandvars(settings.database)
    refuse_sqlite_on_many_nodes(url, node_count)
    database = Database(parse_database_url(url), statement_s=STATEMENT_S)
    await database.open(MIGRATIONS)
    return ReplicaTasks(TaskStore(database, service, settings), work, face, settings)
