"""Task stores on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deployments.database.database import Database
from deployments.database.database_url import parse_database_url
from deployments.tasks.migrations import MIGRATIONS
from deployments.tasks.settings import TaskSettings
from deployments.tasks.task_store import TaskStore
from tests.unit.ocr.conftest import database_url, postgres_server  # noqa: F401 - fixtures

SETTINGS = TaskSettings(lease_s=1.0, keep_results_s=3600, max_queued_items=50, max_queued_bytes=10_000, max_attempts=3)


async def open_store(url: str, settings: TaskSettings = SETTINGS, service: str = "echo") -> TaskStore:
    """As a replica opens it; two of them share what lies at `url`."""
    database = Database(parse_database_url(url), retry_delays_s=(0.01, 0.05))
    await database.open(MIGRATIONS)
    return TaskStore(database, service, settings)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[TaskStore]:  # noqa: F811
    """An open, empty store."""
    opened = await open_store(database_url)
    yield opened
    await opened.close()
