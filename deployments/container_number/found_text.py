"""Text found in a picture, and who finds it. Plain data: which OCR engine stands behind it is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Point = tuple[float, float]
"""(x, y) in pixels of the upright page, origin at the top left."""
Quad = tuple[Point, Point, Point, Point]
"""Corners, clockwise from the one nearest the page's top left."""


@dataclass(frozen=True, slots=True)
class FoundText:
    """One run of characters that was detected and read as a whole."""

    text: str
    confidence: float
    """0..1, mean over the characters."""
    quad: Quad
    page: int = 0
    rotation: int = 0
    """0, or 180 where the text stands upside down on the page."""


@dataclass(frozen=True, slots=True)
class TextFinding:
    """Everything that was found in one picture or document."""

    texts: tuple[FoundText, ...]
    pages: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each upright page."""
    model: str
    """Name of the model that read."""


class TextFinder(Protocol):
    """Finds and reads text anywhere in a picture: an OCR service, seen from here."""

    async def find(self, data: bytes) -> TextFinding:
        """All text in an image or document.

        Raises:
            UnsupportedMedia, InputTooLarge, InvalidInput: this picture cannot be read.
            Unavailable: the OCR service does not answer now.
        """
        ...
