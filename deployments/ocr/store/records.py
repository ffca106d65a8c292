"""Plain data of the execution store: what is written, what is read back, how it is filtered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from deployments.ocr.types import TextBox
from deployments.serving.errors import InvalidInput

Status = Literal["success", "failed"]

MAX_KEY_LENGTH = 255
"""Characters of a `chain_id` or `batch_id`; both are indexed."""

MAX_IMAGE_INDEX = 2**31 - 1
"""Largest value of the INTEGER column."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One image or document that was read, or that failed.

    Raises:
        InvalidInput: `chain_id` or `batch_id` is longer than `MAX_KEY_LENGTH`, or `image_index` is out of range.
    """

    status: Status
    source: str
    """`private_img`, or the name of the uploaded file."""
    chain_id: str | None = None
    batch_id: str | None = None
    image_index: int = 0
    """Position in its batch, from 0. With `chain_id` it identifies the execution."""
    request_id: str = ""
    public_file_path: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    language: str = ""
    confidence_threshold: float = 0.5
    use_angle_cls: bool = True
    backend: str | None = None
    model: str | None = None
    width: int | None = None
    """Pixels of the first page."""
    height: int | None = None
    pages: int = 0
    duration_ms: float = 0.0
    text_boxes: tuple[TextBox, ...] = ()

    def __post_init__(self) -> None:
        for field in ("chain_id", "batch_id"):
            key = getattr(self, field)
            if key is not None and len(key) > MAX_KEY_LENGTH:
                raise InvalidInput(
                    f"{field} has {len(key)} characters, more than {MAX_KEY_LENGTH}; send a shorter one",
                    field=field,
                    limit=MAX_KEY_LENGTH,
                    actual=len(key),
                )
        if not 0 <= self.image_index <= MAX_IMAGE_INDEX:
            raise InvalidInput(f"image_index is {self.image_index}, not 0..{MAX_IMAGE_INDEX}", field="image_index")


@dataclass(frozen=True, slots=True)
class StoredExecution:
    """A row of the store."""

    id: str
    """UUID, version 7."""
    created_at: datetime
    """UTC; when the first attempt was recorded."""
    execution: Execution
    """In a list its `text_boxes` are left out; `text_box_count` still counts them."""
    text_box_count: int


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Conditions that must all hold; None means any."""

    chain_id: str | None = None
    batch_id: str | None = None
    status: Status | None = None
    language: str | None = None
    since: datetime | None = None
    """Inclusive; with a time zone."""
    until: datetime | None = None
    """Exclusive; with a time zone."""


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """Executions, newest first."""

    executions: tuple[StoredExecution, ...]
    next_cursor: str | None
    """Ask with it for the next page; None at the end."""
