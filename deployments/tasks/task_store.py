"""The tasks of one service, durable, on SQLite or PostgreSQL; several replicas share it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import orjson

from deployments.database.database import Database
from deployments.database.ids import time_ordered_id
from deployments.serving.errors import NotFound, rebuilt
from deployments.serving.media import InlineMedia, MediaSource, StoredMedia
from deployments.tasks import claims, endings, submissions, task_reads
from deployments.tasks.claims import ClaimedRow
from deployments.tasks.settings import TaskSettings
from deployments.tasks.submissions import NewTask
from deployments.tasks.types import Claim, Item, Lease, ResultPage, Submission, Task, TaskPage, TaskState


class TaskStore:
    """Every method raises `StoreUnavailable` when the database does not answer after short retries.

    Args:
        database: open; closed with this.
        service: whose tasks these are.
    """

    def __init__(self, database: Database, service: str, settings: TaskSettings) -> None:
        self._database = database
        self._service = service
        self._settings = settings

    # ---- for clients -------------------------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, request_id: str, idempotency_key: str | None = None
    ) -> tuple[Task, bool]:
        """Accept a task, whole or not at all: the task, and whether it is new (the key was not known).

        Raises:
            Overloaded, InputTooLarge, InvalidInput: see `submissions.write_submission`.
        """
        new = NewTask(
            id=time_ordered_id(datetime.now(UTC)),
            service=self._service,
            request_id=request_id,
            submission=submission,
            idempotency_key=idempotency_key,
            fingerprint=None if idempotency_key is None else await submissions.fingerprint(submission),
        )
        return await self._database.write(
            lambda connection: submissions.write_submission(connection, new, self._settings)
        )

    async def read(self, task_id: str, offset: int = 0, limit: int = 100) -> ResultPage:
        """The task, and the results among its items `offset` to `offset + limit`.

        Raises:
            NotFound: there is no such task.
        """
        work = partial(task_reads.read_results, service=self._service, task_id=task_id, offset=offset, limit=limit)
        return await self._database.read(work)

    async def find(self, state: TaskState | None = None, limit: int = 50, cursor: str | None = None) -> TaskPage:
        """One page of tasks, newest first.

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        work = partial(task_reads.read_page, service=self._service, state=state, limit=limit, cursor=cursor)
        return await self._database.read(work)

    async def cancel(self, task_id: str) -> Task:
        """Cancel the task unless it has ended; what it is then.

        Raises:
            NotFound: there is no such task.
        """
        keep = self._settings.keep_results_s
        work = partial(endings.cancel, service=self._service, task_id=task_id, keep_results_s=keep)
        return await self._database.write(work)

    async def remove(self, task_id: str) -> None:
        """Forget a task that has ended."""
        await self._database.write(partial(endings.remove, service=self._service, task_id=task_id))

    # ---- for the worker ----------------------------------------------------------------------------------------------

    async def claim(self, free: int, *, idle: bool) -> list[Claim]:
        """At most `free` items to work on; see `claims.claim`."""
        if not await self._database.read(partial(claims.has_work, service=self._service)):
            return []  # most of the time, and on SQLite it disturbs no writer
        work = partial(claims.claim, service=self._service, lease_s=self._settings.lease_s, free=free, idle=idle)
        return [self._claim_of(claimed) for claimed in await self._database.write(work)]

    async def prolong(self, leases: Sequence[Lease]) -> set[Lease]:
        """Those of `leases` that still hold, now for another `lease_s`."""
        work = partial(claims.prolong, leases=leases, lease_s=self._settings.lease_s)
        return await self._database.write(work)

    async def put_back(self, lease: Lease, delay_s: float, *, counted: bool) -> None:
        """Let the item be taken up again, after a while."""
        await self._database.write(partial(claims.put_back, lease=lease, delay_s=delay_s, counted=counted))

    async def finish(self, lease: Lease, result: str, *, succeeded: bool) -> bool:
        """Write the item's result; False where the lease does not hold any more."""
        keep = self._settings.keep_results_s
        work = partial(claims.finish, lease=lease, result=result, succeeded=succeeded, keep_results_s=keep)
        return await self._database.write(work)

    async def purge(self) -> int:
        """Forget the tasks whose time is over: how many."""
        return await self._database.write(partial(endings.purge, service=self._service))

    async def close(self) -> None:
        """Let go of all connections."""
        await self._database.close()

    def _claim_of(self, claimed: ClaimedRow) -> Claim:
        row = claimed.row
        item = Item(
            task_id=row.task_id,
            position=row.position,
            name=row.name,
            details=orjson.loads(row.details),
            options=orjson.loads(row.options),
            request_id=row.request_id,
            load=partial(self._load, row.task_id, row.position, row.name, row.uri, row.refusal),
        )
        return Claim(item, claimed.lease, row.attempts + 1, row.created_at, claimed.alone)

    async def _load(self, task_id: str, position: int, name: str, uri: str | None, refusal: str | None) -> MediaSource:
        if refusal is not None:
            raise rebuilt(**orjson.loads(refusal))
        if uri is not None:
            return StoredMedia(uri)
        data = await self._database.read(partial(task_reads.read_input, task_id=task_id, position=position))
        if data is None:
            raise NotFound("the input is gone: the task was cancelled")
        return InlineMedia(data, name)
