"""What a service's `args.tasks` may say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Where tasks are kept, how many wait, and how they are worked off."""

    database: str | None = "sqlite:///$SENSORIUM_HOME/tasks.sqlite3"
    """URL of SQLite or PostgreSQL; `$NAME` is taken from the environment. Services and replicas share it. null: this
    service takes no tasks."""
    concurrency: int = 2
    """Items that one replica reads at once, beside the requests of the synchronous calls."""
    max_items: int = 1000
    """Of one task."""
    max_queued_items: int = 10_000
    """Of all of the service's tasks that are not done; a task that would pass it is refused for now (503)."""
    max_queued_bytes: int = 4 * 2**30
    """Likewise for uploaded bytes, which are stored until their item is done."""
    keep_results_s: float = 86_400.0
    """From the end of a task; then it is forgotten."""
    lease_s: float = 30.0
    """A replica that shows no sign of life for this long loses its items to the others."""
    max_attempts: int = 4
    """Times that an item is begun, when the model fails on it or the replica dies; then that is its result."""
    max_wait_s: float = 86_400.0
    """From the submission: an item that the service could not read for so long, for want of a model say, has failed."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "max_items", "max_queued_items", "max_queued_bytes", "max_attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("keep_results_s", "max_wait_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not self.lease_s >= 1:
            raise ValueError(f"lease_s must be at least 1, not {self.lease_s}")
