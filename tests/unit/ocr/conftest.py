"""Databases for the tests of the OCR store and routes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deployments.database.database import Database
from deployments.database.database_url import parse_database_url
from deployments.ocr.store.migrations import MIGRATIONS
from deployments.ocr.store.sql_store import SqlStore
from tests.unit.ocr.postgres import PostgresServer, postgres_programs


@pytest.fixture(scope="package")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests; each test makes a database of its own."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with PostgresServer(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database: every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ocr.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create_database(f"test_{uuid.uuid4().hex}")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[SqlStore]:
    """An open, empty store."""
    database = Database(parse_database_url(database_url), retry_delays_s=(0.01, 0.05))
    await database.open(MIGRATIONS)
    opened = SqlStore(database)
    yield opened
    await opened.close()
