"""How the speech service takes a batch of recordings as a task, and answers it: `/transcribe`'s reply for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field

from deployments.serving.media import MediaPolicy
from deployments.speech.loaded_backends import LoadedBackends
from deployments.speech.task_body import TranscribeBatch, TranscribeBatchFields, read_batch
from deployments.speech.types import SpeechLimits
from deployments.speech.uploads import checked_prompt, recording, spoken_language
from deployments.speech.wire import TranscribeReply
from deployments.tasks.routes import TaskFace
from deployments.tasks.types import Json, NewItem, Submission, Task
from deployments.web.form_or_json import FORMS


class RecordingReply(TranscribeReply):
    """One recording of several. A failed one has only the first fields."""

    name: Annotated[str, Field(description="Of the uploaded file, or the path.")]
    status: Literal["success", "failed"]
    error: Annotated[str | None, Field(description="What is wrong with the recording, and what to do.")]
    error_code: str | None
    content: Annotated[str | None, Field(description="In the text format that was asked for.")] = None


class TranscribeBatchReply(BaseModel):
    results: Annotated[list[RecordingReply], Field(description="One a recording, in the order they were sent.")]
    total_processed: int
    total_success: int
    total_failed: int
    request_id: str


def task_face(backends: LoadedBackends, limits: SpeechLimits, policy: MediaPolicy) -> TaskFace:
    """
    Args:
        policy: its `media_roots` are where `paths` may lie.
    """

    @asynccontextmanager
    async def read(request: Request, max_items: int) -> AsyncIterator[Submission]:
        async with read_batch(request, max_items) as batch:
            backends.named(batch.fields.backend)  # refuses at once one that is not loaded
            options = batch.fields.model_dump(exclude={"paths"}) | {
                "language": spoken_language(batch.fields.language),
                "prompt": checked_prompt(batch.fields.prompt, limits),
            }
            yield Submission(options, _items(batch, limits))

    return TaskFace(read, _reply, policy, TranscribeBatchReply, _body())


def _items(batch: TranscribeBatch, limits: SpeechLimits) -> list[NewItem]:
    stored = [NewItem(path, partial(recording, None, path, limits), path) for path in batch.fields.paths]
    return stored or [
        NewItem((file.filename or "upload")[:255], partial(recording, file, None, limits)) for file in batch.uploads
    ]


def _reply(task: Task, entries: Sequence[Any]) -> Json:
    return {
        "results": list(entries),
        "total_processed": task.done,
        "total_success": task.succeeded,
        "total_failed": task.failed,
        "request_id": task.request_id,
    }


def _body() -> Json:
    """`openapi_extra`: the body is read by hand, as it comes in several forms."""
    fields = TranscribeBatchFields.model_json_schema()["properties"]
    file = {"type": "string", "format": "binary", "description": "A recording."}
    form = {"type": "object", "properties": {"files": {"type": "array", "items": file}} | fields}
    example = {"paths": ["/data/call-1.wav", "/data/call-2.wav"], "language": "ko", "response_format": "srt"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                FORMS[0]: {"schema": form},
                "application/json": {"schema": {"type": "object", "properties": fields, "example": example}},
            },
        }
    }
