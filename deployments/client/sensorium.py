"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from deployments.client import container_number, embedding, health, ocr, speech, task_kinds
from deployments.client.call import Call
from deployments.client.connection import Sending, http_arguments
from deployments.client.container_number import ContainerNumbers
from deployments.client.errors import RetryableError
from deployments.client.methods import Sends, sending
from deployments.client.ocr_replies import BatchExtraction, ExecutionSummary
from deployments.client.retries import RetryPolicy
from deployments.client.speech_batch import Transcripts, transcribe_batch
from deployments.client.task import TaskCalls, submitting

ReplyT = TypeVar("ReplyT")


class _Service:
    def __init__(self, client: Sends) -> None:
        self.send = client.send


class Ocr(_Service, TaskCalls[BatchExtraction]):
    """Text in images and documents, and what of it is stored."""

    extract = sending(ocr.extract)
    extract_batch = sending(ocr.extract_batch)
    execution = sending(ocr.execution)
    executions = sending(ocr.executions)
    submit_batch = submitting(ocr.extract_batch, task_kinds.OCR)
    _kind = task_kinds.OCR

    def iterate_executions(self, **conditions: Any) -> Iterator[ExecutionSummary]:
        """All stored executions that meet the `conditions` of `executions`, newest first, a page at a time."""
        cursor: str | None = conditions.pop("cursor", None)
        while True:
            page = self.executions(**conditions, cursor=cursor)
            yield from page.executions
            cursor = page.next_cursor
            if cursor is None:
                return


class Embedding(_Service):
    """Texts to vectors."""

    embed = sending(embedding.embed)
    embed_batch = sending(embedding.embed_batch)
    model_info = sending(embedding.model_info)

    def embed_all(
        self, texts: Sequence[str], *, normalize: bool = True, texts_per_call: int = embedding.MAX_TEXTS
    ) -> Iterator[tuple[float, ...]]:
        """The vectors of any number of texts, in order, a call at a time. Errors as of `embed_batch`."""
        for start in range(0, len(texts), texts_per_call):
            yield from self.embed_batch(texts[start : start + texts_per_call], normalize=normalize).embeddings


class Speech(_Service, TaskCalls[Transcripts]):
    """Recordings to text and subtitles."""

    transcribe = sending(speech.transcribe)
    subtitles = sending(speech.subtitles)
    submit_batch = submitting(transcribe_batch, task_kinds.SPEECH)
    _kind = task_kinds.SPEECH


class ContainerNumber(_Service, TaskCalls[ContainerNumbers]):
    """ISO 6346 numbers in images."""

    read = sending(container_number.read)
    adapters = sending(container_number.adapters)
    submit_batch = submitting(container_number.read, task_kinds.CONTAINER_NUMBER)
    _kind = task_kinds.CONTAINER_NUMBER


class Sensorium:
    """All services of one server. Threads may share it. Close it, or use it in a `with` block.

    Args:
        base_url: of the server, without a service's path: `http://host:8000`.
        api_key: sent as `Authorization: Bearer`.
        retries: patience with a server that is busy, restarting or out of reach.
        transport: httpx's, where requests are to go another way than over the network.

    Raises:
        ValueError: the address or the key cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        retries: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(**http_arguments(base_url, api_key), transport=transport)
        self._retries = retries or RetryPolicy()
        self.ocr = Ocr(self)
        self.embedding = Embedding(self)
        self.speech = Speech(self)
        self.container_number = ContainerNumber(self)

    health = sending(health.health)

    def send(self, call: Call[ReplyT]) -> ReplyT:
        """Send `call` until it succeeds, is refused, or the patience is used up.

        Raises:
            RejectedRequest: a ValueError; the call is wrong.
            RetryableError: every attempt failed.
        """
        way = Sending(call, self._retries)
        while True:
            try:
                with way.attempt() as request:
                    return way.reply(self._http.request(**request))
            except RetryableError as failure:
                delay_s = way.delay_s(failure)
            time.sleep(delay_s)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
