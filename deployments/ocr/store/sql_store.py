"""The execution store on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from deployments.database.database import Database
from deployments.ocr.store.execution_reads import read_execution, read_page
from deployments.ocr.store.execution_rows import NewExecution, name_executions
from deployments.ocr.store.execution_writes import ExecutionWriter
from deployments.ocr.store.group_commit import GroupCommit
from deployments.ocr.store.records import Execution, ExecutionFilter, ExecutionPage, StoredExecution


class SqlStore:
    """An `ExecutionStore` on an open `Database`, which it closes with itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = ExecutionWriter(database.dialect)
        self._commits: GroupCommit[NewExecution, str] = GroupCommit(self._write)

    async def record_many(self, executions: Sequence[Execution]) -> list[str | None]:
        if not executions:
            return []
        return [*await self._commits.submit(name_executions(executions, datetime.now(UTC)))]

    async def get(self, execution_id: str) -> StoredExecution:
        return await self._database.read(lambda connection: read_execution(connection, execution_id))

    async def find(self, where: ExecutionFilter, limit: int = 50, cursor: str | None = None) -> ExecutionPage:
        return await self._database.read(lambda connection: read_page(connection, where, limit, cursor))

    async def check(self) -> None:
        await self._database.check()

    async def close(self) -> None:
        await self._commits.close()
        await self._database.close()

    async def _write(self, group: Sequence[NewExecution]) -> list[str]:
        return await self._database.write(lambda connection: self._writer.write(connection, group))
