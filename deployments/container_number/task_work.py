"""Images of a task, read as those of a synchronous call."""

from __future__ import annotations

from collections.abc import Callable

from deployments.container_number.call_body import PendingImage, ReadCall
from deployments.container_number.number_reader import NumberReader
from deployments.container_number.picture_batch import read_pictures
from deployments.container_number.replies import image_reply
from deployments.serving.errors import SensoriumError
from deployments.serving.media import MediaPolicy
from deployments.tasks.types import Item, Json


class ContainerNumberTaskWork:
    """Implements `deployments.tasks.work.TaskWork`.

    Args:
        on_numbers: told how many numbers an image held, for the metrics.
    """

    def __init__(
        self, reader: NumberReader, policy: MediaPolicy, on_numbers: Callable[[int], None] = lambda count: None
    ) -> None:
        self._reader = reader
        self._policy = policy
        self._on_numbers = on_numbers

    async def perform(self, item: Item) -> Json:
        image = PendingImage(item.name, item.load)
        call = ReadCall((image,), item.options["reader"], item.options["adapter"])
        [outcome] = await read_pictures(self._reader, call, self._policy, parallel=1)
        if isinstance(outcome.found, SensoriumError):
            raise outcome.found
        self._on_numbers(len(outcome.found.numbers))
        return image_reply(outcome.name, outcome.found, outcome.duration_ms)

    async def fail(self, item: Item, error: SensoriumError) -> Json:
        return image_reply(item.name, error, 0.0)
