"""The tables. `migrations/versions` makes them; a test holds the two in step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from deployments.database.column_types import CleanText, UtcDateTime
from deployments.database.naming import CONSTRAINT_NAMES

Json = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)


class OCRExecution(Base):
    """One image or document; see `records.Execution` for the meaning of each column."""

    __tablename__ = "ocr_executions"
    __table_args__ = (
        # NULLs are distinct on both databases, so rows without a chain_id never meet here.
        UniqueConstraint("chain_id", "image_index"),
        CheckConstraint("status IN ('success', 'failed')", name="status"),
        Index(None, "created_at", "id"),
        Index(None, "batch_id", "created_at"),
        Index(None, "status", "created_at"),
    )

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    chain_id: Mapped[str | None] = mapped_column(CleanText)
    batch_id: Mapped[str | None] = mapped_column(CleanText)
    image_index: Mapped[int]
    request_id: Mapped[str] = mapped_column(CleanText)
    source: Mapped[str] = mapped_column(CleanText)
    public_file_path: Mapped[str | None] = mapped_column(CleanText)
    status: Mapped[str] = mapped_column(CleanText)
    error_code: Mapped[str | None] = mapped_column(CleanText)
    error_message: Mapped[str | None] = mapped_column(CleanText)
    language: Mapped[str] = mapped_column(CleanText)
    confidence_threshold: Mapped[float]
    use_angle_cls: Mapped[bool]
    backend: Mapped[str | None] = mapped_column(CleanText)
    model: Mapped[str | None] = mapped_column(CleanText)
    width: Mapped[int | None]
    height: Mapped[int | None]
    pages: Mapped[int]
    duration_ms: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    text_boxes: Mapped[list[OCRTextBox]] = relationship(order_by="OCRTextBox.position", viewonly=True)


class OCRTextBox(Base):
    """One line of text of one execution."""

    __tablename__ = "ocr_text_boxes"

    execution_id: Mapped[str] = mapped_column(
        Uuid(as_uuid=False), ForeignKey(OCRExecution.id, ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    """Reading order over all pages, from 0."""
    page: Mapped[int]
    text: Mapped[str] = mapped_column(CleanText)
    confidence: Mapped[float]
    bbox: Mapped[list[Any]] = mapped_column(Json)
    """[[x, y] * 4], pixels."""
    rotation: Mapped[int]
