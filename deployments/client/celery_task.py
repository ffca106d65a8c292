"""OCR as a Celery task (`pip install celery[redis]`). An application takes it up by
`Celery(..., include=["deployments.client.celery_task"])`; the worker finds the server as `OCRStage` does.

    extract_text.delay(private_imgs=["/data/a.png", "/data/b.png"], batch_id="monday").get()["ocr_results"]
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from celery import Task, shared_task

from deployments.client.errors import ContradictoryContext, RetryableError
from deployments.client.pipeline import OCRStage, PipelineContext, connect_from_environment
from deployments.client.retries import RetryPolicy

IN_THE_WORKER = RetryPolicy(attempts=2, longest_delay_s=1.0, longest_retry_after_s=2.0)
"""What a worker sits out by itself; longer waits go back to the queue, and the worker does other work."""
IN_THE_QUEUE = RetryPolicy(attempts=10, first_delay_s=2.0, longest_delay_s=300.0)
"""How often the task itself is tried: 10 minutes in the mean."""
LONGEST_COUNTDOWN_S = 1800.0
"""Redis gives a message to another worker, too, after one hour (Celery's `visibility_timeout`)."""


@shared_task(bind=True, name="sensorium.extract_text", acks_late=True, max_retries=IN_THE_QUEUE.attempts - 1)
def extract_text(self: Task, **fields: Any) -> dict[str, Any]:
    """Read the images of a context on the server. Retried by itself on RetryableError, never on ValueError.

    Args:
        fields: of `PipelineContext`. Without `chain_id` the task's id is taken: it stays the same over retries, so
            that each image is stored once.

    Returns:
        `ocr_result` (of a single image) and `ocr_results` (of a batch) as plain dictionaries; the other is None.

    Raises:
        ValueError: the context contradicts itself, or the server refuses it.
        RetryableError: also the last retry failed.
    """
    try:
        context = PipelineContext(**{"chain_id": self.request.id} | fields)
    except TypeError as error:
        raise ContradictoryContext(f"this is no context: {error}", code="contradictory_context") from error
    try:
        asyncio.run(OCRStage(lambda: connect_from_environment(IN_THE_WORKER)).execute(context))
    except RetryableError as failure:
        delay_s = IN_THE_QUEUE.delay_s(self.request.retries + 1, failure.retry_after_s)
        raise self.retry(exc=failure, countdown=min(delay_s, LONGEST_COUNTDOWN_S)) from failure
    return {
        "ocr_result": None if context.ocr_result is None else asdict(context.ocr_result),
        "ocr_results": None if context.ocr_results is None else [asdict(entry) for entry in context.ocr_results],
    }
