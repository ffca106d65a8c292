"""Reading doubtful lines once more, upside down.

PP-OCR's small classifier of line orientation overlooks lines and turns upright ones: on drawn pages of DejaVu and
Liberation it was wrong on 3 of 16. The recogniser itself knows better: text upside down is read with little confidence
(0.6 to 0.75), the same line turned with 0.99.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deployments.ocr.types import TextBox

_DOUBTFUL = 0.8
_MARGIN = 0.1
"""The other way up must be read this much more confidently; upright lines in bad print stay as they are."""


def is_doubtful(confidence: float) -> bool:
    return confidence < _DOUBTFUL


def wins(turned: float, upright: float) -> bool:
    """Is the reading after turning, with confidence `turned`, the right one?"""
    return turned > upright + _MARGIN


def merge(upright: Sequence[TextBox], turned: Sequence[TextBox], width: int, height: int) -> list[TextBox]:
    """Boxes of a page read upright, with those that its reading upside down did better put in their place.

    Args:
        upright, turned: boxes of the page and of the page turned by 180 degrees, each in its own pixels.
        width, height: of the page.
    """
    back = [_turn_back(box, width, height) for box in turned]
    if wins(_mean_confidence(turned), _mean_confidence(upright)):
        return back  # most of the page stands upside down, and what was found upright need not even be where lines are
    merged = []
    for box in upright:
        rivals = [other for other in back if is_doubtful(box.confidence) and _same_place(box, other)]
        best = max(rivals, key=lambda other: other.confidence, default=box)
        merged.append(best if wins(best.confidence, box.confidence) else box)
    return merged


def _mean_confidence(boxes: Sequence[TextBox]) -> float:
    """Over all characters; 0 without any."""
    characters = sum(len(box.text) for box in boxes)
    return sum(box.confidence * len(box.text) for box in boxes) / characters if characters else 0.0


def _turn_back(box: TextBox, width: int, height: int) -> TextBox:
    first, second, third, fourth = ((width - x, height - y) for x, y in box.bbox)
    return replace(box, bbox=(third, fourth, first, second), rotation=180)


def _same_place(one: TextBox, other: TextBox) -> bool:
    """Does the middle of each lie within the other's bounds?"""
    return _within(_middle(one), other) and _within(_middle(other), one)


def _middle(box: TextBox) -> tuple[float, float]:
    return sum(x for x, _ in box.bbox) / 4, sum(y for _, y in box.bbox) / 4


def _within(point: tuple[float, float], box: TextBox) -> bool:
    xs, ys = zip(*box.bbox, strict=True)
    return min(xs) <= point[0] <= max(xs) and min(ys) <= point[1] <= max(ys)
