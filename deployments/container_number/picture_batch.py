"""The images of one call, read a few at a time: one that cannot be read is an outcome among the others.

A service that is busy or not ready (`Unavailable`) has read nothing: that is the failure of the whole call, so that
clients, who retry whole calls on 5xx only, ask again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.container_number.call_body import PendingImage, ReadCall
from deployments.container_number.number_reader import NumberReader, PictureNumbers
from deployments.serving import media
from deployments.serving.errors import Overloaded, SensoriumError, Unavailable
from deployments.serving.media import MediaPolicy

logger = logging.getLogger(__name__)

_PATIENCE = 5
"""Refusals of a full queue that each image of a call of several waits out."""
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`found` of one image: its numbers, or the error that is the image's own."""

    name: str
    found: PictureNumbers | SensoriumError
    duration_ms: float


async def read_pictures(reader: NumberReader, call: ReadCall, policy: MediaPolicy, parallel: int) -> Sequence[Outcome]:
    """Every image of `call`, in order, at most `parallel` at once.

    Raises:
        Unavailable: the models cannot read now. Images under way are cancelled.
    """
    turn = asyncio.Semaphore(parallel)

    async def read(image: PendingImage) -> Outcome:
        async with turn:
            return await _read(reader, call, image, policy, patience=_PATIENCE if len(call.images) > 1 else 0)

    tasks = [asyncio.create_task(read(image)) for image in call.images]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(
    reader: NumberReader, call: ReadCall, image: PendingImage, policy: MediaPolicy, patience: int
) -> Outcome:
    began = time.perf_counter()
    found: PictureNumbers | SensoriumError
    try:
        data = await asyncio.to_thread(media.read, await image.source(), policy)
        found = await _patiently(reader, call, data, patience)
    except Unavailable:
        raise
    except SensoriumError as error:
        found = error
    except Exception:
        logger.exception("an image failed: %s", image.name)
        found = SensoriumError("the service failed on this image; its log says why, under the request's id")
    return Outcome(image.name, found, 1000 * (time.perf_counter() - began))


async def _patiently(reader: NumberReader, call: ReadCall, data: bytes, patience: int) -> PictureNumbers:
    while True:
        try:
            return await reader.read(data, call.reader, call.adapter)
        except Overloaded as refusal:
            if patience == 0:
                raise
            patience -= 1
            await asyncio.sleep(min(refusal.details.get("retry_after_s", 1.0), _LONGEST_PAUSE_S))
