"""How the container-number service takes a batch as a task, and answers it: body and reply of `/read`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.call_body import read_call
from deployments.container_number.number_reader import ReaderName
from deployments.container_number.replies import read_reply
from deployments.container_number.reply_models import ReadReply
from deployments.container_number.request_docs import read_body
from deployments.serving.media import MediaPolicy
from deployments.tasks.routes import TaskFace
from deployments.tasks.types import Json, NewItem, Submission, Task


def task_face(default_reader: ReaderName, adapters: AdapterFolder, policy: MediaPolicy) -> TaskFace:
    """
    Args:
        policy: its `media_roots` are where `private_imgs` may lie.
    """

    @asynccontextmanager
    async def read(request: Request, max_items: int) -> AsyncIterator[Submission]:
        async with read_call(request, max_items, default_reader) as call:
            await asyncio.to_thread(adapters.choose, call.adapter)
            items = [NewItem(image.name, image.source, image.uri) for image in call.images]
            yield Submission({"reader": call.reader, "adapter": call.adapter}, items)

    return TaskFace(read, _reply, policy, ReadReply, read_body(default_reader))


def _reply(task: Task, entries: Sequence[Any]) -> Json:
    shared = {"reader": task.options["reader"], "adapter": task.options["adapter"], "request_id": task.request_id}
    return read_reply(entries, task.succeeded, task.failed, **shared)
