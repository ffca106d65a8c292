"""Shapes of the replies, as OpenAPI shows them; `replies` fills them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Quad = Annotated[
    list[Annotated[list[float], Field(min_length=2, max_length=2)]],
    Field(min_length=4, max_length=4, description="[x, y] in pixels of the upright page, clockwise."),
]


class CorrectionReply(BaseModel):
    position: Annotated[int, Field(ge=0, le=10)]
    read: str
    corrected: str
    reason: Annotated[
        Literal["position", "check_digit"],
        Field(description="`position`: a digit where only a letter may stand, or the reverse."),
    ]


class NumberReply(BaseModel):
    number: Annotated[str | None, Field(description="Eleven characters; null where the check digit was not read.")]
    owner: Annotated[str | None, Field(description="Three letters registered with the BIC.")]
    category: Annotated[str | None, Field(description="U, J or Z.")]
    serial: str | None
    check_digit: str | None
    size_type: Annotated[str | None, Field(description="Code that stands near the number, e.g. 22G1.")]
    size_type_description: str | None
    valid: Annotated[bool, Field(description="Whether the check digit fits.")]
    confidence: Annotated[float, Field(ge=0, le=1)]
    needs_review: Annotated[bool, Field(description="True: never take this number as certain.")]
    review_reasons: list[str]
    alternatives: Annotated[list[str], Field(description="Other valid numbers that it could be, best first.")]
    corrections: list[CorrectionReply]
    text: Annotated[str, Field(description="As the reader saw it.")]
    box: Quad
    page: Annotated[int, Field(description="From 0.")]
    reader: Annotated[Literal["ocr", "florence", "ocr+florence"], Field(description="Who had a say.")]
    model: str
    adapter: Annotated[str | None, Field(description="null where no Florence-2 had a say.")]


class ImageReply(BaseModel):
    """One image."""

    name: Annotated[str, Field(description="Of the uploaded file, or the server path.")]
    status: Literal["success", "failed"]
    error: Annotated[str | None, Field(description="What is wrong with the image, and what to do.")]
    error_code: str | None
    numbers: Annotated[list[NumberReply], Field(description="Best first; empty where the image holds none.")]
    pages: list[dict[str, int]]
    duration_ms: float


class ReadReply(BaseModel):
    results: Annotated[list[ImageReply], Field(description="One an image, in the order they were sent.")]
    total_processed: int
    total_success: int
    total_failed: int
    reader: str
    adapter: str
    request_id: str


class AdapterReply(BaseModel):
    name: str
    fits: Annotated[bool, Field(description="Whether it was made for the base model that is served.")]
    base: Annotated[str | None, Field(description="Model it was made for.")]
    made: Annotated[str | None, Field(description="When its weights were written; ISO 8601, UTC.")]
    metrics: Annotated[dict[str, Any] | None, Field(description="As its fine-tuning measured them.")]


class AdaptersReply(BaseModel):
    model: str
    adapters: Annotated[list[AdapterReply], Field(description="`base`, the model without adapter, is the first.")]
    folder: Annotated[str, Field(description="An adapter that is put here is served at once.")]
