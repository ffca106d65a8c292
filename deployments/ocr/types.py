"""Plain data of OCR: what is asked, what a page holds, what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployments.serving.media import MediaSource

Point = tuple[float, float]
"""(x, y) in pixels of the upright page, origin at the top left."""

Quad = tuple[Point, Point, Point, Point]
"""Corners of a text box, clockwise from the one nearest the page's top left (PaddleOCR's order, which clients rely on),
also where the text itself stands upside down: see `TextBox.rotation`."""


@dataclass(frozen=True, slots=True)
class OcrOptions:
    """Defaults are those of the old service (contracts.md)."""

    language: str = "korean"
    confidence_threshold: float = 0.5
    """0..1; boxes under it are left out."""
    use_angle_cls: bool = True
    """Turn lines that are upside down before reading them."""
    backend: str | None = None
    """Name of a loaded backend; None takes the first that reads `language`."""


@dataclass(frozen=True, slots=True)
class OcrRequest:
    """One image or document."""

    source: MediaSource
    options: OcrOptions = field(default_factory=OcrOptions)
    pages: range | None = None
    """Only these pages of the document, from 0; all of them by default."""


@dataclass(frozen=True, slots=True)
class TextBox:
    """One line of text."""

    text: str
    confidence: float
    """0..1, mean over the characters."""
    bbox: Quad
    page: int = 0
    rotation: int = 0
    """Degrees that the line was turned by before it was read: 0 or 180."""


@dataclass(frozen=True, slots=True)
class PageText:
    """What one page holds, before the threshold is applied."""

    boxes: tuple[TextBox, ...]
    width: int
    height: int
    inference_ms: float = 0.0
    """This page's share, by pixels, of the time its batch took."""


@dataclass(frozen=True, slots=True)
class OcrResult:
    """The answer to one `OcrRequest`; boxes under the threshold are gone, in reading order, page by page."""

    text_boxes: tuple[TextBox, ...]
    pages: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each upright page."""
    backend: str
    model: str
    language: str
    timings_ms: dict[str, float] = field(default_factory=dict)
    """`decode`, `inference` (share of the batch), in milliseconds."""
