"""What a service does with an item, and what comes of one attempt."""

from __future__ import annotations

import logging
from typing import Protocol

from deployments.serving.errors import BackendMissing, DeadlineExceeded, EngineFailed, SensoriumError, Unavailable
from deployments.tasks.types import Claim, Item, Json

logger = logging.getLogger(__name__)


class TaskWork(Protocol):
    """A service's part. Both may be called more than once for the same item."""

    async def perform(self, item: Item) -> Json:
        """The item's entry, as the synchronous call writes it.

        Raises:
            Unavailable: the service cannot do it now; the item is not at fault.
            SensoriumError: the item failed. `EngineFailed` and unknown failures are tried again.
        """
        ...

    async def fail(self, item: Item, error: SensoriumError) -> Json:
        """The entry of an item that failed for good."""
        ...


async def attempt(work: TaskWork, claim: Claim, max_attempts: int) -> Json | SensoriumError:
    """The item's entry, or the error that it failed with.

    Raises:
        Unavailable: not now.
    """
    if claim.attempts > max_attempts:
        return EngineFailed(
            f"given up after {claim.attempts - 1} attempts: the replica that read it died each time",
            attempts=claim.attempts - 1,
        )
    try:
        return await work.perform(claim.item)
    except BackendMissing as error:
        return error  # waiting brings no model
    except Unavailable:
        raise
    except SensoriumError as error:
        return error
    except Exception:
        logger.exception("item %d of task %s failed", claim.item.position, claim.item.task_id)
        return SensoriumError("the service failed on this item; its log says why, under the task's id")


def may_pass(error: SensoriumError) -> bool:
    """Whether another attempt may end better: the model's failures, and those that nobody foresaw."""
    return isinstance(error, (EngineFailed, DeadlineExceeded, Unavailable)) or type(error) is SensoriumError
