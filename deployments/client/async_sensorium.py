"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from deployments.client import container_number, embedding, health, ocr, speech, task_kinds
from deployments.client.async_task import AsyncTaskCalls, awaiting_submission
from deployments.client.call import Call
from deployments.client.connection import Sending, http_arguments
from deployments.client.container_number import ContainerNumbers
from deployments.client.errors import RetryableError
from deployments.client.methods import SendsAsync, awaiting
from deployments.client.ocr_replies import BatchExtraction, ExecutionSummary
from deployments.client.retries import RetryPolicy
from deployments.client.speech_batch import Transcripts, transcribe_batch

ReplyT = TypeVar("ReplyT")


class _AsyncService:
    def __init__(self, client: SendsAsync) -> None:
        self.send = client.send


class AsyncOcr(_AsyncService, AsyncTaskCalls[BatchExtraction]):
    """Text in images and documents, and what of it is stored."""

    extract = awaiting(ocr.extract)
    extract_batch = awaiting(ocr.extract_batch)
    execution = awaiting(ocr.execution)
    executions = awaiting(ocr.executions)
    submit_batch = awaiting_submission(ocr.extract_batch, task_kinds.OCR)
    _kind = task_kinds.OCR

    async def iterate_executions(self, **conditions: Any) -> AsyncIterator[ExecutionSummary]:
        """All stored executions that meet the `conditions` of `executions`, newest first, a page at a time."""
        cursor: str | None = conditions.pop("cursor", None)
        while True:
            page = await self.executions(**conditions, cursor=cursor)
            for execution in page.executions:
                yield execution
            cursor = page.next_cursor
            if cursor is None:
                return


class AsyncEmbedding(_AsyncService):
    """Texts to vectors."""

    embed = awaiting(embedding.embed)
    embed_batch = awaiting(embedding.embed_batch)
    model_info = awaiting(embedding.model_info)

    async def embed_all(
        self, texts: Sequence[str], *, normalize: bool = True, texts_per_call: int = embedding.MAX_TEXTS
    ) -> AsyncIterator[tuple[float, ...]]:
        """The vectors of any number of texts, in order, a call at a time. Errors as of `embed_batch`."""
        for start in range(0, len(texts), texts_per_call):
            batch = await self.embed_batch(texts[start : start + texts_per_call], normalize=normalize)
            for vector in batch.embeddings:
                yield vector


class AsyncSpeech(_AsyncService, AsyncTaskCalls[Transcripts]):
    """Recordings to text and subtitles."""

    transcribe = awaiting(speech.transcribe)
    subtitles = awaiting(speech.subtitles)
    submit_batch = awaiting_submission(transcribe_batch, task_kinds.SPEECH)
    _kind = task_kinds.SPEECH


class AsyncContainerNumber(_AsyncService, AsyncTaskCalls[ContainerNumbers]):
    """ISO 6346 numbers in images."""

    read = awaiting(container_number.read)
    adapters = awaiting(container_number.adapters)
    submit_batch = awaiting_submission(container_number.read, task_kinds.CONTAINER_NUMBER)
    _kind = task_kinds.CONTAINER_NUMBER


class AsyncSensorium:
    """As `Sensorium`, for one event loop. Close it, or use it in an `async with` block."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        retries: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**http_arguments(base_url, api_key), transport=transport)
        self._retries = retries or RetryPolicy()
        self.ocr = AsyncOcr(self)
        self.embedding = AsyncEmbedding(self)
        self.speech = AsyncSpeech(self)
        self.container_number = AsyncContainerNumber(self)

    health = awaiting(health.health)

    async def send(self, call: Call[ReplyT]) -> ReplyT:
        """As `Sensorium.send`."""
        way = Sending(call, self._retries)
        while True:
            try:
                with way.attempt() as request:
                    return way.reply(await self._http.request(**request))
            except RetryableError as failure:
                delay_s = way.delay_s(failure)
            await asyncio.sleep(delay_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
