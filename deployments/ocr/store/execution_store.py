"""The store as its callers see it, and the one that keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, Protocol

from deployments.ocr.store.records import Execution, ExecutionFilter, ExecutionPage, StoredExecution
from deployments.serving.errors import NotFound


class ExecutionStore(Protocol):
    """Executions, durable. `deployments.ocr.store.open_store.open_store` gives an open one.

    Every method but `close` raises `StoreUnavailable` when the database does not answer after short retries.
    """

    async def record_many(self, executions: Sequence[Execution]) -> list[str | None]:
        """Store all executions in one transaction, or none: their ids, in order (None where nothing is kept).

        An execution whose (`chain_id`, `image_index`) is already there makes no second row and gets that row's id.
        A stored success is never overwritten; a stored failure is replaced by the new outcome, and keeps its id.
        """
        ...

    async def get(self, execution_id: str) -> StoredExecution:
        """One execution with its text boxes.

        Raises:
            NotFound: there is none with this id.
        """
        ...

    async def find(self, where: ExecutionFilter, limit: int = 50, cursor: str | None = None) -> ExecutionPage:
        """One page of at most `limit` executions, newest first, without their boxes.

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        ...

    async def check(self) -> None:
        """Ask the database for a sign of life."""
        ...

    async def close(self) -> None:
        """Finish what is being written, then let go of all connections."""
        ...


class NullStore:
    """Storing is switched off (`database: null`)."""

    async def record_many(self, executions: Sequence[Execution]) -> list[str | None]:
        return [None] * len(executions)

    async def get(self, execution_id: str) -> NoReturn:
        raise _storing_is_off()

    async def find(self, where: ExecutionFilter, limit: int = 50, cursor: str | None = None) -> NoReturn:
        raise _storing_is_off()

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return


def _storing_is_off() -> NotFound:
    return NotFound("this server keeps no executions: its configuration says `database: null`; name a database there")
