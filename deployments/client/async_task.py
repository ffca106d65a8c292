"""As `task`, for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec

from deployments.client.call import Call
from deployments.client.errors import RejectedRequest
from deployments.client.methods import SendsAsync
from deployments.client.tasks import (
    FIRST_POLL_S,
    ResultsT,
    TaskKind,
    TaskPage,
    TaskState,
    TaskStatus,
    describe_submission,
    joined,
    next_poll_s,
    patience_s,
)

P = ParamSpec("P")


class AsyncTask(Generic[ResultsT]):
    """As `Task`, for asyncio."""

    def __init__(self, client: SendsAsync, kind: TaskKind[ResultsT], task_id: str) -> None:
        self._client = client
        self._kind = kind
        self.id = task_id

    async def status(self) -> TaskStatus:
        """As of `Task`."""
        return await self._client.send(self._kind.status(self.id))

    async def wait(self, timeout_s: float | None = None) -> TaskStatus:
        """As of `Task`."""
        began, delay_s = time.monotonic(), FIRST_POLL_S
        while not (status := await self.status()).ended:
            await asyncio.sleep(patience_s(status, began, delay_s, timeout_s))
            delay_s = next_poll_s(delay_s)
        return status

    async def results(self) -> ResultsT:
        """As of `Task`."""
        pages, offset = [], 0
        while True:
            page = await self._client.send(self._kind.page(self.id, offset))
            pages.append(page.results)
            if page.next_offset is None:
                return joined(pages)
            offset = page.next_offset

    async def cancel(self) -> TaskStatus | None:
        """As of `Task`."""
        try:
            return await self._client.send(self._kind.cancellation(self.id))
        except RejectedRequest as refusal:
            if refusal.code == "not_found":
                return None
            raise

    def __repr__(self) -> str:
        return f"<AsyncTask {self.id} of {self._kind.service}>"


class AsyncTaskCalls(Generic[ResultsT]):
    """As `TaskCalls`."""

    _kind: TaskKind[ResultsT]

    def task(self: Any, task_id: str) -> AsyncTask[ResultsT]:
        """A task that was submitted before, by whomever."""
        return AsyncTask(self, self._kind, task_id)

    async def tasks(
        self: Any, *, state: TaskState | None = None, limit: int | None = None, cursor: str | None = None
    ) -> TaskPage:
        """A page of the service's tasks, newest first.

        Args:
            limit: of one page, 1 to 200; 50 by default.
            cursor: `next_cursor` of the page before.
        """
        page: TaskPage = await self.send(self._kind.tasks(state, limit, cursor))
        return page

    async def iterate_tasks(self, state: TaskState | None = None) -> AsyncIterator[TaskStatus]:
        """All of the service's tasks, newest first, a page at a time."""
        cursor: str | None = None
        while True:
            page = await self.tasks(state=state, cursor=cursor)
            for task in page.tasks:
                yield task
            cursor = page.next_cursor
            if cursor is None:
                return


def awaiting_submission(
    build: Callable[P, Call[Any]], kind: TaskKind[ResultsT]
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, AsyncTask[ResultsT]]]:
    """A coroutine method that submits the batch that `build` builds."""

    async def submit_batch(self: SendsAsync, /, *args: P.args, **kwargs: P.kwargs) -> AsyncTask[ResultsT]:
        return AsyncTask(self, kind, (await self.send(kind.submission(build(*args, **kwargs)))).id)

    describe_submission(submit_batch, build)
    return submit_batch
