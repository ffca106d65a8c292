"""Tasks over HTTP: the same four calls under every service that takes batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from deployments.serving.errors import NotFound, SensoriumError
from deployments.serving.media import MediaPolicy
from deployments.serving.media_roots import check_stored
from deployments.tasks.reply_models import TaskListReply, TaskReply, TaskSummary
from deployments.tasks.settings import TaskSettings
from deployments.tasks.task_store import TaskStore
from deployments.tasks.types import MAX_KEY_LENGTH, Json, Submission, Task, TaskState
from deployments.tasks.worker import TaskWorker
from deployments.web.request_id import current_request_id

MAX_PAGE = 200
"""Tasks in one page of the list."""
MAX_ENTRIES = 1000
"""Results in one reply."""

_KEY = Header(
    alias="Idempotency-Key",
    min_length=1,
    max_length=MAX_KEY_LENGTH,
    description="Made by the client, new for each task: a call that is sent again with it makes no second task.",
)


@dataclass(frozen=True, slots=True)
class TaskFace:
    """How one service takes a batch and answers it."""

    read: Callable[[Request, int], AbstractAsyncContextManager[Submission]]
    """The submission in a request's body, of at most so many items; its uploads are open as long as this is."""
    reply: Callable[[Task, Sequence[Any]], Json]
    """The synchronous call's reply, with entries that are JSON already."""
    policy: MediaPolicy
    """Where server paths may lie; what is outside is refused with the whole submission."""
    reply_model: type[BaseModel]
    """Its shape, for OpenAPI."""
    body: Json = field(default_factory=dict)
    """`openapi_extra` of the call."""


def build_task_router(
    store: TaskStore | None, worker: TaskWorker | None, face: TaskFace, settings: TaskSettings
) -> APIRouter:
    """`/tasks`, without the service's base path. Raises `deployments.serving.errors` only.

    Args:
        store: None where the configuration switches tasks off.
        worker: told of what comes and goes.
    """
    router = APIRouter(prefix="/tasks", tags=["tasks"])
    reply_model = TaskReply[face.reply_model]  # type: ignore[name-defined]

    def opened() -> TaskStore:
        if store is None:
            raise NotFound("this service takes no tasks: its configuration says `tasks: {database: null}`")
        return store

    @router.post("", status_code=202, response_model=TaskSummary, openapi_extra=face.body)
    async def submit(request: Request, key: Annotated[str | None, _KEY] = None) -> Response:
        """Accept a batch to be worked off after this call; `Location` says where its results will be."""
        tasks = opened()
        async with face.read(request, settings.max_items) as submission:
            await asyncio.to_thread(_check_paths, submission, face.policy)
            task, _ = await tasks.submit(submission, current_request_id(), key)
        if worker is not None:
            worker.wake()
        location = f"{request.scope.get('root_path', '')}/tasks/{task.id}"
        return _json(_summary(task), 202, {"Location": location})

    @router.get("/{task_id}", response_model=reply_model)
    async def get_task(
        task_id: str,
        offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="First item whose result is wanted.")] = 0,
        limit: Annotated[int, Query(ge=0, le=MAX_ENTRIES, description="0: state and progress only.")] = 100,
    ) -> Response:
        """State, progress, and the results so far."""
        page = await opened().read(task_id, offset, limit)
        entries = [orjson.Fragment(entry) for entry in page.entries]
        result = {"result": face.reply(page.task, entries), "next_offset": page.next_offset}
        return _json(_summary(page.task) | result)

    @router.get("", response_model=TaskListReply)
    async def list_tasks(
        state: TaskState | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
    ) -> Response:
        """Tasks of this service, newest first, without their results."""
        page = await opened().find(state, limit, cursor)
        return _json({"tasks": [_summary(task) for task in page.tasks], "next_cursor": page.next_cursor})

    @router.delete("/{task_id}", response_model=TaskSummary, responses={204: {"description": "It had finished."}})
    async def delete_task(task_id: str) -> Response:
        """Cancel a task, or remove one that has finished. Results so far of a cancelled one stay for a while."""
        task = (await opened().read(task_id, limit=0)).task
        if task.state == "finished":
            await opened().remove(task.id)
            return Response(status_code=204)
        cancelled = await opened().cancel(task.id)
        if worker is not None:
            worker.drop(task.id)
        return _json(_summary(cancelled))

    return router


def _check_paths(submission: Submission, policy: MediaPolicy) -> None:
    """Raises:
    AccessDenied, InvalidInput: see `media_roots.check_stored`; the error's `index` says which.
    """
    for index, item in enumerate(submission.items):
        if item.uri is not None:
            try:
                check_stored(item.uri, policy)
            except SensoriumError as error:
                raise type(error)(error.message, **error.details | {"index": index}) from error


def _summary(task: Task) -> Json:
    return {
        "id": task.id,
        "service": task.service,
        "state": task.state,
        "total": task.total,
        "done": task.done,
        "succeeded": task.succeeded,
        "failed": task.failed,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "expires_at": task.expires_at,
        "request_id": task.request_id,
    }


def _json(content: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
