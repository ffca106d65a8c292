"""Tasks of the echo service: `{"texts": [...], "seconds": 0.2}`; each entry says which replica answered."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import Request
from pydantic import BaseModel

from deployments.serving.batched_model import BatchedModel
from deployments.serving.errors import SensoriumError
from deployments.serving.media import InlineMedia, MediaPolicy
from deployments.tasks.routes import TaskFace
from deployments.tasks.types import Item, Json, NewItem, Submission, Task
from tests.serve.echo import Echo


class EchoTaskWork:
    """Implements `deployments.tasks.work.TaskWork`."""

    def __init__(self, replica: BatchedModel) -> None:
        self._replica = replica

    async def perform(self, item: Item) -> Json:
        source = await item.load()
        assert isinstance(source, InlineMedia)
        reply: Json = await self._replica.run(Echo(source.data.decode(), item.options["seconds"]))
        return reply | {"pid": os.getpid(), "status": "success"}

    async def fail(self, item: Item, error: SensoriumError) -> Json:
        return {"text": item.name, "status": "failed", "error_code": error.code, "error": error.message}


@asynccontextmanager
async def _read(request: Request, max_items: int) -> AsyncIterator[Submission]:
    body = await request.json()
    items = [NewItem(text, partial(_bytes_of, text)) for text in body["texts"]]
    yield Submission({"seconds": body.get("seconds", 0.0)}, items)


async def _bytes_of(text: str) -> InlineMedia:
    return InlineMedia(text.encode(), text)


def _reply(task: Task, entries: Sequence[Any]) -> Json:
    return {"results": list(entries)}


TASK_FACE = TaskFace(_read, _reply, MediaPolicy(), BaseModel)
