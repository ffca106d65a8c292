"""A service for tests of tasks: it answers with what it is sent, and has faults on demand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from deployments.serving.errors import SensoriumError
from deployments.serving.media import InlineMedia
from deployments.tasks.types import Item, Json, NewItem, Submission


def words(*texts: str, **options: object) -> Submission:
    """A submission whose items are short texts."""
    return Submission(options, [_word(text) for text in texts])


def _word(text: str) -> NewItem:
    async def load() -> InlineMedia:
        return InlineMedia(text.encode(), text)

    return NewItem(text, load)


class EchoWork:
    """Implements `deployments.tasks.work.TaskWork`.

    `before` runs before each attempt, told of the text and the number of this attempt in this process; it may raise.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.before: Callable[[str, int], None] = lambda text, attempt: None
        self.attempts: Counter[str] = Counter()
        self.running: set[str] = set()
        self.most_running = 0
        self.together: list[set[str]] = []

    async def perform(self, item: Item) -> Json:
        source = await item.load()
        assert isinstance(source, InlineMedia)
        text = source.data.decode()
        self.attempts[text] += 1
        self.running.add(text)
        self.most_running = max(self.most_running, len(self.running))
        self.together.append(set(self.running))
        try:
            self.before(text, self.attempts[text])
            await asyncio.sleep(self.delay_s)
        finally:
            self.running.discard(text)
        return {"text": text, "status": "success", "error_code": None}

    async def fail(self, item: Item, error: SensoriumError) -> Json:
        return {"text": item.name, "status": "failed", "error_code": error.code, "error": error.message}
