"""How OCR takes a batch as a task, and answers it: body and reply of `/extract_text_batch`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import Request

from deployments.ocr.batch_jobs import batch_jobs
from deployments.ocr.call_body import read_body
from deployments.ocr.limits import OcrLimits
from deployments.ocr.replies import batch_reply
from deployments.ocr.reply_models import ExtractTextBatchReply
from deployments.ocr.request_docs import batch_body
from deployments.ocr.task_work import task_options
from deployments.serving.media import MediaPolicy
from deployments.tasks.routes import TaskFace
from deployments.tasks.types import Json, NewItem, Submission, Task
from deployments.web.request_id import current_request_id


def task_face(limits: OcrLimits, policy: MediaPolicy) -> TaskFace:
    """
    Args:
        limits: of one file; a task may have more images than a call.
        policy: its `media_roots` are where `private_imgs` may lie.
    """

    @asynccontextmanager
    async def read(request: Request, max_items: int) -> AsyncIterator[Submission]:
        async with read_body(request, max_files=max_items) as body:
            jobs = batch_jobs(body, replace(limits, max_images=max_items), current_request_id())
            items = [
                NewItem(job.image.name, job.image.load, job.image.uri, {"public_file_path": job.public_file_path})
                for job in jobs
            ]
            yield Submission(task_options(jobs[0]), items)

    return TaskFace(read, _reply, policy, ExtractTextBatchReply, batch_body())


def _reply(task: Task, entries: Sequence[Any]) -> Json:
    return batch_reply(entries, task.succeeded, task.failed, task.request_id)
