"""Reads images with the model and records the outcome: what every way to ask for OCR shares. Knows no HTTP.

An image that fails is an outcome, recorded as `failed`. A service that is busy, not ready or without the backend
(`Unavailable`) has read nothing: that is the failure of the whole call, recorded nowhere, so that clients, who retry
whole calls on 5xx only, ask again. `chain_id` makes the repeat harmless.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.ocr.image_inputs import PendingImage
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.ocr.store.records import Execution
from deployments.ocr.types import OcrOptions, OcrRequest, OcrResult
from deployments.serving.engine import Runner
from deployments.serving.errors import Overloaded, SensoriumError, Unavailable

logger = logging.getLogger(__name__)

OcrRunner = Runner[OcrRequest, OcrResult]

_PATIENCE = 5
"""Refusals that a batch waits out when it is already under way and none of its other images is being read."""
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class ImageJob:
    """One image of one call, and what is stored with it."""

    image: PendingImage
    options: OcrOptions
    image_index: int = 0
    chain_id: str | None = None
    batch_id: str | None = None
    public_file_path: str | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job that was done: `result`, or the `error` that is the image's own."""

    job: ImageJob
    duration_ms: float
    result: OcrResult | None = None
    error: SensoriumError | None = None


async def extract(
    runner: OcrRunner, store: ExecutionStore, jobs: Sequence[ImageJob], parallel: int
) -> list[tuple[Outcome, str | None]]:
    """Read all images, then record all outcomes in one transaction: each with its execution's id, in order.

    Raises:
        Unavailable: the service could not read some of them, or the store did not answer; nothing was recorded.
    """
    outcomes = await read_images(runner, jobs, parallel)
    ids = await store.record_many([execution_of(outcome) for outcome in outcomes])
    return list(zip(outcomes, ids, strict=True))


async def read_images(runner: OcrRunner, jobs: Sequence[ImageJob], parallel: int) -> list[Outcome]:
    """Read images, at most `parallel` at once, each a request of its own to the model.

    When the model refuses an image because its queue is full, this call goes on with one image fewer at once; the
    last one left waits a little, unless nothing has been read yet. So a batch of any size gets through a short queue.

    Raises:
        Unavailable: the service cannot read them now. Images under way are cancelled.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = deque(range(len(jobs)))
    working = min(parallel, len(jobs))
    patience = _PATIENCE

    async def work() -> None:
        nonlocal working, patience
        while waiting:
            index = waiting.popleft()
            try:
                outcomes[index] = await _read_image(runner, jobs[index])
            except Overloaded as refusal:
                waiting.appendleft(index)
                if working > 1:
                    break
                patience -= 1
                if not outcomes or patience < 0:
                    raise
                await asyncio.sleep(min(refusal.details.get("retry_after_s", 1.0), _LONGEST_PAUSE_S))
        working -= 1

    workers = [asyncio.create_task(work()) for _ in range(working)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [outcomes[index] for index in range(len(jobs))]


async def _read_image(runner: OcrRunner, job: ImageJob) -> Outcome:
    began = time.perf_counter()
    result: OcrResult | None = None
    error: SensoriumError | None = None
    try:
        result = await runner.run(OcrRequest(await job.image.load(), job.options))
    except Unavailable:
        raise
    except SensoriumError as known:
        error = known
    except Exception:
        logger.exception("image %d of request %s failed", job.image_index, job.request_id)
        error = SensoriumError("the service failed on this image; its log says why, under the request's id")
    return Outcome(job, (time.perf_counter() - began) * 1000, result, error)


def execution_of(outcome: Outcome) -> Execution:
    """What the store keeps of `outcome`."""
    job, result, error = outcome.job, outcome.result, outcome.error
    width, height = result.pages[0] if result and result.pages else (None, None)
    return Execution(
        status="success" if result else "failed",
        source=job.image.name,
        chain_id=job.chain_id,
        batch_id=job.batch_id,
        image_index=job.image_index,
        request_id=job.request_id,
        public_file_path=job.public_file_path,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        language=result.language if result else job.options.language,
        confidence_threshold=job.options.confidence_threshold,
        use_angle_cls=job.options.use_angle_cls,
        backend=result.backend if result else job.options.backend,
        model=result.model if result else None,
        width=width,
        height=height,
        pages=len(result.pages) if result else 0,
        duration_ms=outcome.duration_ms,
        text_boxes=result.text_boxes if result else (),
    )
