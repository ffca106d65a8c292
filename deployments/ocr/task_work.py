"""Images of a task, read and recorded as those of a synchronous call. Knows no HTTP."""

from __future__ import annotations

from deployments.ocr.extraction import ImageJob, OcrRunner, Outcome, execution_of, read_images
from deployments.ocr.image_inputs import PendingImage
from deployments.ocr.replies import batch_entry
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.ocr.types import OcrOptions
from deployments.serving.errors import SensoriumError
from deployments.tasks.types import Item, Json


class OcrTaskWork:
    """Implements `deployments.tasks.work.TaskWork`."""

    def __init__(self, runner: OcrRunner, store: ExecutionStore) -> None:
        self._runner = runner
        self._store = store

    async def perform(self, item: Item) -> Json:
        [outcome] = await read_images(self._runner, [_job(item)], parallel=1)
        if outcome.error is not None:
            raise outcome.error
        return await self._recorded(outcome)

    async def fail(self, item: Item, error: SensoriumError) -> Json:
        return await self._recorded(Outcome(_job(item), 0.0, error=error))

    async def _recorded(self, outcome: Outcome) -> Json:
        [execution_id] = await self._store.record_many([execution_of(outcome)])
        return batch_entry(outcome, execution_id)


def task_options(job: ImageJob) -> Json:
    """What a task keeps of the call that all its images share."""
    options = job.options
    return {
        "language": options.language,
        "confidence_threshold": options.confidence_threshold,
        "use_angle_cls": options.use_angle_cls,
        "backend": options.backend,
        "chain_id": job.chain_id,
        "batch_id": job.batch_id,
    }


def _job(item: Item) -> ImageJob:
    kept = item.options
    return ImageJob(
        image=PendingImage(item.name, item.load),
        options=OcrOptions(kept["language"], kept["confidence_threshold"], kept["use_angle_cls"], kept["backend"]),
        image_index=item.position,
        # An image that is read twice, because a replica died in between, must still be one execution.
        chain_id=kept["chain_id"] or f"task-{item.task_id}",
        batch_id=kept["batch_id"],
        public_file_path=item.details["public_file_path"],
        request_id=item.request_id,
    )
