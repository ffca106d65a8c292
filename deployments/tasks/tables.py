"""The tables. `migrations/versions` makes them; a test holds the two in step.

JSON is kept as text: PostgreSQL's JSONB refuses the NUL that a JSON string may hold, and reorders fields.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from deployments.database.column_types import CleanText, UtcDateTime
from deployments.database.naming import CONSTRAINT_NAMES


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)


class TaskRow(Base):
    """See `types.Task` for the meaning of each column."""

    __tablename__ = "tasks"
    __table_args__ = (
        # NULLs are distinct on both databases.
        UniqueConstraint("service", "idempotency_key"),
        CheckConstraint("state IN ('queued', 'running', 'finished', 'cancelled')", name="state"),
        Index(None, "service", "created_at", "id"),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    service: Mapped[str] = mapped_column(CleanText)
    state: Mapped[str] = mapped_column(CleanText)
    options: Mapped[str] = mapped_column(CleanText)
    request_id: Mapped[str] = mapped_column(CleanText)
    total: Mapped[int]
    succeeded: Mapped[int]
    failed: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(CleanText)
    fingerprint: Mapped[str | None] = mapped_column(CleanText)
    """Of the submission that came with the key."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ItemRow(Base):
    """One item of a task."""

    __tablename__ = "task_items"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled')", name="state"),
        # What a worker looks for next, and what the bounds of the queue are counted on.
        Index(None, "service", "state", "visible_at"),
    )

    task_id: Mapped[str] = mapped_column(
        Uuid(as_uuid=False), ForeignKey(TaskRow.id, ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(CleanText)
    state: Mapped[str] = mapped_column(CleanText)
    name: Mapped[str] = mapped_column(CleanText)
    details: Mapped[str] = mapped_column(CleanText)
    uri: Mapped[str | None] = mapped_column(CleanText)
    """Server path or URI; None where the input was sent."""
    refusal: Mapped[str | None] = mapped_column(CleanText)
    """JSON of the error where the input was refused when it came."""
    input_bytes: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int]
    visible_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it may be taken up: while it waits, the end of a pause; while it runs, the end of the lease."""
    lease: Mapped[str | None] = mapped_column(CleanText)
    """Made anew by every claim; who knows it may write the result."""
    result: Mapped[str | None] = mapped_column(CleanText)
    """JSON, once it is done."""


class InputRow(Base):
    """The bytes of one item, until it is done."""

    __tablename__ = "task_inputs"
    __table_args__ = (
        ForeignKeyConstraint(["task_id", "position"], [ItemRow.task_id, ItemRow.position], ondelete="CASCADE"),
    )

    task_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
