"""Plain data of tasks: what is submitted, what is stored, what a worker takes up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from deployments.serving.media import MediaSource

Json = dict[str, Any]
TaskState = Literal["queued", "running", "finished", "cancelled"]
"""queued: nothing has begun. finished: every item has its result, be it a failure."""

UNDONE = ("waiting", "running")
"""States of items that have no result yet."""
MAX_KEY_LENGTH = 255
"""Characters of an `Idempotency-Key`."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """One input of a submission."""

    name: str
    """For people: the file's name, or the path."""
    load: Callable[[], Awaitable[MediaSource]]
    """Called when the task is stored, once or more, where there is no `uri`. An error that it raises becomes the item's
    result."""
    uri: str | None = None
    """Of an input that lies on the server, and is read there when its turn has come."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the service keeps of this item beside the options; JSON."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a service made of the body of a call."""

    options: Mapping[str, Any]
    """Shared by all items; JSON."""
    items: Sequence[NewItem]


@dataclass(frozen=True, slots=True)
class Item:
    """An item that a worker has taken up, under a lease."""

    task_id: str
    position: int
    """From 0, in the order of the submission."""
    name: str
    details: Json
    options: Json
    request_id: str
    """Of the call that submitted the task."""
    load: Callable[[], Awaitable[MediaSource]]
    """
    Raises:
        SensoriumError: what was wrong with the input when the task was submitted.
    """


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one item's result: it ends when it is not prolonged in time, or the task is cancelled."""

    task_id: str
    position: int
    token: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An item and the lease on it."""

    item: Item
    lease: Lease
    attempts: int
    """This one included."""
    submitted_at: datetime
    alone: bool
    """Its last worker died: it may be what killed it, so nothing is to be done beside it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A stored task, without its results."""

    id: str
    """UUID, version 7."""
    service: str
    state: TaskState
    options: Json
    request_id: str
    total: int
    succeeded: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    """When the first item was taken up."""
    finished_at: datetime | None
    """When the last item was done, or the task was cancelled."""
    expires_at: datetime | None
    """When it will be forgotten, with its results; None until it has ended."""

    @property
    def done(self) -> int:
        return self.succeeded + self.failed

    @property
    def ended(self) -> bool:
        return self.state in ("finished", "cancelled")


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Tasks, newest first."""

    tasks: tuple[Task, ...]
    next_cursor: str | None
    """Ask with it for the next page; None at the end."""


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Results of a task, in the order of the items; those of items that are not done are left out."""

    task: Task
    entries: tuple[str, ...]
    """JSON, as the service's synchronous call writes an entry."""
    next_offset: int | None
    """Position of the first item that follows; None at the end of the task."""
