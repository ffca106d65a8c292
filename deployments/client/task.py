"""A task on the server, to be watched, waited for, read and cancelled; and how the client that blocks makes one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec

from deployments.client.call import Call
from deployments.client.errors import RejectedRequest
from deployments.client.methods import Sends
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


class Task(Generic[ResultsT]):
    """From `submit_batch`, or from `task(id)` in another process, later. Calls raise as those of the client do.

    Args:
        client: sends the calls.
    """

    def __init__(self, client: Sends, kind: TaskKind[ResultsT], task_id: str) -> None:
        self._client = client
        self._kind = kind
        self.id = task_id

    def status(self) -> TaskStatus:
        """State and progress.

        Raises:
            ValueError: as a RejectedRequest with code `not_found`: it was removed, or has expired.
        """
        return self._client.send(self._kind.status(self.id))

    def wait(self, timeout_s: float | None = None) -> TaskStatus:
        """Until it has finished or was cancelled.

        Raises:
            TimeoutError: not within `timeout_s` seconds; the task goes on.
        """
        began, delay_s = time.monotonic(), FIRST_POLL_S
        while not (status := self.status()).ended:
            time.sleep(patience_s(status, began, delay_s, timeout_s))
            delay_s = next_poll_s(delay_s)
        return status

    def results(self) -> ResultsT:
        """The reply of the synchronous call, with the items that are done so far; `index` says which they are."""
        pages, offset = [], 0
        while True:
            page = self._client.send(self._kind.page(self.id, offset))
            pages.append(page.results)
            if page.next_offset is None:
                return joined(pages)
            offset = page.next_offset

    def cancel(self) -> TaskStatus | None:
        """Cancel it; its results so far stay for a while. One that has finished is removed (None)."""
        try:
            return self._client.send(self._kind.cancellation(self.id))
        except RejectedRequest as refusal:
            if refusal.code == "not_found":  # removed before, by an attempt whose answer was lost, say
                return None
            raise

    def __repr__(self) -> str:
        return f"<Task {self.id} of {self._kind.service}>"


class TaskCalls(Generic[ResultsT]):
    """What every service that takes tasks has beside `submit_batch`."""

    _kind: TaskKind[ResultsT]

    def task(self: Any, task_id: str) -> Task[ResultsT]:
        """A task that was submitted before, by whomever."""
        return Task(self, self._kind, task_id)

    def tasks(
        self: Any, *, state: TaskState | None = None, limit: int | None = None, cursor: str | None = None
    ) -> TaskPage:
        """A page of the service's tasks, newest first.

        Args:
            limit: of one page, 1 to 200; 50 by default.
            cursor: `next_cursor` of the page before.
        """
        page: TaskPage = self.send(self._kind.tasks(state, limit, cursor))
        return page

    def iterate_tasks(self, state: TaskState | None = None) -> Iterator[TaskStatus]:
        """All of the service's tasks, newest first, a page at a time."""
        cursor: str | None = None
        while True:
            page = self.tasks(state=state, cursor=cursor)
            yield from page.tasks
            cursor = page.next_cursor
            if cursor is None:
                return


def submitting(
    build: Callable[P, Call[Any]], kind: TaskKind[ResultsT]
) -> Callable[Concatenate[Any, P], Task[ResultsT]]:
    """A method that submits the batch that `build` builds."""

    def submit_batch(self: Sends, /, *args: P.args, **kwargs: P.kwargs) -> Task[ResultsT]:
        return Task(self, kind, self.send(kind.submission(build(*args, **kwargs))).id)

    describe_submission(submit_batch, build)
    return submit_batch
