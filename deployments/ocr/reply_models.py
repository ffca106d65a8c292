"""Shapes of the replies, as OpenAPI shows them; `deployments.ocr.replies` fills them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from deployments.ocr.store.records import Status


class TextBoxReply(BaseModel):
    text: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    bbox: Annotated[
        list[Annotated[list[float], Field(min_length=2, max_length=2)]],
        Field(min_length=4, max_length=4, description="[x, y] in pixels of the upright page, clockwise."),
    ]
    page: Annotated[int, Field(description="From 0.")]
    rotation: Annotated[int, Field(description="Degrees that the line was turned by before it was read: 0 or 180.")]


class PageSize(BaseModel):
    width: int
    height: int


class _Extracted(BaseModel):
    text_boxes: list[TextBoxReply]
    backend: str | None
    model: str | None
    language: str
    width: Annotated[int | None, Field(description="Pixels of the first page, upright.")]
    height: int | None
    pages: Annotated[int, Field(description="How many.")]
    page_sizes: list[PageSize]
    timings: Annotated[dict[str, float], Field(description="Milliseconds: `decode_ms`, `inference_ms`, `total_ms`.")]
    execution_id: Annotated[str | None, Field(description="Where it is stored; null where storing is switched off.")]
    request_id: str


class ExtractTextReply(_Extracted):
    pass


class BatchEntry(_Extracted):
    status: Status
    error: Annotated[str | None, Field(description="What is wrong with the image, and what to do.")]
    error_code: str | None


class ExtractTextBatchReply(BaseModel):
    results: Annotated[list[BatchEntry], Field(description="One an image, in the order they were sent.")]
    total_processed: int
    total_success: int
    total_failed: int
    request_id: str


class ExecutionSummary(BaseModel):
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


class ExecutionReply(ExecutionSummary):
    text_boxes: list[TextBoxReply]


class ExecutionListReply(BaseModel):
    executions: Annotated[list[ExecutionSummary], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
