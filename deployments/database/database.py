"""One database: opened and migrated, transactions with short retries, and one error when it stays away.

Knows no table: each store brings its own, and its migrations.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from alembic.util import CommandError
from asyncpg import InterfaceError, PostgresError
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deployments.database.engines import READ_ONLY, make_engine
from deployments.database.migrate import migrate
from deployments.serving.errors import SensoriumError, StoreUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_DELAYS_S = (0.05, 0.15, 0.4, 1.0, 1.5)
"""Pauses between attempts, about 3 s in all: a restart of PostgreSQL or a fail-over of its proxy, not an outage."""

_FAILURES = (SQLAlchemyError, PostgresError, InterfaceError, OSError, TimeoutError)


class Database:
    """Use between `open` and `close`, from one event loop.

    Args:
        url: from `parse_database_url`.
        retry_delays_s: pauses between attempts, in seconds.
        statement_s: a statement that takes or waits longer fails, in seconds.
    """

    def __init__(
        self, url: URL, *, retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S, statement_s: float = 5.0
    ) -> None:
        self.url = url
        self._retry_delays_s = retry_delays_s
        self._engine = make_engine(url, statement_s=statement_s)
        self._reading_engine = self._engine.execution_options(**READ_ONLY)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    async def open(self, migrations: Path) -> None:
        """Make the file's folder, and bring the schema up to date.

        Args:
            migrations: the Alembic folder of the store whose tables are meant.

        Raises:
            StoreUnavailable: the database does not answer, refuses us, or has a newer schema than ours.
        """
        try:
            if self.dialect == "sqlite" and self.url.database:
                await asyncio.to_thread(Path(self.url.database).parent.mkdir, parents=True, exist_ok=True)
            await self._retrying(lambda: migrate(self.url, migrations))
        except CommandError as error:
            raise StoreUnavailable(
                f"the database {self} has a schema that this version does not know ({error}); run the newer version"
            ) from error
        except OSError as error:
            raise self._unavailable() from error

    async def close(self) -> None:
        await self._engine.dispose()

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `work` in one transaction. It may run several times, so it must give the same rows each time.

        Raises:
            StoreUnavailable: the database did not answer; the transaction may have been committed all the same if
                it went away during the commit.
            SensoriumError: the database refuses these values.
        """
        return await self._retrying(lambda: _in_transaction(self._engine, work))

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Likewise for a transaction that only reads."""
        return await self._retrying(lambda: _in_transaction(self._reading_engine, work))

    async def check(self) -> None:
        """Raises:
        StoreUnavailable: the database does not answer.
        """
        await self.read(lambda connection: connection.execute(text("SELECT 1")))

    async def _retrying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for delay in (*self._retry_delays_s, None):
            try:
                return await attempt()
            except _FAILURES as error:
                if (current := asyncio.current_task()) is not None and current.cancelling():
                    raise asyncio.CancelledError from error  # what a driver makes of a cancellation
                if _is_our_fault(error):
                    logger.exception("the database refuses these values")
                    raise SensoriumError("these values could not be stored; this is a fault of the service") from error
                if delay is None:
                    logger.error("the database %s does not answer: %s", self, _brief(error))
                    raise self._unavailable() from error
                logger.warning("the database %s: %s; trying again in %.2f s", self, _brief(error), delay)
                await asyncio.sleep(delay * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def _unavailable(self) -> StoreUnavailable:
        # What the driver says can name hosts and roles: it is logged, and stays out of the reply.
        return StoreUnavailable(
            f"the service's database ({self.dialect}) does not answer; try again later", retry_after_s=3
        )

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


async def _in_transaction(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async with engine.begin() as connection:
        return await work(connection)


def _is_our_fault(error: BaseException) -> bool:
    """Trying again cannot help: the statement or its values are wrong."""
    if isinstance(error, DBAPIError):
        return isinstance(error, (DataError, IntegrityError))
    return isinstance(error, StatementError)


def _brief(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return f"{type(cause).__name__}: {cause}".splitlines()[0][:300]
