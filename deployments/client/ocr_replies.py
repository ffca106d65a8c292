"""What the OCR service answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from deployments.client.replies import Reply

Status = Literal["success", "failed"]


@dataclass(frozen=True, slots=True)
class TextBox(Reply):
    """One line of text."""

    text: str
    confidence: float
    bbox: tuple[tuple[float, ...], ...]
    """Four [x, y] in pixels of the upright page, clockwise."""
    page: int = 0
    rotation: int = 0
    """Degrees that the line was turned by before it was read: 0 or 180."""


@dataclass(frozen=True, slots=True)
class PageSize(Reply):
    """Pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Extraction(Reply):
    """What was read of one image or document, in reading order."""

    text_boxes: tuple[TextBox, ...]
    backend: str | None = None
    model: str | None = None
    language: str = ""
    width: int | None = None
    """Pixels of the first page, upright."""
    height: int | None = None
    pages: int = 1
    page_sizes: tuple[PageSize, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds: `decode_ms`, `inference_ms`, `total_ms`."""
    execution_id: str | None = None
    request_id: str = ""

    @property
    def text(self) -> str:
        """A line per box."""
        return "\n".join(box.text for box in self.text_boxes)


@dataclass(frozen=True, slots=True)
class BatchEntry(Extraction):
    """One image of a batch. A failed one has no boxes, and says why."""

    status: Status = "success"
    error: str | None = None
    error_code: str | None = None
    index: int | None = None
    """Position in its task; None in a synchronous call."""

    @property
    def failed(self) -> bool:
        return self.status == "failed"


@dataclass(frozen=True, slots=True)
class BatchExtraction(Reply):
    """One entry an image, in the order they were sent."""

    results: tuple[BatchEntry, ...]
    total_processed: int
    total_success: int
    total_failed: int
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionSummary(Reply):
    """A stored execution, without its boxes."""

    id: str
    created_at: datetime
    status: Status
    chain_id: str | None
    batch_id: str | None
    image_index: int
    request_id: str
    source: str
    public_file_path: str | None
    error_code: str | None
    error_message: str | None
    language: str
    confidence_threshold: float
    use_angle_cls: bool
    backend: str | None
    model: str | None
    width: int | None
    height: int | None
    pages: int
    duration_ms: float
    text_box_count: int


@dataclass(frozen=True, slots=True)
class Execution(ExecutionSummary):
    """A stored execution."""

    text_boxes: tuple[TextBox, ...]


@dataclass(frozen=True, slots=True)
class ExecutionPage(Reply):
    """Newest first."""

    executions: tuple[ExecutionSummary, ...]
    next_cursor: str | None
    """For the next page; None at the end."""
