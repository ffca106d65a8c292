"""Tasks: batches that the server works off after the call. The same four calls under every service that takes them."""

from __future__ import annotations

import inspect
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import httpx

from deployments.client.call import Call, given
from deployments.client.replies import Reply, json_reader, reply_from

TaskState = Literal["queued", "running", "finished", "cancelled"]
ResultsT = TypeVar("ResultsT")

ENTRIES_PER_CALL = 500
FIRST_POLL_S = 0.2
LONGEST_POLL_S = 5.0


@dataclass(frozen=True, slots=True)
class TaskStatus(Reply):
    """How far a task is."""

    id: str
    service: str
    state: TaskState
    """`finished`: every item has its result, be it a failure. `cancelled`: no more will come."""
    total: int
    done: int
    """Items that have their result."""
    succeeded: int
    failed: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    """When the server forgets it; None until it has ended."""
    request_id: str = ""

    @property
    def ended(self) -> bool:
        return self.state in ("finished", "cancelled")


@dataclass(frozen=True, slots=True)
class TaskPage(Reply):
    """Newest first."""

    tasks: tuple[TaskStatus, ...]
    next_cursor: str | None
    """For the next page; None at the end."""


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[ResultsT]):
    """Some of a task's results, and where the next ones begin."""

    results: ResultsT
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class TaskKind(Generic[ResultsT]):
    """The tasks of one service.

    Args:
        results: what they give: the reply of the synchronous call, with a field `results`.
    """

    service: str
    results: type[ResultsT]

    def submission(self, batch: Call[Any]) -> Call[TaskStatus]:
        """The synchronous call, submitted as a task. Sent again, it makes no second task."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return replace(batch, path=f"/{self.service}/tasks", read=json_reader(TaskStatus), headers=key)

    def status(self, task_id: str) -> Call[TaskStatus]:
        return Call("GET", self._path(task_id), json_reader(TaskStatus), params={"limit": 0})

    def page(self, task_id: str, offset: int = 0) -> Call[ResultPage[ResultsT]]:
        params = {"offset": offset, "limit": ENTRIES_PER_CALL}
        return Call("GET", self._path(task_id), partial(_read_page, self.results), params=params)

    def cancellation(self, task_id: str) -> Call[TaskStatus | None]:
        return Call("DELETE", self._path(task_id), _read_status)

    def tasks(self, state: TaskState | None, limit: int | None, cursor: str | None) -> Call[TaskPage]:
        params = given(state=state, limit=limit, cursor=cursor)
        return Call("GET", f"/{self.service}/tasks", json_reader(TaskPage), params=params)

    def _path(self, task_id: str) -> str:
        if not task_id or "/" in task_id:
            raise ValueError(f"{task_id!r} is no task's id")
        return f"/{self.service}/tasks/{task_id}"


def joined(pages: list[ResultsT]) -> ResultsT:
    """All pages' `results` in the last one, whose counts are the newest."""
    entries = tuple(entry for page in pages for entry in page.results)  # type: ignore[attr-defined]
    last: Any = pages[-1]
    whole: ResultsT = replace(last, results=entries)
    return whole


def next_poll_s(delay_s: float) -> float:
    """How long to wait before the status is asked for again, when last time it was `delay_s`."""
    return min(delay_s * 1.5, LONGEST_POLL_S)


def _read_page(results: type[ResultsT], response: httpx.Response) -> ResultPage[ResultsT]:
    body = response.json()
    return ResultPage(reply_from(results, body["result"]), body["next_offset"])


def _read_status(response: httpx.Response) -> TaskStatus | None:
    return None if response.status_code == httpx.codes.NO_CONTENT else json_reader(TaskStatus)(response)


def patience_s(status: TaskStatus, began: float, delay_s: float, timeout_s: float | None) -> float:
    """Seconds to sleep.

    Raises:
        TimeoutError: there are none left.
    """
    if timeout_s is None:
        return delay_s
    left_s = timeout_s - (time.monotonic() - began)
    if left_s <= 0:
        raise TimeoutError(
            f"task {status.id} is {status.state} after {timeout_s:g} s, {status.done} of {status.total} done"
        )
    return min(delay_s, left_s)


def describe_submission(method: Any, build: Callable[..., Any]) -> None:
    """Signature and docstring for `help` and editors."""
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(build)
    method.__signature__ = signature.replace(
        parameters=[this, *signature.parameters.values()], return_annotation="Task"
    )
    method.__doc__ = f"As a task, which the server works off after this call. {inspect.getdoc(build)}"
