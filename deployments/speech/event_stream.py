"""A transcript as it comes into being: server-sent events in OpenAI's shape, with times and progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson

from deployments.serving.errors import SensoriumError
from deployments.speech.formats import service_segment
from deployments.speech.loaded_backends import SpeechRunner
from deployments.speech.types import ChunkTranscript, SpeechRequest, SpeechResult
from deployments.web.errors import error_body
from deployments.web.exchange import Exchange

logger = logging.getLogger("sensorium.speech")

KEEP_ALIVE_S = 15.0
"""Proxies close connections that are quiet for longer."""

_Progress = tuple[int, int, ChunkTranscript]


class TranscriptStream:
    """One request on its way. `start` it, then send `events`.

    Each chunk that holds text becomes one `transcript.text.delta`, in the order of the recording; the deltas joined
    are the `text` of `transcript.text.done`. A failure after the start is an event with OpenAI's `error`.
    """

    def __init__(self, runner: SpeechRunner, request: SpeechRequest, exchange: Exchange) -> None:
        self._runner = runner
        self._request = request
        self._exchange = exchange
        self._done: asyncio.Queue[_Progress | None] = asyncio.Queue()
        self._waiting: dict[int, _Progress] = {}
        self._next = 0
        self._segments = 0
        self._said = False

    async def start(self) -> None:
        """Wait for the first chunk, so that a bad input is answered with its own status.

        Raises:
            SensoriumError: it failed before anything was transcribed.
        """
        self._running = asyncio.create_task(self._run())
        try:
            first = await self._done.get()
        except asyncio.CancelledError:
            self._running.cancel()
            raise
        if first is None and self._running.exception() is not None:
            await self._running
        self._done.put_nowait(first)

    async def events(self) -> AsyncIterator[bytes]:
        """To the end; leaving early cancels the transcription."""
        try:
            while True:
                try:
                    progress = await asyncio.wait_for(self._done.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": still transcribing\n\n"
                    continue
                if progress is None:
                    break
                self._waiting[progress[0]] = progress
                while self._next in self._waiting:
                    if (event := self._delta(*self._waiting.pop(self._next))) is not None:
                        yield event
                    self._next += 1
            yield self._last_event()
        finally:
            self._running.cancel()

    async def _run(self) -> SpeechResult:
        try:
            return await self._runner.run(self._request, lambda *progress: self._done.put_nowait(progress))
        finally:
            self._done.put_nowait(None)

    def _delta(self, index: int, count: int, chunk: ChunkTranscript) -> bytes | None:
        if not chunk.segments:
            return None
        segments = [service_segment(self._segments + place, segment) for place, segment in enumerate(chunk.segments)]
        self._segments += len(segments)
        text = chunk.text if self._said else chunk.text.lstrip()
        self._said = True
        return _event(
            {
                "type": "transcript.text.delta",
                "delta": text,
                "start": segments[0]["start"],
                "end": segments[-1]["end"],
                "segments": segments,
                "chunk": index + 1,
                "chunks": count,
            }
        )

    def _last_event(self) -> bytes:
        try:
            result = self._running.result()
        except SensoriumError as error:
            problem = error
        except Exception as error:
            request_id = self._exchange.request_id
            logger.error("unhandled %s in a stream (request id %s)", type(error).__name__, request_id, exc_info=error)
            problem = SensoriumError(f"Internal error. The server's log names it under {request_id}.")
        else:
            return _event(_summary(result))
        self._exchange.error = problem.code
        return _event(error_body(problem, self._exchange.request_id))


def _summary(result: SpeechResult) -> dict[str, Any]:
    return {
        "type": "transcript.text.done",
        "text": result.text,
        "language": result.language,
        "duration": round(result.duration_s, 3),
        "backend": result.backend,
        "model": result.model,
        "real_time_factor": round(result.real_time_factor, 4),
    }


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(content) + b"\n\n"
